import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import { Follower } from '../../log/follower.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import { LOGGER } from '../../logger.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { ORDER_CREATED, ORDERS_STREAM, type OrderRecord } from './order-record.ts';
import { claimEscalations, nextEscalation, recordOf } from './orders.repository.ts';

/** Who brings an order that nobody acknowledged to the managers. */
export interface EscalationListener {
  /** The streams that `escalated` appends to. */
  streams(): Promise<readonly string[]>;
  /** Runs in the transaction that claims these orders for this node, so that each is brought once, whatever crashes. */
  escalated(tx: WriteTransaction, orders: readonly OrderRecord[]): Promise<void>;
}

const NOBODY: EscalationListener = { streams: async () => [], escalated: async () => undefined };

const PORTION = 50;
const RETRY_MS = 1_000;
// For orders whose node went away before their time, and whose announcement got lost on the way to this one.
const LOOK_EVERY_MS = 60_000;

/** Escalates orders that nobody acknowledged within `ORDER_ESCALATE_AFTER_S`: each once, however many nodes there are. */
@Injectable()
export class EscalationService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #follower: Follower;
  readonly #logger: Logger;
  readonly #afterMs: number;
  #listener = NOBODY;
  #timer: NodeJS.Timeout | undefined;
  /** When the next look is. */
  #due = Infinity;
  #stopped = false;

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    follower: Follower,
    @Inject(LOGGER) logger: Logger,
    @Inject(SETTINGS) settings: Settings,
  ) {
    this.#storage = storage;
    this.#queue = queue;
    this.#follower = follower;
    this.#logger = logger;
    this.#afterMs = settings.ORDER_ESCALATE_AFTER_S * 1000;
  }

  /** Makes `listener` the one who is told, besides the log. */
  use(listener: EscalationListener): void {
    this.#listener = listener;
  }

  onApplicationBootstrap(): void {
    this.#follower.onEntry(({ stream, kind, createdAt }) => {
      if (stream === ORDERS_STREAM && kind === ORDER_CREATED) this.#lookAt(createdAt + this.#afterMs);
    });
    this.#lookAt(Date.now());
  }

  onModuleDestroy(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #lookAt(time: number): void {
    if (this.#stopped || time >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = time;
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, time - Date.now()));
  }

  async #look(): Promise<void> {
    this.#due = Infinity;
    try {
      await this.#escalateSome();
      // Where more are due than were taken, that is at once.
      const next = await nextEscalation(this.#storage.db);
      this.#lookAt(Math.min(next ?? Infinity, Date.now() + LOOK_EVERY_MS));
    } catch (err) {
      if (this.#stopped) return;
      this.#logger.warn({ err }, 'Orders that nobody acknowledged cannot be looked for; tried again');
      this.#lookAt(Date.now() + RETRY_MS);
    }
  }

  async #escalateSome(): Promise<void> {
    const listener = this.#listener;
    const orders = await this.#queue.run(await listener.streams(), async (tx) => {
      const claimed = (await claimEscalations(tx.db, tx.now, PORTION)).map(recordOf);
      if (claimed.length > 0) await listener.escalated(tx, claimed);
      return claimed;
    });
    for (const { id, number } of orders) this.#logger.warn({ orderId: id, orderNumber: number }, 'Order not acknowledged');
  }
}
