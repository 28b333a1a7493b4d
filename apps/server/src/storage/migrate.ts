/** Brings a database to the newest schema. Migrations are dated, frozen and forward-only. */
import { Migrator, type Migration } from 'kysely/migration';
import * as core from './migrations/2026-11-21-core.ts';
import * as messageSearch from './migrations/2026-11-21-message-search.ts';
import * as orders from './migrations/2026-11-21-orders.ts';
import * as support from './migrations/2026-11-21-support.ts';
import type { Storage } from './storage.ts';

/** In order; the name is what the database remembers. */
const MIGRATIONS: Record<string, Migration> = {
  '2026-11-21-core': core,
  '2026-11-21-message-search': messageSearch,
  '2026-11-21-orders': orders,
  '2026-11-21-support': support,
};

/**
 * Applies what is missing, under the database's migration lock, so that nodes may start together.
 * @throws the first failing migration's error; nothing of it remains
 */
export async function migrate(storage: Storage): Promise<void> {
  const migrator = new Migrator({ db: storage.schemaOwner, provider: { getMigrations: async () => MIGRATIONS } });
  const { error } = await migrator.migrateToLatest();
  if (error) throw error as Error;
}
