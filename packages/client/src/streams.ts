/** One change of a stream, as it came live or from `sync`. */
export interface StreamEvent {
  readonly stream: string;
  readonly version: number;
  readonly event: string;
  readonly data: unknown;
}

/** Events ahead of a gap that are kept per stream; `sync` brings what is past that. */
const MAX_AHEAD = 1_000;

/**
 * Puts the changes of every stream in order, each once, whichever way and how often they arrive. It does no I/O: it says
 * what may be handed on now, and which streams have a gap that somebody has to ask the server to fill.
 */
export class Streams {
  /** The version that was handed on last, by stream. */
  readonly #cursors: Map<string, number>;
  /** What arrived ahead of a gap, by stream and version. */
  readonly #ahead = new Map<string, Map<number, StreamEvent>>();

  constructor(cursors: Readonly<Record<string, number>> = {}) {
    this.#cursors = new Map(Object.entries(cursors));
  }

  /** Takes one event and answers what is next in order: nothing, this one, or this one and what waited for it. */
  offer(event: StreamEvent): StreamEvent[] {
    const cursor = this.#cursors.get(event.stream);
    // The first that is ever heard of a stream: whatever came before it is in the snapshot that the application reads.
    if (cursor === undefined || event.version === cursor + 1) {
      this.#cursors.set(event.stream, event.version);
      return [event, ...this.#drain(event.stream)];
    }
    if (event.version > cursor) this.#keep(event);
    return [];
  }

  /** Whether something of this stream waits for versions that have not come. */
  hasGap(stream: string): boolean {
    return this.#ahead.has(stream);
  }

  cursor(stream: string): number | undefined {
    return this.#cursors.get(stream);
  }

  cursors(): Record<string, number> {
    return Object.fromEntries(this.#cursors);
  }

  /** Notes the version of a snapshot, unless the stream is already followed. */
  seed(stream: string, version: number): void {
    if (!this.#cursors.has(stream)) this.#cursors.set(stream, version);
  }

  /** Goes on from `version`, whatever was missing before it. Answers what waited past it. */
  reset(stream: string, version: number): StreamEvent[] {
    this.#cursors.set(stream, version);
    return this.#drain(stream);
  }

  /** The highest version that is known of, handed on or waiting. */
  latest(stream: string): number {
    return Math.max(this.#cursors.get(stream) ?? 0, ...(this.#ahead.get(stream)?.keys() ?? []));
  }

  /** Stops following a stream. */
  forget(stream: string): void {
    this.#cursors.delete(stream);
    this.#ahead.delete(stream);
  }

  #keep(event: StreamEvent): void {
    const waiting = this.#ahead.get(event.stream) ?? new Map<number, StreamEvent>();
    if (waiting.size < MAX_AHEAD) waiting.set(event.version, event);
    this.#ahead.set(event.stream, waiting);
  }

  #drain(stream: string): StreamEvent[] {
    const waiting = this.#ahead.get(stream);
    if (!waiting) return [];
    const ready: StreamEvent[] = [];
    let cursor = this.#cursors.get(stream) ?? 0;
    for (let next = waiting.get(cursor + 1); next; next = waiting.get(cursor + 1)) {
      ready.push(next);
      cursor = next.version;
    }
    this.#cursors.set(stream, cursor);
    for (const version of waiting.keys()) if (version <= cursor) waiting.delete(version);
    if (waiting.size === 0) this.#ahead.delete(stream);
    return ready;
  }
}
