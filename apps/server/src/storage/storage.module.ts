import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { join } from 'node:path';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { migrate } from './migrate.ts';
import { openPostgres, postgresPools } from './postgres.ts';
import { openSqlite } from './sqlite.ts';
import type { Storage } from './storage.ts';

/** Injection token of the one `Storage`. */
export const STORAGE = Symbol('Storage');

async function openStorage(settings: Settings): Promise<Storage> {
  const storage = settings.DATABASE_URL
    ? openPostgres(postgresPools(settings.DATABASE_URL))
    : openSqlite(join(settings.DATA_DIR, 'majlis.sqlite'));
  await migrate(storage);
  return storage;
}

@Global()
@Module({
  providers: [{ provide: STORAGE, inject: [SETTINGS], useFactory: openStorage }],
  exports: [STORAGE],
})
export class StorageModule implements OnApplicationShutdown {
  constructor(@Inject(STORAGE) private readonly storage: Storage) {}

  // The last to go: everything that writes has drained before the shutdown hooks run.
  async onApplicationShutdown(): Promise<void> {
    await this.storage.close();
  }
}
