import { bulkSelect } from '../storage/bulk.ts';
import type { Database, WriteConnection } from '../storage/storage.ts';
import type { LogEntry, StreamCounters } from './log-entry.ts';

/** The entries of `stream` after `version` that have rows of their own, in order, at most `limit`. */
export async function readEntries(db: Database, stream: string, version: number, limit: number): Promise<LogEntry[]> {
  const rows = await db
    .selectFrom('stream_log')
    .select(['stream', 'version', 'kind', 'data', 'created_at'])
    .where('stream', '=', stream)
    .where('version', '>', version)
    .orderBy('version')
    .limit(limit)
    .execute();
  return rows.map(({ data, created_at, ...row }) => ({ ...row, data: JSON.parse(data), createdAt: created_at }));
}

/** The counters of those of `streams` that have begun; others are at 0. */
export async function readCounters(db: Database, streams: readonly string[]): Promise<Map<string, StreamCounters & { forgotten: number }>> {
  if (streams.length === 0) return new Map();
  const rows = await db.selectFrom('streams').selectAll().where('id', 'in', streams).execute();
  return new Map(rows.map(({ id, ...counters }) => [id, counters]));
}

/** The streams of a kind that have entries with rows of their own that are dated after `since` (ms), with the version of the latest. */
export async function streamsSince(db: Database, kind: string, since: number): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('stream_log')
    .select((eb) => ['stream', eb.fn.max<number>('version').as('version')])
    .where('created_at', '>', since)
    .where('stream', 'like', `${kind}:%`)
    .groupBy('stream')
    .execute();
  return new Map(rows.map(({ stream, version }) => [stream, version]));
}

/** The entry of this very version, where it has a row of its own. */
export async function readEntry(db: Database, stream: string, version: number): Promise<LogEntry | undefined> {
  const [found] = await readEntries(db, stream, version - 1, 1);
  return found?.version === version ? found : undefined;
}

/** Gives an entry that had none a row of its own. */
export async function insertEntry(db: Database, { stream, version, kind, data, createdAt }: LogEntry, seq: number): Promise<void> {
  await db
    .insertInto('stream_log')
    .values({ stream, version, seq, kind, data: JSON.stringify(data), created_at: createdAt })
    .execute();
}

/**
 * The number of the latest message at a version of a stream that was not forgotten. Between two rows of the log every version is a
 * message, so the nearest row tells.
 * @param messageKind the kind of entries that are messages
 */
export async function seqAt(db: Database, stream: string, version: number, messageKind: string): Promise<number> {
  const rows = db.selectFrom('stream_log').select(['version', 'seq', 'kind']).where('stream', '=', stream);
  const before = await rows.where('version', '<=', version).orderBy('version', 'desc').limit(1).executeTakeFirst();
  if (before) return before.seq + (version - before.version);
  const after = await rows.where('version', '>', version).orderBy('version').limit(1).executeTakeFirst();
  if (after) return after.seq - (after.kind === messageKind ? 1 : 0) - (after.version - 1 - version);
  const current = (await readCounters(db, [stream])).get(stream);
  return current ? current.seq - (current.version - version) : 0;
}

/** A place in the whole log, which is ordered by stream and version. */
export type EntryPlace = Pick<LogEntry, 'stream' | 'version'>;

/** Entries of all streams after a place, at most `limit`. */
export async function readOn(db: Database, { stream, version }: EntryPlace, limit: number): Promise<LogEntry[]> {
  const rows = await db
    .selectFrom('stream_log')
    .select(['stream', 'version', 'kind', 'data', 'created_at'])
    .where((eb) => eb(eb.refTuple('stream', 'version'), '>', eb.tuple(stream, version)))
    .orderBy('stream')
    .orderBy('version')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    stream: row.stream,
    version: row.version,
    kind: row.kind,
    data: JSON.parse(row.data),
    createdAt: row.created_at,
  }));
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

const LOCK_IDLE_STREAMS = bulkSelect('streams', ['id'], 'id', { lock: 'skip locked' });

/**
 * Deletes entries from before `time` (ms), of the `limit` oldest those of streams that nobody is writing to: waiting for a stream, behind
 * the locks that the transaction has already, two nodes would deadlock.
 * @returns how many there were, of streams in use too
 */
export async function deleteEntriesBefore(connection: WriteConnection, time: number, limit: number): Promise<number> {
  const { db } = connection;
  const old = await db
    .selectFrom('stream_log')
    .select(['stream', 'version'])
    .where('created_at', '<', time)
    .orderBy('created_at')
    .limit(limit)
    .execute();
  // By stream and highest version: an entry's predecessors are older than it.
  const upTo = new Map<string, number>();
  for (const { stream, version } of old) upTo.set(stream, Math.max(version, upTo.get(stream) ?? 0));
  for (const { id } of await connection.selectMany<{ id: string }>(LOCK_IDLE_STREAMS, [...upTo.keys()])) {
    const version = upTo.get(id)!;
    await db.updateTable('streams').set({ forgotten: version }).where('id', '=', id).where('forgotten', '<', version).execute();
    await db.deleteFrom('stream_log').where('stream', '=', id).where('version', '<=', version).execute();
  }
  return old.length;
}

/** Forgets all that a stream has said, as if it were too old: who asks for it is told to reload. */
export async function forgetEntries(db: Database, stream: string): Promise<void> {
  await db
    .updateTable('streams')
    .set((eb) => ({ forgotten: eb.ref('version') }))
    .where('id', '=', stream)
    .execute();
  await db.deleteFrom('stream_log').where('stream', '=', stream).execute();
}
