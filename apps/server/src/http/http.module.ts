import { Global, Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ClientAddresses } from './client-address.ts';
import { Drain } from './drain.ts';
import { HealthController } from './health.controller.ts';
import { HttpEntry } from './http-entry.ts';
import { ProblemFilter } from './problem.filter.ts';
import { PublicUrl } from './public-url.ts';
import { Readiness } from './readiness.ts';

@Global()
@Module({})
export class HttpModule {
  static with(entry: HttpEntry): DynamicModule {
    return {
      module: HttpModule,
      providers: [
        { provide: HttpEntry, useValue: entry },
        Drain,
        Readiness,
        ClientAddresses,
        PublicUrl,
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
      controllers: [HealthController],
      exports: [HttpEntry, Drain, ClientAddresses, PublicUrl],
    };
  }
}
