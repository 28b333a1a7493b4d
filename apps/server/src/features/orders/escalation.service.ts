import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import { Follower } from '../../log/follower.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import { LOGGER } from '../../logger.ts';
import { Scheduler } from '../../scheduling/scheduler.ts';
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

/** Escalates orders that nobody acknowledged within `ORDER_ESCALATE_AFTER_S`: each once, however many nodes there are. */
@Injectable()
export class EscalationService {
  readonly #queue: WriteQueue;
  readonly #logger: Logger;
  #listener = NOBODY;

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    follower: Follower,
    scheduler: Scheduler,
    @Inject(LOGGER) logger: Logger,
    @Inject(SETTINGS) settings: Settings,
  ) {
    this.#queue = queue;
    this.#logger = logger;
    const lookAt = scheduler.add({
      name: 'order-escalation',
      next: () => nextEscalation(storage.db),
      doSome: () => this.#escalateSome(),
    });
    follower.onEntry(({ kind, createdAt }) => {
      if (kind === ORDER_CREATED) lookAt(createdAt + settings.ORDER_ESCALATE_AFTER_S * 1000);
    }, ORDERS_STREAM);
  }

  /** Makes `listener` the one who is told, besides the log. */
  use(listener: EscalationListener): void {
    this.#listener = listener;
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
