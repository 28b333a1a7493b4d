import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import webPush from 'web-push';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import { Follower } from '../../log/follower.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { LOGGER } from '../../logger.ts';
import type { PushesTable, PushSubscriptionsTable } from '../../storage/schema.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { NOTIFICATION_CREATED } from '../notifications/notification-record.ts';
import { Presence } from '../users/presence.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { USER_PREFIX } from '../users/user-stream.ts';
import { isActive } from '../users/user-record.ts';
import { PrivateAddress, PushEndpoints } from './push-endpoint.ts';
import { PushQueue } from './push-queue.service.ts';
import { PushSubscriptionsService, type VapidKeys } from './push-subscriptions.service.ts';
import {
  claimPushes,
  deletePushesBefore,
  deleteSubscriptions,
  findSubscriptions,
  finishPush,
  nextPush,
  retryPush,
} from './push.repository.ts';

const PORTION = 50;
// Encrypting takes a millisecond of the event loop: so many are on their way at once, and no more are encrypted.
const AT_ONCE = 5;
// Far longer than a portion takes: what a crash left is tried by another node after it.
const LEASE_MS = 300_000;
const ATTEMPTS = 4;
const RETRY_MS = 5_000;
const RETRY_MAX_MS = 3_600_000;
// For what nodes left that went away.
const LOOK_EVERY_MS = 60_000;
/** How long push services keep it for a device that is off, and how long is known what was pushed. */
const KEPT_MS = 86_400_000;

type Outcome = 'done' | 'gone' | { retryAfterMs: number | undefined };

/** Pushes what waits to be pushed: each once, however many nodes there are, and never while anybody waits for an answer. */
@Injectable()
export class PushSender implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #contact: string;
  #timer: NodeJS.Timeout | undefined;
  #due = Infinity;
  #looking = false;
  #stopped = false;

  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    private readonly queue: WriteQueue,
    private readonly follower: Follower,
    private readonly presence: Presence,
    private readonly users: UserDirectory,
    private readonly pushes: PushQueue,
    private readonly subscriptions: PushSubscriptionsService,
    private readonly endpoints: PushEndpoints,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SETTINGS) { PUSH_CONTACT, ADMIN_EMAIL, PUBLIC_URL }: Settings,
  ) {
    const ownSite = PUBLIC_URL?.startsWith('https:') ? PUBLIC_URL : undefined;
    this.#contact =
      PUSH_CONTACT ?? (ADMIN_EMAIL === undefined ? undefined : `mailto:${ADMIN_EMAIL}`) ?? ownSite ?? 'mailto:majlis@localhost';
  }

  onApplicationBootstrap(): void {
    this.follower.onEntry(({ kind, createdAt }) => {
      if (kind === NOTIFICATION_CREATED) this.lookAt(createdAt + this.pushes.delayMs);
    }, USER_PREFIX);
    this.lookAt(Date.now());
  }

  onModuleDestroy(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.endpoints.close();
  }

  /** Looks for what is due at a time (ms). */
  lookAt(time: number): void {
    if (this.#stopped || time >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = time;
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, time - Date.now()));
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    this.#due = Infinity;
    // What becomes due meanwhile is found at the end.
    if (this.#looking) return;
    this.#looking = true;
    let next = Date.now() + LOOK_EVERY_MS;
    try {
      // Claiming writes, and mostly there is nothing.
      if (((await nextPush(this.storage.db)) ?? Infinity) <= Date.now()) await this.#sendSome();
      next = Math.min(next, (await nextPush(this.storage.db)) ?? Infinity);
    } catch (err) {
      if (!this.#stopped) this.logger.warn({ err }, 'What is to be pushed cannot be looked for; tried again');
      next = Date.now() + RETRY_MS;
    }
    this.#looking = false;
    this.lookAt(next);
  }

  async #sendSome(): Promise<void> {
    const claimed = await this.queue.run([], async (tx) => {
      await deletePushesBefore(tx.db, tx.now - KEPT_MS);
      return claimPushes(tx.db, tx.now, tx.now + LEASE_MS, PORTION);
    });
    if (claimed.length === 0) return;
    const keys = await this.subscriptions.keys();
    const ids = [...new Set(claimed.map((push) => push.subscription_id))];
    const byId = new Map((await findSubscriptions(this.storage.db, ids)).map((row) => [row.id, row]));
    const rest = claimed.values();
    const worker = async () => {
      for (const push of rest) await this.#sendOne(push, byId.get(push.subscription_id), keys);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async #sendOne(push: PushesTable, subscription: PushSubscriptionsTable | undefined, keys: VapidKeys): Promise<void> {
    const outcome = subscription && (await this.#isWanted(subscription)) ? await this.#send(push, subscription, keys) : 'done';
    await this.queue.run([], async (tx) => {
      if (outcome === 'gone') await deleteSubscriptions(tx.db, [push.subscription_id]);
      else if (outcome === 'done' || push.attempts >= ATTEMPTS) await finishPush(tx.db, push);
      else await retryPush(tx.db, push, tx.now + Math.min(outcome.retryAfterMs ?? RETRY_MS * 4 ** (push.attempts - 1), RETRY_MAX_MS));
    });
  }

  /** "Web Push for users who are offline", as it is now. */
  async #isWanted({ user_id: userId, expires_at: expiresAt }: PushSubscriptionsTable): Promise<boolean> {
    if (this.presence.isOnline(userId) || (expiresAt !== null && expiresAt < Date.now())) return false;
    const user = await this.users.load(userId);
    return user !== undefined && isActive(user);
  }

  async #send(push: PushesTable, { endpoint, p256dh, auth }: PushSubscriptionsTable, keys: VapidKeys): Promise<Outcome> {
    const host = new URL(endpoint).host;
    try {
      const { headers, body } = webPush.generateRequestDetails({ endpoint, keys: { p256dh, auth } }, push.payload, {
        vapidDetails: { subject: this.#contact, ...keys },
        TTL: KEPT_MS / 1000,
        urgency: 'high',
        // While a device is off, a newer push of the same chat replaces the older.
        topic: hash('sha256', push.tag, 'base64url').slice(0, 32),
      });
      const { status, retryAfterMs } = await this.endpoints.post(endpoint, headers, body);
      if (status >= 200 && status < 300) return 'done';
      if (status === 404 || status === 410) return 'gone';
      this.logger.info({ host, status }, 'A push was refused');
      return status === 429 || status >= 500 ? { retryAfterMs } : 'done';
    } catch (err) {
      if (err instanceof PrivateAddress) return 'gone';
      this.logger.info({ host, err: (err as Error).message }, 'A push service cannot be reached');
      return { retryAfterMs: undefined };
    }
  }
}
