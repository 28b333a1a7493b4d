import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { Settings } from './settings.ts';

/** Injection token of the `Settings` that this process was started with. */
export const SETTINGS = Symbol('Settings');

@Global()
@Module({})
export class ConfigModule {
  static with(settings: Settings): DynamicModule {
    return { module: ConfigModule, providers: [{ provide: SETTINGS, useValue: settings }], exports: [SETTINGS] };
  }
}
