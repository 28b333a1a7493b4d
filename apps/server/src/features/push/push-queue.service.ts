import { Inject, Injectable } from '@nestjs/common';
import type { v2 } from '@majlis/contract';
import { v7 as uuidv7 } from 'uuid';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import type { PushesTable } from '../../storage/schema.ts';
import { payloadOf } from './push-content.ts';
import { dropPushesWith, insertPushes, nextPush, subscriptionsOf } from './push.repository.ts';

/** Something that is to be pushed to a user. */
export interface WantedPush {
  userId: string;
  message: v2.PushMessage;
  /** Grows with what has the same tag: the latest counts. */
  position: number;
}

// SQLite binds at most 32,766 values in one statement.
const ROWS_AT_ONCE = 1_000;

/** What waits to be pushed. It is written with what it tells of, so that neither is there without the other, and each node may send it. */
@Injectable()
export class PushQueue {
  /** How long something waits (ms), so that who is just coming back is not pushed. */
  readonly delayMs: number;

  readonly #storage: Storage;
  readonly #queue: WriteQueue;

  constructor(@Inject(SETTINGS) { PUSH_DELAY_MS }: Settings, @Inject(STORAGE) storage: Storage, queue: WriteQueue) {
    this.delayMs = PUSH_DELAY_MS;
    this.#storage = storage;
    this.#queue = queue;
  }

  /** Adds pushes to the subscriptions of their users, in a transaction. @param dueAt in milliseconds @returns how many there are */
  async add(tx: WriteTransaction, wanted: readonly WantedPush[], dueAt: number): Promise<number> {
    const subscriptions = Map.groupBy(
      await subscriptionsOf(
        tx.db,
        wanted.map(({ userId }) => userId),
      ),
      (row) => row.user_id,
    );
    const rows = wanted.flatMap(({ userId, message, position }) => {
      const own = subscriptions.get(userId) ?? [];
      const payload = own.length > 0 ? payloadOf(message) : '';
      return own.map(({ id }): PushesTable => ({
        id: uuidv7(),
        subscription_id: id,
        tag: message.tag,
        position,
        payload,
        due_at: dueAt,
        attempts: 0,
        created_at: tx.now,
      }));
    });
    for (let i = 0; i < rows.length; i += ROWS_AT_ONCE) await insertPushes(tx.db, rows.slice(i, i + ROWS_AT_ONCE));
    return rows.length;
  }

  /** What waits and names this user, or message, is not pushed any more: it was erased, or deleted. */
  async drop(id: string): Promise<void> {
    if ((await nextPush(this.#storage.db)) === undefined) return;
    await this.#queue.run([], (tx) => dropPushesWith(tx.db, JSON.stringify(id)));
  }
}
