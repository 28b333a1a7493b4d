/** Brings a database to the newest schema. Migrations are dated, frozen and forward-only. */
import { Migrator, type Migration } from 'kysely/migration';
import * as bookings from './migrations/2026-11-21-bookings.ts';
import * as core from './migrations/2026-11-21-core.ts';
import * as mentions from './migrations/2026-11-21-mentions.ts';
import * as messageSearch from './migrations/2026-11-21-message-search.ts';
import * as orders from './migrations/2026-11-21-orders.ts';
import * as projects from './migrations/2026-11-21-projects.ts';
import * as preferences from './migrations/2026-11-21-preferences.ts';
import * as social from './migrations/2026-11-21-social.ts';
import * as push from './migrations/2026-11-21-push.ts';
import * as support from './migrations/2026-11-21-support.ts';
import * as uploads from './migrations/2026-11-21-uploads.ts';
import * as userAdministration from './migrations/2026-11-21-user-administration.ts';
import * as devicesByAge from './migrations/2026-11-29-devices-by-age.ts';
import * as quotedMessages from './migrations/2026-11-29-quoted-messages.ts';
import type { Storage, WriteConnection } from './storage.ts';

/** In order; the name is what the database remembers. */
const MIGRATIONS: Record<string, Migration> = {
  '2026-11-21-bookings': bookings,
  '2026-11-21-core': core,
  '2026-11-21-mentions': mentions,
  '2026-11-21-message-search': messageSearch,
  '2026-11-21-orders': orders,
  '2026-11-21-projects': projects,
  '2026-11-21-social': social,
  '2026-11-21-support': support,
  '2026-11-21-uploads': uploads,
  '2026-11-21-preferences': preferences,
  '2026-11-21-user-administration': userAdministration,
  '2026-11-21-push': push,
  '2026-11-29-devices-by-age': devicesByAge,
  '2026-11-29-quoted-messages': quotedMessages,
};

const provider = { getMigrations: async () => MIGRATIONS };

/**
 * Applies what is missing, under the database's migration lock, so that nodes may start together.
 * @throws the first failing migration's error; nothing of it remains
 */
export async function migrate(storage: Storage): Promise<void> {
  const { error } = await new Migrator({ db: storage.schemaOwner, provider }).migrateToLatest();
  if (error) throw error as Error;
}

/** Brings an empty database to the schema that it has after migration `name`, inside a transaction that is open. */
export async function migrateWithin({ db }: WriteConnection, name: string): Promise<void> {
  const { error } = await new Migrator({ db, provider, disableTransactions: true }).migrateTo(name);
  if (error) throw error as Error;
}
