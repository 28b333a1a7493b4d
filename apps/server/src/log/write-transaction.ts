import { bulkInsert, bulkSelect, bulkUpdate } from '../storage/bulk.ts';
import type { Bindable, Database, WriteConnection } from '../storage/storage.ts';
import type { LogEntry, StreamCounters } from './log-entry.ts';
import { readEntry } from './stream-log.repository.ts';

const LOCK_STREAMS = bulkSelect('streams', ['id', 'version', 'seq'], 'id', { lock: 'wait' });
const INSERT_STREAMS = bulkInsert('streams', { id: 'text', version: 'int8', seq: 'int8' }, { onConflict: 'nothing' });
const UPDATE_STREAMS = bulkUpdate('streams', { set: { version: 'int8', seq: 'int8' }, key: { id: 'text' } });
const INSERT_LOG = bulkInsert('stream_log', {
  stream: 'text',
  version: 'int8',
  seq: 'int8',
  kind: 'text',
  data: 'text',
  created_at: 'int8',
});

interface LockedStream extends StreamCounters {
  /** The version when the lock was taken: what memory must have seen to be current. */
  readonly lockedVersion: number;
  readonly lockedSeq: number;
}

/**
 * A write transaction with the log in it. The rows of all streams that it will append to are locked first, so versions and seqs are
 * counted in memory and written once at the end, together with the entries: one update a stream and one bulk insert a commit.
 */
export class WriteTransaction {
  /** Queries inside this transaction. */
  readonly db: Database;
  readonly connection: WriteConnection;
  /** The one time of everything that this transaction writes, in milliseconds. */
  readonly now: number;
  readonly #streams = new Map<string, LockedStream>();
  readonly #entries: LogEntry[] = [];
  /** The entries as rows of the log. */
  readonly #rows: Bindable[][] = [];
  /** How many of them the log has already. */
  #written = 0;
  /** The streams whose next message number was taken, in that order. */
  readonly #numbered: LockedStream[] = [];

  constructor(connection: WriteConnection, now: number) {
    this.connection = connection;
    this.db = connection.db;
    this.now = now;
  }

  /** Locks the rows of `streams`, in an order that all nodes share. Streams that do not exist yet start at version 0. */
  async lock(streams: Iterable<string>): Promise<void> {
    const missing = [...new Set(streams)].filter((id) => !this.#streams.has(id)).toSorted();
    if (missing.length === 0) return;
    const found = await this.#lockRows(missing);
    if (found === missing.length) return;
    // What has no row cannot be locked: another node may begin the same stream now, and take the same numbers. So the row comes first;
    // where another node was quicker, this waits for its commit, and then finds what it wrote.
    const unborn = missing.filter((id) => !this.#streams.has(id));
    await this.connection.insertMany(
      INSERT_STREAMS,
      unborn.map((id) => [id, 0, 0]),
    );
    await this.#lockRows(unborn);
  }

  /** @returns how many of them there are */
  async #lockRows(ids: readonly string[]): Promise<number> {
    const found = await this.connection.selectMany<StreamCounters & { id: string }>(LOCK_STREAMS, ids);
    for (const { id, version, seq } of found) this.#streams.set(id, { version, seq, lockedVersion: version, lockedSeq: seq });
    return found.length;
  }

  /** The counters of a locked stream. @throws where the stream was not named when the work was queued: a fault of ours */
  stream(id: string): Readonly<LockedStream> {
    const stream = this.#streams.get(id);
    if (!stream) throw new Error(`stream ${id} is not locked`);
    return stream;
  }

  /** Takes the next message number of a stream. */
  nextSeq(id: string): number {
    const stream = this.stream(id) as LockedStream;
    this.#numbered.push(stream);
    return ++stream.seq;
  }

  /**
   * Appends a change to a stream and returns its version; it is announced after the commit.
   * @throws TypeError where `data` is not JSON
   */
  append(stream: string, kind: string, data: unknown): number {
    const locked = this.stream(stream) as LockedStream;
    // Written out here and not at the end: what cannot be written is the caller's fault alone.
    const json = JSON.stringify(data);
    if (json === undefined) throw new TypeError(`the data of ${kind} is not JSON`);
    const version = ++locked.version;
    this.#entries.push({ stream, version, kind, data, createdAt: this.now });
    this.#rows.push([stream, version, locked.seq, kind, json, this.now]);
    return version;
  }

  /**
   * Appends a change that a feature's own row says completely, so that it is not written twice: its `EntrySource` reads it back.
   * Only for a change that takes the stream's next seq.
   */
  appendFromRow(stream: string, kind: string, data: unknown): number {
    const version = ++(this.stream(stream) as LockedStream).version;
    this.#entries.push({ stream, version, kind, data, createdAt: this.now });
    return version;
  }

  /** The entry of this very version, where it has a row of its own: also one that this transaction has appended. */
  async entry(stream: string, version: number): Promise<LogEntry | undefined> {
    // To a stream that is not locked nothing has been appended.
    const lockedVersion = this.#streams.get(stream)?.lockedVersion ?? Infinity;
    if (version > lockedVersion) await this.#write();
    return readEntry(this.db, stream, version);
  }

  async #write(): Promise<void> {
    await this.connection.insertMany(INSERT_LOG, this.#rows.slice(this.#written));
    this.#written = this.#rows.length;
  }

  /**
   * Runs `work`; where it throws, what it wrote and appended is undone and the transaction goes on with the rest of the batch.
   * @throws what `work` threw
   */
  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const before = {
      entries: this.#entries.length,
      rows: this.#rows.length,
      written: this.#written,
      numbered: this.#numbered.length,
      streams: this.#streams.size,
    };
    try {
      return await this.connection.savepoint(work);
    } catch (error) {
      // Counters only ever grow by one, so each taken number is given back. Copying them beforehand would cost every job of a batch
      // all streams of that batch.
      for (const { stream } of this.#entries.splice(before.entries)) (this.stream(stream) as LockedStream).version--;
      for (const stream of this.#numbered.splice(before.numbered)) stream.seq--;
      this.#rows.length = before.rows;
      this.#written = before.written;
      // Going back to a savepoint gives up the locks that were taken after it.
      for (const id of [...this.#streams.keys()].slice(before.streams)) this.#streams.delete(id);
      throw error;
    }
  }

  /** Writes the entries and counters; the last thing before the commit. @returns the entries, to be handed to the follower after it */
  async finish(): Promise<readonly LogEntry[]> {
    const changed: Bindable[][] = [];
    for (const [id, stream] of this.#streams) {
      if (stream.version === stream.lockedVersion && stream.seq === stream.lockedSeq) continue;
      changed.push([stream.version, stream.seq, id]);
    }
    await this.connection.updateMany(UPDATE_STREAMS, changed);
    await this.#write();
    return this.#entries;
  }

  /** The versions at which the locked streams stood before this transaction. */
  lockedVersions(): Map<string, number> {
    return new Map([...this.#streams].map(([id, stream]) => [id, stream.lockedVersion]));
  }
}
