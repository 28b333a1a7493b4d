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
  /** Which stream a user means by `<prefix>:<id>`, where it is not of that very name; and back. */
  readonly alias?: { streamOf(userId: string, id: string): Promise<string>; nameOf(stream: string): string };
  /** The user's streams of this kind. */
  streamsOf(userId: string): Promise<readonly string[]>;
  /** The user has been given these entries. */
  fetched?(userId: string, stream: string, entries: readonly LogEntry[]): void;
}

/** The surface that asks. */
export interface SyncSurface {
  /** Which kinds of streams it has: of others its clients can know nothing. */
  readonly carries: (prefix: string) => boolean;
  /** An entry as its clients get it, undefined where they do not. */
  readonly project: (entry: LogEntry) => { event: string; data: unknown } | undefined;
}

/** An event as its client would have had it live. */
export interface SyncedEvent {
  version: number;
  event: string;
  data: unknown;
}

/** A stream that the user may follow. */
interface Followed {
  stream: string;
  receipts: Receipts;
}

/** What follows a version in a stream. */
export interface StreamAnswer {
  events: SyncedEvent[];
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

/** What clients call the stream of the user alone. */
const OWN = 'user';

const nothing = (version: number): StreamAnswer => ({ events: [], version, hasMore: false, reset: false, receipts: null });

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
   * @throws Failure INVALID_DATA for more than 100 streams; a stream that the user may not follow is answered in its place
   */
  async sync(
    userId: string,
    cursors: Readonly<Record<string, number>>,
    surface: SyncSurface,
  ): Promise<Map<string, StreamAnswer | Failure>> {
    const asked = Object.entries(cursors);
    if (asked.length > LIMITS.syncStreams)
      throw new Failure('INVALID_DATA', { field: 'cursors', problem: `must name at most ${LIMITS.syncStreams} streams` });
    const others = await this.#streamsOf(userId, surface);
    const followed = await this.#followAll(userId, Object.keys(cursors), surface);
    const streams = [...followed.values()].flatMap((one) => (one instanceof Failure ? [] : [one.stream]));
    for (const stream of streams) others.delete(stream);
    const counters = await this.#counters([...others.keys(), ...streams]);
    const answers = new Map<string, StreamAnswer | Failure>();
    const room = roomBeside([...others.keys(), ...followed.keys()]);
    for (const [name, version] of asked) {
      const found = followed.get(name)!;
      if (found instanceof Failure) {
        answers.set(name, found);
        continue;
      }
      const { stream, receipts } = found;
      const bytes = bytesOf(receipts);
      if (bytes > room.bytes) {
        // Asked about again it comes before those that had room now. The first always has: a chat tells of at most 100 members.
        answers.set(name, { ...nothing(version), hasMore: true });
        continue;
      }
      room.bytes -= bytes;
      const upToDate = version === (counters.get(stream)?.version ?? 0);
      if (upToDate) answers.set(name, { ...nothing(version), receipts });
      else answers.set(name, { ...(await this.#after(userId, stream, version, room, surface)), receipts });
    }
    // One that was left just now has its refusal.
    for (const [stream, name] of others) if (!answers.has(name)) answers.set(name, nothing(counters.get(stream)?.version ?? 0));
    return answers;
  }

  async #followAll(userId: string, names: readonly string[], surface: SyncSurface): Promise<Map<string, Followed | Failure>> {
    const followed = new Map<string, Followed | Failure>();
    for (const name of names) {
      try {
        followed.set(name, await this.#follow(userId, name, surface));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        followed.set(name, error);
      }
    }
    return followed;
  }

  async #follow(userId: string, name: string, { carries }: SyncSurface): Promise<Followed> {
    const stream = name === OWN ? `${OWN}:${userId}` : name;
    const kind = this.#kinds.get(streamKind(stream));
    if (!kind || !carries(kind.prefix)) throw new Failure('NOT_FOUND', { field: 'cursors', problem: `no stream ${name.slice(0, 100)}` });
    const id = stream.slice(stream.indexOf(':') + 1);
    const receipts = await kind.authorize(userId, id);
    return { stream: kind.alias ? await kind.alias.streamOf(userId, id) : stream, receipts };
  }

  async #after(
    userId: string,
    stream: string,
    version: number,
    room: Room,
    { project }: SyncSurface,
  ): Promise<Omit<StreamAnswer, 'receipts'>> {
    const { counters, stored } = await this.#storage.snapshot(async (db) => ({
      counters: (await readCounters(db, [stream])).get(stream),
      stored: await this.#log.read(stream, version, room.events, db),
    }));
    const { version: current, forgotten } = counters ?? { version: 0, forgotten: 0 };
    if (version > current || version < forgotten) return { events: [], version: current, hasMore: false, reset: true };
    const entries: LogEntry[] = [];
    const events: SyncedEvent[] = [];
    for (const entry of stored) {
      const wire = project(entry);
      const event = wire && { version: entry.version, ...wire };
      const bytes = event === undefined ? 0 : Buffer.byteLength(JSON.stringify(event)) + 1;
      if (bytes > room.bytes && !room.empty) break;
      room.empty = false;
      room.events--;
      room.bytes -= bytes;
      entries.push(entry);
      if (event !== undefined) events.push(event);
    }
    if (entries.length > 0) this.#kinds.get(streamKind(stream))?.fetched?.(userId, stream, entries);
    const last = entries.at(-1)?.version ?? version;
    return { events, version: last, hasMore: last < current, reset: false };
  }

  /** The user's streams, each with the name that the surface's clients know it by. */
  async #streamsOf(userId: string, { carries }: SyncSurface): Promise<Map<string, string>> {
    const streams = new Map<string, string>();
    for (const kind of this.#kinds.values()) {
      if (!carries(kind.prefix)) continue;
      for (const stream of await kind.streamsOf(userId))
        streams.set(stream, kind.alias?.nameOf(stream) ?? (kind.prefix === OWN ? OWN : stream));
    }
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

/** What receipts take in an answer, about. */
function bytesOf(receipts: Receipts): number {
  let bytes = 0;
  for (const userId in receipts) bytes += Buffer.byteLength(userId) + RECEIPT_BYTES;
  return bytes;
}

/** The room that is left for events and receipts beside the streams that have none. */
function roomBeside(streams: Iterable<string>): Room {
  let taken = 0;
  for (const stream of streams) taken += Buffer.byteLength(stream) + STREAM_BYTES;
  // Who is in very many chats gets some events all the same.
  return { events: LIMITS.syncEvents, bytes: Math.max(LIMITS.syncBytes - taken, LIMITS.syncBytes / 2), empty: true };
}
