import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS } from '../config/config.module.ts';
import { makeFolder } from '../config/make-folder.ts';
import { cannotKeep, SettingsError, type Settings } from '../config/settings.ts';
import { migrate } from './migrate.ts';
import { openPostgres, postgresPools } from './postgres.ts';
import { lockForServer } from './server-lock.ts';
import { openSqlite } from './sqlite.ts';
import type { Storage } from './storage.ts';

/** Injection token of the one `Storage`. */
export const STORAGE = Symbol('Storage');

async function openEmbedded({ DATA_DIR }: Settings): Promise<Storage> {
  let lock;
  try {
    makeFolder(DATA_DIR);
    accessSync(DATA_DIR, constants.W_OK);
    lock = lockForServer(join(DATA_DIR, 'server.lock'));
  } catch (error) {
    throw cannotKeep('the store', DATA_DIR, error);
  }
  if (!lock)
    throw new SettingsError(
      `DATA_DIR is ${JSON.stringify(DATA_DIR)}, on which another server runs; it must be a directory of this one’s own, or that server must be stopped`,
    );
  const storage = openSqlite(join(DATA_DIR, 'majlis.sqlite'));
  const close = async () => {
    await storage.close();
    lock.release();
  };
  try {
    await migrate(storage);
  } catch (error) {
    await close();
    throw error;
  }
  return { ...storage, close };
}

// What a URL that is well written and wrong, or a database that is not there, ends in: of the connection (Node), of the sign-in (PostgreSQL).
const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ETIMEDOUT', '28000', '28P01', '3D000']);

async function openDatabase(url: string): Promise<Storage> {
  const storage = openPostgres(postgresPools(url));
  try {
    await migrate(storage);
  } catch (error) {
    await storage.close();
    const { code, message } = error as Error & { code?: string };
    if (code === undefined || !UNREACHABLE.has(code)) throw error;
    // The URL holds a password, so it is not shown; what the driver says of it does not name that.
    throw new SettingsError(
      `DATABASE_URL names a database that cannot be used (${message}); it must be one that runs and lets this user in`,
    );
  }
  return storage;
}

const openStorage = (settings: Settings): Promise<Storage> =>
  settings.DATABASE_URL ? openDatabase(settings.DATABASE_URL) : openEmbedded(settings);

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
