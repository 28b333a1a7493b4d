import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { WriteQueue, type Command } from '../log/write-queue.ts';
import type { DevicesTable } from '../storage/schema.ts';
import { STORAGE } from '../storage/storage.module.ts';
import type { Storage } from '../storage/storage.ts';
import { whileStoreAway } from '../realtime/while-store-away.ts';
import { readDevices, writeDevices } from './devices.repository.ts';

/** Why a client must fetch what it may have missed: contract §4, from the v2 document. */
export type SyncReason = 'connection_established' | 'reconnection' | 'token_refresh';

/** A connection as the store remembers it. */
export interface DeviceToken {
  userId: string;
  /** `auth.device_id`, or the token's hash where the client gives none. */
  device: string;
  tokenHash: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

/** How long it is remembered how a device's latest connection ended, in milliseconds: contract §4. */
export const REMEMBERED_MS = 24 * 3_600_000;
const GATHER_MS = 100;
const LAST_WRITE_MS = 1_000;

const WRITE: Command<readonly DevicesTable[], void> = {
  name: 'devices',
  streams: () => [],
  async runAll(tx, inputs) {
    await writeDevices(tx.connection, inputs.flat());
    return inputs.map(() => undefined);
  },
};

/**
 * Remembers how each device's latest connection ended. A row says `open` until the client itself disconnects, so a crash of the
 * server needs no writing to be known afterwards. What is not stored yet counts as if it were, and is written again until it is.
 */
@Injectable()
export class DevicesService implements OnApplicationShutdown {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  /** By user, then by device: the latest of what is not stored yet. */
  readonly #unstored = new Map<string, Map<string, DevicesTable>>();
  #storing: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue) {
    this.#storage = storage;
    this.#queue = queue;
  }

  /** Tells why a connecting device must sync, and remembers the connection. @throws where the store is away */
  async connected(token: DeviceToken): Promise<SyncReason> {
    const now = Date.now();
    const known = await this.#known(token.userId, now - REMEMBERED_MS);
    this.#remember(token, 'open', now);
    return syncReason(known, token, now);
  }

  /** A connected device has another token. */
  renewed(token: DeviceToken): void {
    this.#remember(token, 'open', Date.now());
  }

  /** The client said goodbye. */
  left(token: DeviceToken): void {
    this.#remember(token, 'left', Date.now());
  }

  /** The token was good once and is no longer. */
  refused(token: DeviceToken): void {
    this.#remember(token, 'refused', Date.now());
  }

  // Sockets have ended by now, and the store has not.
  async onApplicationShutdown(): Promise<void> {
    this.#stopping.abort();
    await Promise.race([this.#storing, delay(LAST_WRITE_MS, undefined, { ref: false })]);
  }

  /** What is known of a user's devices, the latest first. */
  async #known(userId: string, since: number): Promise<DevicesTable[]> {
    const stored = await readDevices(this.#storage.db, userId, since);
    const unstored = this.#unstored.get(userId);
    if (!unstored) return stored;
    const known = new Map(stored.map((row) => [row.device, row]));
    for (const [device, row] of unstored) known.set(device, row);
    return [...known.values()].toSorted((a, b) => b.updated_at - a.updated_at);
  }

  // Nobody waits for it: a crash within the tenth of a second that it may take makes a later reason less exact, and nothing else.
  #remember(token: DeviceToken, state: DevicesTable['state'], now: number): void {
    const row = {
      user_id: token.userId,
      device: token.device,
      state,
      token_hash: token.tokenHash,
      expires_at: token.expiresAt,
      updated_at: now,
    };
    const devices = this.#unstored.get(row.user_id);
    if (devices) devices.set(row.device, row);
    else this.#unstored.set(row.user_id, new Map([[row.device, row]]));
    this.#storing ??= this.#store();
  }

  // The first at once, and in a storm those that follow together: otherwise its commits take more time than all else of it.
  async #store(): Promise<void> {
    while (this.#unstored.size > 0) {
      const rows = Array.from(this.#unstored.values(), (devices) => [...devices.values()]).flat();
      await whileStoreAway(() => this.#queue.execute(WRITE, rows), Infinity).catch(() => undefined);
      for (const row of rows) this.#stored(row);
      await delay(GATHER_MS, undefined, { ref: false, signal: this.#stopping.signal }).catch(() => undefined);
    }
    this.#storing = undefined;
  }

  #stored(row: DevicesTable): void {
    const devices = this.#unstored.get(row.user_id)!;
    // Something newer may have come meanwhile.
    if (devices.get(row.device) === row) devices.delete(row.device);
    if (devices.size === 0) this.#unstored.delete(row.user_id);
  }
}

/**
 * Pure: the reason from what is remembered (the latest first). A replaced token comes before a broken connection, because the expiry
 * of a token also breaks the connection and the client is to hear of the token.
 */
export function syncReason(known: readonly DevicesTable[], token: DeviceToken, now: number): SyncReason {
  const own = known.find((row) => row.device === token.device);
  // Without a device id each token is a device of its own: the user's latest such row is the previous token.
  const nameless = token.device === token.tokenHash;
  const previous = own ?? (nameless ? known.find((row) => row.device === row.token_hash) : undefined);
  if (previous && previous.token_hash !== token.tokenHash && (previous.state === 'refused' || previous.expires_at <= now))
    return 'token_refresh';
  return own?.state === 'open' ? 'reconnection' : 'connection_established';
}
