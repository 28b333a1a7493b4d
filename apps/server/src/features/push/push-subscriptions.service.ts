import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { LIMITS, type v2 } from '@majlis/contract';
import { ECDH } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import webPush from 'web-push';
import { invalid } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { PushEndpoints } from './push-endpoint.ts';
import {
  deleteSubscriptions,
  findKeys,
  findSubscription,
  insertKeys,
  saveSubscription,
  subscriptionsBeyond,
  subscriptionsOf,
} from './push.repository.ts';

/** The key pair of this installation, base64url (RFC 8292). */
export type VapidKeys = ReturnType<typeof webPush.generateVAPIDKeys>;

/** Where people are pushed, and the keys by which push services know this server. */
@Injectable()
export class PushSubscriptionsService implements OnApplicationBootstrap {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #endpoints: PushEndpoints;
  #keys: Promise<VapidKeys> | undefined;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, endpoints: PushEndpoints) {
    this.#storage = storage;
    this.#queue = queue;
    this.#endpoints = endpoints;
  }

  /** Made on the first start and kept in the store, so that all nodes have the same: browsers are subscribed to this key. */
  async onApplicationBootstrap(): Promise<void> {
    await this.keys();
  }

  /** The keys. @throws Failure UNAVAILABLE */
  keys(): Promise<VapidKeys> {
    this.#keys ??= this.#loadKeys().catch((error: unknown) => {
      this.#keys = undefined;
      throw error;
    });
    return this.#keys;
  }

  /**
   * Subscribes a browser, or takes it over from who had it. The oldest of more than 20 goes.
   * @throws Failure INVALID_DATA, UNAVAILABLE
   */
  async subscribe(userId: string, { endpoint, keys, expirationTime }: v2.PushSubscriptionBody) {
    const problem = this.#endpoints.problem(endpoint);
    if (problem !== undefined) throw invalid('endpoint', problem);
    const p256dh = base64url(keys.p256dh);
    if (!isPoint(p256dh)) throw invalid('keys.p256dh', 'must be a point of the curve P-256');
    return this.#queue.run([], async (tx) => {
      const before = await findSubscription(tx.db, endpoint);
      const draft = {
        id: uuidv7(),
        user_id: userId,
        endpoint,
        p256dh,
        auth: base64url(keys.auth),
        expires_at: expirationTime ?? null,
        created_at: tx.now,
      };
      // What waits for another person must not come to this one.
      if (before && before.user_id !== userId) await deleteSubscriptions(tx.db, [before.id]);
      const row = await saveSubscription(tx.db, draft);
      await deleteSubscriptions(tx.db, await subscriptionsBeyond(tx.db, userId, LIMITS.pushSubscriptions));
      return { id: row.id, endpoint, createdAt: row.created_at, created: row.id === draft.id };
    });
  }

  /** Ends one's own subscription; again does nothing. @throws Failure UNAVAILABLE */
  async unsubscribe(userId: string, endpoint: string): Promise<void> {
    await this.#queue.run([], async (tx) => {
      const row = await findSubscription(tx.db, endpoint);
      if (row?.user_id === userId) await deleteSubscriptions(tx.db, [row.id]);
    });
  }

  /** Removes a person's subscriptions, and what waits for them. */
  async erase(userId: string): Promise<void> {
    await this.#queue.run([], async (tx) => {
      const ids = (await subscriptionsOf(tx.db, [userId])).map(({ id }) => id);
      await deleteSubscriptions(tx.db, ids);
    });
  }

  async #loadKeys(): Promise<VapidKeys> {
    const kept = await findKeys(this.#storage.db);
    if (kept !== undefined) return JSON.parse(kept) as VapidKeys;
    // Where another node is faster, its keys are the ones.
    await this.#queue.run([], (tx) => insertKeys(tx.db, JSON.stringify(webPush.generateVAPIDKeys())));
    return JSON.parse((await findKeys(this.#storage.db))!) as VapidKeys;
  }
}

const base64url = (text: string) => Buffer.from(text, 'base64').toString('base64url');

/** Encrypting for what is no public key fails each time. */
function isPoint(p256dh: string): boolean {
  try {
    return ECDH.convertKey(p256dh, 'prime256v1', 'base64url') !== '';
  } catch {
    return false;
  }
}
