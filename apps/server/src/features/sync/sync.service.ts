import { Inject, Injectable } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { Failure } from '../../errors.ts';
import type { LogEntry, StreamCounters } from '../../log/log-entry.ts';
import { StreamLog } from '../../log/stream-log.ts';
import { readCounters } from '../../log/stream-log.repository.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';

/** How far each member of a stream has received and read. */
export type Receipts = Record<string, { delivered_seq: number; read_seq: number }> | null;

/** What a feature tells of its streams, so that they can be caught up with. */
export interface SyncedStreams {
  /** Streams are named `<prefix>:<id>`. */
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

/** What follows a version in a stream. */
export interface StreamAnswer {
  entries: readonly LogEntry[];
  /** The version of the last entry here, or the stream's own where there are none. */
  version: number;
  hasMore: boolean;
  /** What follows the version is no longer kept, or it is not of this store. */
  reset: boolean;
  receipts: Receipts;
}

/** Catching up: the same entries, in the same order, as a socket that stayed was given live. */
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
   * @param carries which kinds of streams the client's surface has: of others it can know nothing
   * @throws Failure INVALID_DATA for more than 100 streams; a stream that the user may not follow is answered in its place
   */
  async sync(
    userId: string,
    cursors: Readonly<Record<string, number>>,
    carries: (prefix: string) => boolean,
  ): Promise<Map<string, StreamAnswer | Failure>> {
    const asked = Object.entries(cursors);
    if (asked.length > LIMITS.syncStreams) throw new Failure('INVALID_DATA', { field: 'cursors', problem: `must name at most ${LIMITS.syncStreams} streams` });
    const answers = new Map<string, StreamAnswer | Failure>();
    let events: number = LIMITS.syncEvents;
    let bytes: number = LIMITS.syncBytes;
    for (const [name, version] of asked) {
      const stream = name === 'user' ? `user:${userId}` : name;
      try {
        const kind = this.#kinds.get(stream.slice(0, stream.indexOf(':')));
        if (!kind || !carries(kind.prefix)) throw new Failure('NOT_FOUND', { field: 'cursors', problem: `no stream ${name.slice(0, 100)}` });
        const answer = await this.#after(kind, userId, stream, version, events, bytes);
        events -= answer.entries.length;
        bytes -= answer.bytes;
        answers.set(name, answer);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        answers.set(name, error);
      }
    }
    await this.#addOthers(userId, answers, carries);
    return answers;
  }

  async #after(
    kind: SyncedStreams,
    userId: string,
    name: string,
    version: number,
    events: number,
    bytes: number,
  ): Promise<StreamAnswer & { bytes: number }> {
    const id = name.slice(name.indexOf(':') + 1);
    const receipts = await kind.authorize(userId, id);
    const stream = kind.alias ? await kind.alias.streamOf(userId, id) : name;
    const { counters, stored } = await this.#storage.snapshot(async (db) => ({
      counters: (await readCounters(db, [stream])).get(stream),
      stored: await this.#log.read(stream, version, Math.max(events, 0), db),
    }));
    const { version: current, forgotten } = counters ?? { version: 0, forgotten: 0 };
    if (version > current || version < forgotten) return { entries: [], version: current, hasMore: false, reset: true, receipts, bytes: 0 };
    const entries: LogEntry[] = [];
    let used = 0;
    for (const { entry, bytes: size } of stored) {
      // The first one of an answer is always given, however large: otherwise the client would ask for ever.
      if (used + size > bytes && !(entries.length === 0 && bytes === LIMITS.syncBytes)) break;
      used += size;
      entries.push(entry);
    }
    const last = entries.at(-1)?.version ?? version;
    if (entries.length > 0) kind.fetched?.(userId, stream, entries);
    return { entries, version: last, hasMore: last < current, reset: false, receipts, bytes: used };
  }

  async #addOthers(userId: string, answers: Map<string, StreamAnswer | Failure>, carries: (prefix: string) => boolean): Promise<void> {
    const names = new Map<string, string>();
    for (const kind of this.#kinds.values()) {
      if (!carries(kind.prefix)) continue;
      for (const stream of await kind.streamsOf(userId)) names.set(stream, kind.alias?.nameOf(stream) ?? clientName(stream, userId));
    }
    const unnamed = [...names.keys()].filter((stream) => !answers.has(names.get(stream)!));
    const counters = new Map<string, StreamCounters>();
    const AT_ONCE = 1_000;
    for (let i = 0; i < unnamed.length; i += AT_ONCE) {
      for (const [id, found] of await readCounters(this.#storage.db, unnamed.slice(i, i + AT_ONCE))) counters.set(id, found);
    }
    for (const stream of unnamed) {
      const version = counters.get(stream)?.version ?? 0;
      answers.set(names.get(stream)!, { entries: [], version, hasMore: false, reset: false, receipts: null });
    }
  }
}

function clientName(stream: string, userId: string): string {
  return stream === `user:${userId}` ? 'user' : stream;
}
