import type { Database } from '../storage/storage.ts';
import type { LogEntry, StreamCounters } from './log-entry.ts';

/** A log entry as it is read back: its size on the wire is near its size here. */
export interface StoredEntry {
  entry: LogEntry;
  bytes: number;
}

/** The entries of `stream` after `version`, in order, at most `limit`. */
export async function readEntries(db: Database, stream: string, version: number, limit: number): Promise<StoredEntry[]> {
  const rows = await db
    .selectFrom('stream_log')
    .select(['stream', 'version', 'kind', 'data', 'created_at'])
    .where('stream', '=', stream)
    .where('version', '>', version)
    .orderBy('version')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    entry: { stream: row.stream, version: row.version, kind: row.kind, data: JSON.parse(row.data), createdAt: row.created_at },
    bytes: Buffer.byteLength(row.data),
  }));
}

/** The counters of those of `streams` that have begun; others are at 0. */
export async function readCounters(db: Database, streams: readonly string[]): Promise<Map<string, StreamCounters>> {
  if (streams.length === 0) return new Map();
  const rows = await db.selectFrom('streams').selectAll().where('id', 'in', streams).execute();
  return new Map(rows.map(({ id, version, seq }) => [id, { version, seq }]));
}

/** Rewrites the data of one entry: what was deleted must not stay readable in the log. */
export async function rewriteEntry(db: Database, stream: string, version: number, data: unknown): Promise<void> {
  await db
    .updateTable('stream_log')
    .set({ data: JSON.stringify(data) })
    .where('stream', '=', stream)
    .where('version', '=', version)
    .execute();
}

/** Deletes at most `limit` entries from before `time` (ms). @returns how many */
export async function deleteEntriesBefore(db: Database, time: number, limit: number): Promise<number> {
  const old = await db
    .selectFrom('stream_log')
    .select(['stream', 'version'])
    .where('created_at', '<', time)
    .orderBy('created_at')
    .limit(limit)
    .execute();
  if (old.length === 0) return 0;
  // By stream and highest version: an entry's predecessors are older than it.
  const upTo = new Map<string, number>();
  for (const { stream, version } of old) upTo.set(stream, Math.max(version, upTo.get(stream) ?? 0));
  for (const [stream, version] of upTo) {
    await db.deleteFrom('stream_log').where('stream', '=', stream).where('version', '<=', version).execute();
  }
  return old.length;
}
