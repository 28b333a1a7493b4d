import { Inject, Injectable } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { Failure } from '../../errors.ts';
import { streamKind, type LogEntry, type StreamCounters } from '../../log/log-entry.ts';
import { StreamLog } from '../../log/stream-log.ts';
import { readCounters } from '../../log/stream-log.repository.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';

/** How far each member of a stream has received and read. */
export type Receipts = Record<string, { delivered_seq: number; read_seq: number }> | null;

/** What a feature tells of its streams, so that they can be caught up with. */
export interface SyncedStreams {
  /** Streams are named `<prefix>:<id>`, or by the prefix alone where there is only one. */
  readonly prefix: string;
  /** The receipts of a stream that the user may follow. @throws Failure where the user may not */
  authorize(userId: string, id: string): Promise<Receipts>;
  /** The user's streams of this kind. */
  streamsOf(userId: string): Promise<readonly string[]>;
  /** The user has been given these entries. */
  fetched?(userId: string, stream: string, entries: readonly LogEntry[]): void;
}

/** What follows a version in a stream. */
export interface StreamAnswer<Event> {
  events: readonly Event[];
  /** The version of the last event here, or the stream's own where there are none. */
  version: number;
  hasMore: boolean;
  /** What follows the version is no longer kept, or it is not of this store. */
  reset: boolean;
  receipts: Receipts;
}

/** How much may still be put into an answer. */
interface Room {
  events: number;
  bytes: number;
  /** No event has been put into it: the first is given however large it is, otherwise the client would ask for ever. */
  empty: boolean;
}

// About what a stream without events takes in an answer, beside its name.
const STREAM_BYTES = 100;
// And about what one member's receipts take.
const RECEIPT_BYTES = 50;
const COUNTERS_AT_ONCE = 1_000;

const NOTHING = { events: [], hasMore: false, reset: false, receipts: null };

/** Catching up: the same events, in the same order, as a socket that stayed was given live. */
@Injectable()
export class SyncService {
  readonly #storage: Storage;
  readonly #log: StreamLog;
  readonly #kinds = new Map<string, SyncedStreams>();

  constructor(@Inject(STORAGE) storage: Storage, log: StreamLog) {
    this.#storage = storage;
    this.#log = log;
  }

  /** Makes streams known; once, at start. */
  register(kind: SyncedStreams): void {
    this.#kinds.set(kind.prefix, kind);
  }

  /**
   * What follows each cursor, and the current version of the user's streams that it did not name.
   * @param cursors by the client's stream names, of which `user` is the user's own
   * @param project an entry as the client is to get it, undefined where it does not
   * @throws Failure INVALID_DATA for more than 100 streams; a stream that the user may not follow is answered in its place
   */
  async sync<Event>(
    userId: string,
    cursors: Readonly<Record<string, number>>,
    project: (entry: LogEntry) => Event | undefined,
  ): Promise<Map<string, StreamAnswer<Event> | Failure>> {
    const asked = Object.entries(cursors).map(([name, version]) => ({ name, version, stream: name === 'user' ? `user:${userId}` : name }));
    if (asked.length > LIMITS.syncStreams)
      throw new Failure('INVALID_DATA', { field: 'cursors', problem: `must name at most ${LIMITS.syncStreams} streams` });
    const others = await this.#streamsOf(userId);
    for (const { stream } of asked) others.delete(stream);
    const counters = await this.#counters([...others, ...asked.map(({ stream }) => stream)]);
    const allowed = await this.#authorizeAll(
      userId,
      asked.map(({ stream }) => stream),
    );
    const answers = new Map<string, StreamAnswer<Event> | Failure>();
    const room = roomBeside([...others], allowed);
    for (const { name, version, stream } of asked) {
      const receipts = allowed.get(stream)!;
      const upToDate = version === (counters.get(stream)?.version ?? 0);
      if (receipts instanceof Failure) answers.set(name, receipts);
      else if (upToDate) answers.set(name, { ...NOTHING, version, receipts });
      else answers.set(name, { ...(await this.#after(userId, stream, version, room, project)), receipts });
    }
    for (const stream of others) {
      answers.set(stream === `user:${userId}` ? 'user' : stream, { ...NOTHING, version: counters.get(stream)?.version ?? 0 });
    }
    return answers;
  }

  async #authorizeAll(userId: string, streams: readonly string[]): Promise<Map<string, Receipts | Failure>> {
    const allowed = new Map<string, Receipts | Failure>();
    for (const stream of streams) {
      try {
        allowed.set(stream, await this.#authorize(userId, stream));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        allowed.set(stream, error);
      }
    }
    return allowed;
  }

  async #authorize(userId: string, stream: string): Promise<Receipts> {
    const kind = this.#kinds.get(streamKind(stream));
    if (!kind) throw new Failure('NOT_FOUND', { field: 'cursors', problem: `no stream ${stream.slice(0, 100)}` });
    return kind.authorize(userId, stream.slice(stream.indexOf(':') + 1));
  }

  async #after<Event>(
    userId: string,
    stream: string,
    version: number,
    room: Room,
    project: (entry: LogEntry) => Event | undefined,
  ): Promise<Omit<StreamAnswer<Event>, 'receipts'>> {
    const { counters, stored } = await this.#storage.snapshot(async (db) => ({
      counters: (await readCounters(db, [stream])).get(stream),
      stored: await this.#log.read(stream, version, room.events, db),
    }));
    const { version: current, forgotten } = counters ?? { version: 0, forgotten: 0 };
    if (version > current || version < forgotten) return { events: [], version: current, hasMore: false, reset: true };
    const entries: LogEntry[] = [];
    const events: Event[] = [];
    for (const { entry } of stored) {
      const event = project(entry);
      const bytes = event === undefined ? 0 : Buffer.byteLength(JSON.stringify(event)) + 1;
      if (bytes > room.bytes && !room.empty) break;
      room.empty = false;
      room.events--;
      room.bytes -= bytes;
      entries.push(entry);
      if (event !== undefined) events.push(event);
    }
    if (entries.length > 0) this.#kinds.get(streamKind(stream))!.fetched?.(userId, stream, entries);
    const last = entries.at(-1)?.version ?? version;
    return { events, version: last, hasMore: last < current, reset: false };
  }

  async #streamsOf(userId: string): Promise<Set<string>> {
    const streams = new Set<string>();
    for (const kind of this.#kinds.values()) for (const stream of await kind.streamsOf(userId)) streams.add(stream);
    return streams;
  }

  async #counters(streams: readonly string[]): Promise<Map<string, StreamCounters>> {
    const counters = new Map<string, StreamCounters>();
    for (let i = 0; i < streams.length; i += COUNTERS_AT_ONCE) {
      for (const [stream, found] of await readCounters(this.#storage.db, streams.slice(i, i + COUNTERS_AT_ONCE)))
        counters.set(stream, found);
    }
    return counters;
  }
}

/** The room that is left for events beside the streams that have none, and the receipts. */
function roomBeside(others: readonly string[], allowed: ReadonlyMap<string, Receipts | Failure>): Room {
  let taken = 0;
  for (const stream of others) taken += Buffer.byteLength(stream) + STREAM_BYTES;
  for (const [stream, receipts] of allowed) {
    taken += Buffer.byteLength(stream) + STREAM_BYTES;
    if (receipts instanceof Failure) continue;
    for (const userId in receipts) taken += Buffer.byteLength(userId) + RECEIPT_BYTES;
  }
  // Who is in very many chats gets some events all the same.
  return { events: LIMITS.syncEvents, bytes: Math.max(LIMITS.syncBytes - taken, LIMITS.syncBytes / 2), empty: true };
}
