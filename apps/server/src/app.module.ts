import { Module, type DynamicModule } from '@nestjs/common';
import type { Logger } from 'pino';
import { ConfigModule } from './config/config.module.ts';
import type { Settings } from './config/settings.ts';
import type { HttpEntry } from './http/http-entry.ts';
import { HttpModule } from './http/http.module.ts';
import { LogModule } from './log/log.module.ts';
import { LoggerModule } from './logger.ts';
import { StorageModule } from './storage/storage.module.ts';

/** What exists before the modules do. */
export interface Foundation {
  settings: Settings;
  logger: Logger;
  entry: HttpEntry;
}

@Module({})
export class AppModule {
  static with({ settings, logger, entry }: Foundation): DynamicModule {
    return {
      module: AppModule,
      imports: [ConfigModule.with(settings), LoggerModule.with(logger), StorageModule, LogModule, HttpModule.with(entry)],
    };
  }
}
