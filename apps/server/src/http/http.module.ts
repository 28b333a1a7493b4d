import { Global, Module, type DynamicModule } from '@nestjs/common';
import { Drain } from './drain.ts';
import { HealthController } from './health.controller.ts';
import { HttpEntry } from './http-entry.ts';

@Global()
@Module({})
export class HttpModule {
  static with(entry: HttpEntry): DynamicModule {
    return {
      module: HttpModule,
      providers: [{ provide: HttpEntry, useValue: entry }, Drain],
      controllers: [HealthController],
      exports: [HttpEntry, Drain],
    };
  }
}
