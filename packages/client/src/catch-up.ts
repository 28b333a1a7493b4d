import { backoff, type BackoffOptions } from './backoff.ts';
import { MajlisError, isRecord, retryAfterMs } from './errors.ts';
import type { StreamEvent, Streams } from './streams.ts';
import type { Acks, Receipts, StreamPage } from './wire.ts';

/** What a question may name at most: contract §4, "Streams". */
const MAX_STREAMS = 100;

interface CatchUpOptions {
  streams: Streams;
  sync: (cursors: Record<string, number>) => Promise<Acks['sync']>;
  /** Hands events on, in order. */
  deliver: (events: StreamEvent[]) => void;
  onReceipts: (stream: string, receipts: Receipts) => void;
  /** What follows is no longer kept: the application has to read this stream's data anew. */
  onReset: (stream: string) => void;
  /** Everything that was missed has been handed on. */
  onSynced: () => void;
  /** The server did not answer as it should; it is asked again. */
  onError: (error: MajlisError) => void;
  backoff: BackoffOptions;
}

/** Asks the server for what each stream is behind by, page by page. Live events meanwhile wait in `Streams` for their turn. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  /** Streams to ask about. */
  readonly #behind = new Set<string>();
  /** Whether to ask which streams there are, and how far they have come. */
  #discover = false;
  #running = false;
  /** Connected, and the server is ready to be asked. */
  #started = false;
  #connection = 0;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /** After (re)connecting: everything may be behind. */
  start(): void {
    this.#started = true;
    this.#discover = true;
    void this.#run();
  }

  /** Asks about this stream: a gap was seen in it, or its receipts are wanted. */
  fill(stream: string): void {
    this.#behind.add(stream);
    if (this.#started) void this.#run();
  }

  /** The connection is gone; what is under way ends without effect. */
  stop(): void {
    this.#connection++;
    this.#running = false;
    this.#started = false;
    this.#behind.clear();
    this.#discover = false;
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const { sync, backoff: waits, onSynced, onError } = this.#options;
    let attempt = 0;
    let discovered = false;
    const connection = this.#connection;
    while (this.#discover || this.#behind.size > 0) {
      const discover = this.#discover;
      const asked = this.#question(discover);
      if (!discover && Object.keys(asked).length === 0) break;
      try {
        const { streams } = await sync(asked);
        if (connection !== this.#connection) return;
        if (discover) this.#compare(streams);
        this.#discover &&= !discover;
        discovered ||= discover;
        for (const stream of Object.keys(asked)) this.#take(stream, streams[stream]);
        attempt = 0;
      } catch (error) {
        if (connection !== this.#connection) return;
        const failure = error instanceof MajlisError ? error : new MajlisError('NETWORK', String(error));
        onError(failure);
        await new Promise((resolve) => setTimeout(resolve, retryAfterMs(failure) ?? backoff(attempt++, waits)));
        if (connection !== this.#connection) return;
      }
    }
    this.#running = false;
    if (discovered) onSynced();
  }

  /** On discovery one question tells how far every stream has come, so that only those that are behind cost another. */
  #question(discover: boolean): Record<string, number> {
    const cursors = this.#options.streams.cursors();
    // Of a stream that discovery did not find there is nothing to be had.
    for (const stream of discover ? [] : this.#behind) if (cursors[stream] === undefined) this.#behind.delete(stream);
    const names = discover ? Object.keys(cursors) : [...this.#behind];
    return Object.fromEntries(names.slice(0, MAX_STREAMS).map((stream) => [stream, cursors[stream] ?? 0]));
  }

  #compare(answer: Acks['sync']['streams']): void {
    const { streams } = this.#options;
    for (const [stream, page] of Object.entries(answer)) {
      if (!isPage(page)) continue;
      const cursor = streams.cursor(stream);
      if (cursor === undefined) streams.seed(stream, page.version);
      else if (cursor !== page.version) this.#behind.add(stream);
    }
  }

  #take(stream: string, page: Acks['sync']['streams'][string] | undefined): void {
    const { streams, deliver, onReceipts, onReset } = this.#options;
    this.#behind.delete(stream);
    // Not the user's any more: `chat:removed` in the user's own stream says so to the application.
    if (!page || !isPage(page)) return streams.forget(stream);
    const before = streams.cursor(stream);
    if (page.reset) {
      deliver(streams.reset(stream, page.version));
      onReset(stream);
    }
    for (const { version, event, data } of page.events) deliver(streams.offer({ stream, version, event, data }));
    if (page.receipts) onReceipts(stream, page.receipts);
    if (page.has_more) {
      this.#behind.add(stream);
    } else if (streams.hasGap(stream)) {
      if (streams.cursor(stream) !== before) {
        this.#behind.add(stream);
      } else {
        // The server has nothing for this gap. Waiting for it would hold this stream up for ever.
        deliver(streams.reset(stream, streams.latest(stream)));
        onReset(stream);
      }
    }
  }
}

function isPage(page: Acks['sync']['streams'][string]): page is StreamPage {
  return isRecord(page) && !('error' in page);
}
