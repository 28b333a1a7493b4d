/** SQL over when users were last seen. */
import { bulkUpdate } from '../../storage/bulk.ts';
import type { Database, WriteConnection } from '../../storage/storage.ts';

const UPDATE = bulkUpdate('users', {
  set: { last_seen: 'int8' },
  key: { id: 'text' },
  onlyForward: 'last_seen',
  // Of an erased person nothing comes back.
  whereNull: 'erased_at',
});

/** Stores when users were last seen (ms); a later time that is stored already stays. */
export async function writeLastSeen(connection: WriteConnection, times: ReadonlyMap<string, number>): Promise<void> {
  await connection.updateMany(
    UPDATE,
    Array.from(times, ([id, time]) => [time, id]),
  );
}

/** When these users were last seen (ms); who never was, or does not exist, is left out. */
export async function readLastSeen(db: Database, ids: readonly string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom('users').select(['id', 'last_seen']).where('id', 'in', ids).where('last_seen', 'is not', null).execute();
  return new Map(rows.map((row) => [row.id, row.last_seen!]));
}
