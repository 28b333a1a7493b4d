import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { WriteQueue } from '../log/write-queue.ts';
import type { WriteTransaction } from '../log/write-transaction.ts';
import { LOGGER } from '../logger.ts';
import { STORAGE } from '../storage/storage.module.ts';
import type { Storage } from '../storage/storage.ts';
import { WorkWatch, type DueWork } from './due-work.ts';
import { claimRun, dueAt, makeDue, setDue } from './scheduled-runs.repository.ts';

/** What happens every so often, once however many nodes there are. */
export interface PeriodicWork {
  readonly name: string;
  everyMs: number;
  /** Runs in the transaction that claims the run. @returns after how many milliseconds it wants to run again, where that is before its time */
  run: (tx: WriteTransaction) => Promise<number | undefined>;
}

/** A word to whoever looks after work that something of it may be due. */
export type LookAt = (time: number) => void;

/**
 * What is to happen at its time, once however many nodes run. There is no leader and no lease: what is due stands in the store, every node
 * looks, and who takes a piece does it in the transaction that takes it. A crash undoes both, and another look does both; what came due
 * while nobody ran is found at the start.
 */
@Injectable()
export class Scheduler implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #logger: Logger;
  readonly #watches: WorkWatch[] = [];

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, @Inject(LOGGER) logger: Logger) {
    this.#storage = storage;
    this.#queue = queue;
    this.#logger = logger;
  }

  /**
   * Makes work known; before the application has started.
   * @returns to be called with the time (ms) of what this node knows to come due; what it is not told of is found within a minute
   */
  add(work: DueWork): LookAt {
    const watch = new WorkWatch(work, this.#logger);
    this.#watches.push(watch);
    return (time) => watch.lookAt(time);
  }

  /** Makes work known that happens every so often; the first time that long after the store was made. */
  every({ name, everyMs, run }: PeriodicWork): void {
    this.add({
      name,
      next: () => dueAt(this.#storage.db, name),
      doSome: () =>
        this.#queue.run([], async (tx) => {
          await makeDue(tx.db, name, tx.now + everyMs);
          if (!(await claimRun(tx.db, name, tx.now, tx.now + everyMs))) return;
          const sooner = await run(tx);
          if (sooner !== undefined) await setDue(tx.db, name, tx.now + sooner);
        }),
    });
  }

  onApplicationBootstrap(): void {
    for (const watch of this.#watches) watch.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.stop()));
  }
}
