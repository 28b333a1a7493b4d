import { streamKind, type LogEntry } from './log-entry.ts';
import type { CommitListener } from './write-queue.ts';

/** Reads a stream's entries after a version, in order; a page of the length asked for, or shorter at the end. */
export type ReadAfter = (stream: string, version: number, limit: number) => Promise<readonly LogEntry[]>;

/** Called for every entry, in version order for each stream. Must not throw and must not wait. */
export type EntryListener = (entry: LogEntry) => void;

/** What brings this node the entries that other nodes committed. On one node there is none. */
export interface LogCarrier {
  /** Tells the other nodes; a hint that may get lost. */
  publish(entries: readonly LogEntry[]): void;
  /** Tells the other nodes to look what these streams have come to: nobody knows what was committed. */
  publishUnknown(streams: Iterable<string>): void;
}

interface StreamPosition {
  /** The latest version that listeners have had. */
  version: number;
  /** A read of the log is under way; what arrives meanwhile is read by it, or by the next one. */
  filling: boolean;
  /** The highest version known to exist. */
  known: number;
  /** Of its kind of stream; kept here so that a message, of which there are many, is not offered to those who want none. */
  readonly listeners: readonly EntryListener[];
}

// Where a stream is not followed, its position is needed only from its latest entry to its next one on this node; beyond this many the
// oldest are forgotten, and the stream is picked up again at its next entry.
const POSITIONS = 200_000;
const FILL_PAGE = 200;
const RETRY_MS = 250;

/**
 * Follows streams in version order. Entries come from this node's commits or from a carrier, in whatever order and however often;
 * listeners get each once and in order. A gap is filled from the database: the log is the truth, a carrier only makes it fast.
 */
export class Follower implements CommitListener {
  readonly #read: ReadAfter;
  readonly #carrier: LogCarrier | undefined;
  readonly #registered: { listener: EntryListener; kind: string | undefined }[] = [];
  /** Listeners by kind of stream. */
  readonly #listeners = new Map<string, EntryListener[]>();
  readonly #skipListeners: ((stream: string) => void)[] = [];
  /** Of streams that this node follows: whatever any node commits to them is told here. */
  readonly #followed = new Map<string, StreamPosition>();
  /** Of streams that this node only writes to. */
  readonly #passing = new Map<string, StreamPosition>();
  #stopped = false;

  constructor(read: ReadAfter, carrier?: LogCarrier) {
    this.#read = read;
    this.#carrier = carrier;
  }

  /**
   * Adds a listener; listeners are called in the order in which they were added.
   * @param kind of the streams that it wants (`streamKind`); without it all
   */
  onEntry(listener: EntryListener, kind?: string): void {
    this.#registered.push({ listener, kind });
    for (const [of, listeners] of this.#listeners) if (kind === undefined || kind === of) listeners.push(listener);
  }

  /**
   * Calls `listener` with a stream of which entries were passed over, or may have been: what memory made of them is old. Only with several
   * nodes, and before the next entry is told.
   */
  onSkipped(listener: (stream: string) => void): void {
    this.#skipListeners.push(listener);
  }

  /**
   * From now on everything after `version` reaches the listeners. A stream that is not followed is picked up at the entry that this
   * node commits next, and what other nodes committed before that is not looked for.
   */
  follow(stream: string, version: number): void {
    if (this.#followed.has(stream)) return;
    const position = this.#passing.get(stream) ?? this.#begin(stream, version);
    this.#passing.delete(stream);
    this.#followed.set(stream, position);
    this.#skipTo(stream, position, version);
  }

  /** What other nodes commit to a stream is of no interest here any more. */
  unfollow(stream: string): void {
    const position = this.#followed.get(stream);
    if (!position || !this.#followed.delete(stream)) return;
    this.#keep(stream, position);
  }

  /** Whether this node is told of all changes of a stream, so that memory can be held against the log. On one node always. */
  follows(stream: string): boolean {
    return this.#carrier === undefined || this.#followed.has(stream);
  }

  /** The version of a followed stream that listeners have had last. */
  reached(stream: string): number {
    return this.#position(stream, 0).version;
  }

  /** Reads on, where listeners have not had `version` of a stream, which exists: whatever told the other nodes of it got lost. */
  expect(stream: string, version: number): void {
    const position = this.#position(stream, version - 1);
    if (version > position.version) this.#fill(stream, position, version);
  }

  committed(entries: readonly LogEntry[]): void {
    this.receive(entries);
    this.#carrier?.publish(entries);
  }

  uncertain(versions: ReadonlyMap<string, number>): void {
    for (const [stream, version] of versions) {
      const position = this.#position(stream, version);
      // At least one more may exist; the read tells.
      this.#fill(stream, position, version + 1);
    }
    this.#carrier?.publishUnknown(versions.keys());
  }

  /** Takes entries from a commit or from a carrier. */
  receive(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      const position = this.#position(entry.stream, entry.version - 1);
      if (entry.version <= position.version) continue;
      // Nobody here wants to know what other nodes wrote meanwhile.
      if (entry.version > position.version + 1 && !position.filling && !this.follows(entry.stream))
        this.#skipTo(entry.stream, position, entry.version - 1);
      if (entry.version === position.version + 1 && !position.filling) {
        tell(entry, position);
      } else this.#fill(entry.stream, position, entry.version);
    }
  }

  /** Ends retries of reading. */
  stop(): void {
    this.#stopped = true;
  }

  #position(stream: string, ifUnknown: number): StreamPosition {
    const known = this.#followed.get(stream) ?? this.#passing.get(stream);
    return known ?? this.#keep(stream, this.#begin(stream, ifUnknown));
  }

  #begin(stream: string, version: number): StreamPosition {
    const kind = streamKind(stream);
    let listeners = this.#listeners.get(kind);
    if (!listeners) {
      listeners = this.#registered.filter((one) => one.kind === undefined || one.kind === kind).map(({ listener }) => listener);
      this.#listeners.set(kind, listeners);
    }
    return { version, filling: false, known: version, listeners };
  }

  #keep(stream: string, position: StreamPosition): StreamPosition {
    this.#passing.set(stream, position);
    if (this.#passing.size > POSITIONS) this.#forgetOldest();
    return position;
  }

  #forgetOldest(): void {
    for (const [stream, { filling }] of this.#passing) {
      if (filling) continue;
      this.#passing.delete(stream);
      return;
    }
  }

  #skipTo(stream: string, position: StreamPosition, version: number): void {
    position.version = Math.max(position.version, version);
    if (this.#carrier) for (const listener of this.#skipListeners) listener(stream);
  }

  #fill(stream: string, position: StreamPosition, known: number): void {
    position.known = Math.max(position.known, known);
    if (position.filling) return;
    position.filling = true;
    void this.#readOn(stream, position);
  }

  async #readOn(stream: string, position: StreamPosition): Promise<void> {
    while (position.version < position.known && !this.#stopped) {
      const known = position.known;
      try {
        const entries = await this.#read(stream, position.version, FILL_PAGE);
        for (const entry of entries) {
          // Following may have begun meanwhile, from a later version.
          if (entry.version <= position.version) continue;
          tell(entry, position);
        }
        // The end of the log: what was thought to exist does not (an uncertain commit that failed).
        if (entries.length === 0 && position.known === known) position.known = position.version;
      } catch {
        // The store is away; what was committed will still be there.
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    position.filling = false;
  }
}

function tell(entry: LogEntry, position: StreamPosition): void {
  position.version = entry.version;
  for (const listener of position.listeners) listener(entry);
}
