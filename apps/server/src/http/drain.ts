import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { WriteQueue } from '../log/write-queue.ts';
import { LOGGER } from '../logger.ts';
import { HttpEntry } from './http-entry.ts';

// Together below the 10 s in which the contract wants the process gone.
const DRAIN_MS = 6_000;
const WRITES_MS = 1_000;
const REQUESTS_MS = 1_500;
const SPREAD_MS = 3_000;

/** Closes connections one after the other, over 3 s: otherwise their clients would come to the other nodes all at the same moment. */
export async function closeSpread<Connection>(connections: readonly Connection[], close: (connection: Connection) => void): Promise<void> {
  const pause = SPREAD_MS / connections.length;
  await Promise.all(
    connections.map(async (connection, i) => {
      await delay(i * pause);
      close(connection);
    }),
  );
}

/**
 * How a node goes away: first it is not ready, then what was registered here is drained, then writes are finished; after this Nest
 * closes the HTTP server (requests in flight are answered) and at last the store.
 */
@Injectable()
export class Drain implements BeforeApplicationShutdown {
  readonly #entry: HttpEntry;
  readonly #writes: WriteQueue;
  readonly #logger: Logger;
  readonly #work: (() => Promise<void>)[] = [];
  #draining = false;

  constructor(entry: HttpEntry, writes: WriteQueue, @Inject(LOGGER) logger: Logger) {
    this.#entry = entry;
    this.#writes = writes;
    this.#logger = logger;
  }

  /** True from the moment that the node was told to go. */
  get draining(): boolean {
    return this.#draining;
  }

  /** Adds what must be done before the HTTP server closes. All of it runs at once, and has 6 s together. */
  onDrain(work: () => Promise<void>): void {
    this.#work.push(work);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#draining = true;
    this.#entry.drain();
    await this.#within(DRAIN_MS, 'Draining', Promise.all(this.#work.map((work) => work())));
    await this.#within(WRITES_MS, 'Finishing writes', this.#writes.idle());
    // A request that nobody finishes sending would hold the HTTP server for ever.
    setTimeout(() => this.#entry.destroyConnections(), REQUESTS_MS).unref();
  }

  async #within(ms: number, what: string, work: Promise<unknown>): Promise<void> {
    const late = Symbol('late');
    const timeout = new Promise((resolve) => setTimeout(resolve, ms, late).unref());
    try {
      if ((await Promise.race([work, timeout])) === late) this.#logger.warn({ ms }, `${what} took too long and was given up`);
    } catch (err) {
      this.#logger.error({ err }, `${what} failed`);
    }
  }
}
