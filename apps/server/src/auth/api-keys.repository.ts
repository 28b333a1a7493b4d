/** SQL over the keys that administrators made. */
import type { ApiKeysTable } from '../storage/schema.ts';
import type { Database } from '../storage/storage.ts';

export async function insertKey(db: Database, key: ApiKeysTable): Promise<void> {
  await db.insertInto('api_keys').values(key).execute();
}

/** The keys that are good. */
export function findGoodKeys(db: Database): Promise<Pick<ApiKeysTable, 'id' | 'hash'>[]> {
  return db.selectFrom('api_keys').select(['id', 'hash']).where('revoked_at', 'is', null).execute();
}

/** All keys, the latest first, from before the one of that id. Ids are UUIDv7: their order is that of time. */
export function pageKeys(db: Database, before: string | undefined, limit: number): Promise<ApiKeysTable[]> {
  let query = db.selectFrom('api_keys').selectAll();
  if (before !== undefined) query = query.where('id', '<', before);
  return query.orderBy('id', 'desc').limit(limit).execute();
}

/** Revokes a key. @returns its name; undefined where there is no good key of that id */
export async function revokeKey(db: Database, id: string, now: number): Promise<string | undefined> {
  const key = await db.selectFrom('api_keys').select('name').where('id', '=', id).where('revoked_at', 'is', null).executeTakeFirst();
  if (key) await db.updateTable('api_keys').set({ revoked_at: now }).where('id', '=', id).execute();
  return key?.name;
}
