import { bulkInsert } from '../storage/bulk.ts';
import type { DevicesTable } from '../storage/schema.ts';
import type { Database, WriteConnection } from '../storage/storage.ts';

/** The rows of a user that are younger than `since` (ms), the latest first. */
export function readDevices(db: Database, userId: string, since: number): Promise<DevicesTable[]> {
  return db
    .selectFrom('devices')
    .selectAll()
    .where('user_id', '=', userId)
    .where('updated_at', '>', since)
    .orderBy('updated_at', 'desc')
    .limit(50)
    .execute();
}

const INSERT = bulkInsert(
  'devices',
  { user_id: 'text', device: 'text', state: 'text', token_hash: 'text', expires_at: 'int8', updated_at: 'int8' },
  { onConflict: 'replace', key: ['user_id', 'device'] },
);

/** Stores what became of devices; of several rows for one device the last stands. */
export async function writeDevices(connection: WriteConnection, rows: readonly DevicesTable[]): Promise<void> {
  const latest = new Map(rows.map((row) => [`${row.user_id}\n${row.device}`, row]));
  await connection.insertMany(
    INSERT,
    [...latest.values()].map((row) => [row.user_id, row.device, row.state, row.token_hash, row.expires_at, row.updated_at]),
  );
}

/** Forgets devices that have not been seen since `time` (ms), at most `limit`, the oldest first. @returns how many */
export async function deleteDevicesBefore(db: Database, time: number, limit: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('devices')
    .where((eb) =>
      eb(
        eb.refTuple('user_id', 'device'),
        'in',
        eb
          .selectFrom('devices')
          .select(['user_id', 'device'])
          .where('updated_at', '<', time)
          .orderBy('updated_at')
          .limit(limit)
          .$asTuple('user_id', 'device'),
      ),
    )
    // Looked at again under the row's lock: the device may be back.
    .where('updated_at', '<', time)
    .executeTakeFirst();
  return Number(numDeletedRows);
}
