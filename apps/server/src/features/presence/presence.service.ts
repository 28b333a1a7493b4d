import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import { WriteQueue, type Command } from '../../log/write-queue.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import type { PresenceSource } from '../users/presence.ts';
import { readLastSeen, writeLastSeen } from './presence.repository.ts';

/** A user came online or went offline. Times are milliseconds. */
export interface PresenceChange {
  userId: string;
  online: boolean;
  lastSeen: number;
}

/** Whether a user is online, and when last. */
export interface PresenceState {
  userId: string;
  online: boolean;
  lastSeen: number | null;
}

/** A user who is online: connected, or gone for less than the grace time. */
interface OnlineUser {
  /** Nodes where the user has sockets. */
  places: number;
  lastSeen: number;
  /** Set once the last socket has gone. */
  leaving: NodeJS.Timeout | undefined;
}

/** Called with a user whose first socket on this node has come, or whose last one has gone. */
type OwnListener = (userId: string, at: number, here: boolean) => void;

const STORE_EVERY_MS = 1_000;

const STORE_LAST_SEEN: Command<ReadonlyMap<string, number>, void> = {
  name: 'store-last-seen',
  streams: () => [],
  async runAll(tx, inputs) {
    for (const times of inputs) await writeLastSeen(tx.connection, times);
    return inputs.map(() => undefined);
  },
};

/**
 * Who is online: contract §4, "Presence". A user is online from the first socket on, on whatever node, until the grace time has passed
 * after the last one. What others are to be told gathers here until somebody takes it, so that of a user who came and went meanwhile
 * nothing is told.
 */
@Injectable()
export class PresenceService implements PresenceSource, OnApplicationShutdown {
  readonly #graceMs: number;
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users = new Map<string, OnlineUser>();
  #changes = new Map<string, PresenceChange>();
  readonly #listeners: (() => void)[] = [];
  readonly #ownListeners: OwnListener[] = [];
  #unstored = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(@Inject(SETTINGS) settings: Settings, @Inject(STORAGE) storage: Storage, queue: WriteQueue) {
    this.#graceMs = settings.PRESENCE_GRACE_MS;
    this.#storage = storage;
    this.#queue = queue;
  }

  /** A user's first socket on this node has come, or the last one has gone. */
  own(userId: string, here: boolean): void {
    const at = Date.now();
    if (here) this.arrived(userId, at);
    else this.departed(userId, at);
    this.seen(userId, at);
    for (const listener of this.#ownListeners) listener(userId, at, here);
  }

  /** Calls `listener` with what `own` is told. */
  onOwn(listener: OwnListener): void {
    this.#ownListeners.push(listener);
  }

  /**
   * A user has a socket on a node and had none there.
   * @param at when, in milliseconds
   * @param tell false where nobody here can have believed otherwise
   */
  arrived(userId: string, at: number, tell = true): void {
    const user = this.#users.get(userId);
    if (!user) {
      this.#users.set(userId, { places: 1, lastSeen: at, leaving: undefined });
      if (tell) this.#note({ userId, online: true, lastSeen: at });
      return;
    }
    if (user.places++ > 0) return;
    clearTimeout(user.leaving);
    user.leaving = undefined;
    user.lastSeen = Math.max(user.lastSeen, at);
  }

  /** A user's last socket on a node has gone. @param at when, in milliseconds */
  departed(userId: string, at: number): void {
    const user = this.#users.get(userId);
    if (!user || --user.places > 0) return;
    user.lastSeen = Math.max(user.lastSeen, at);
    user.leaving = setTimeout(() => {
      this.#users.delete(userId);
      this.#note({ userId, online: false, lastSeen: user.lastSeen });
    }, this.#graceMs);
  }

  /** Stores, with the next ones, when a user was last seen. Not waited for; while the store is away it is kept. @param at in milliseconds */
  seen(userId: string, at: number): void {
    this.#unstored.set(userId, at);
    this.#storeLater();
  }

  isOnline(userId: string): boolean {
    return this.#users.has(userId);
  }

  lastSeen(userId: string): number | undefined {
    return this.#users.get(userId)?.lastSeen;
  }

  get count(): number {
    return this.#users.size;
  }

  /** Whether each of these users is online, each once. */
  async states(userIds: readonly string[]): Promise<PresenceState[]> {
    const ids = [...new Set(userIds)];
    const stored = await readLastSeen(
      this.#storage.db,
      ids.filter((id) => !this.#users.has(id)),
    );
    return ids.map((userId) => {
      const lastSeen = this.lastSeen(userId);
      return { userId, online: lastSeen !== undefined, lastSeen: lastSeen ?? stored.get(userId) ?? null };
    });
  }

  /** Calls `listener` when there is something to take. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** What has changed since the last time: of each user the latest. */
  take(): PresenceChange[] {
    const changes = [...this.#changes.values()];
    this.#changes = new Map();
    return changes;
  }

  // Sockets have ended by now, and the store has not.
  async onApplicationShutdown(): Promise<void> {
    for (const { leaving } of this.#users.values()) clearTimeout(leaving);
    await this.#store();
    clearTimeout(this.#timer);
  }

  #note(change: PresenceChange): void {
    // Nobody has been told of the change that this one takes back.
    if (this.#changes.delete(change.userId)) return;
    this.#changes.set(change.userId, change);
    for (const listener of this.#listeners) listener();
  }

  #storeLater(): void {
    this.#timer ??= setTimeout(() => void this.#store(), STORE_EVERY_MS);
  }

  async #store(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#unstored.size === 0) return;
    const times = this.#unstored;
    this.#unstored = new Map();
    try {
      await this.#queue.execute(STORE_LAST_SEEN, times);
    } catch {
      for (const [userId, at] of times) if (!this.#unstored.has(userId)) this.#unstored.set(userId, at);
      this.#storeLater();
    }
  }
}
