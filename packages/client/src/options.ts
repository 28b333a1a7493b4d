import type { BackoffOptions } from './backoff.ts';
import { memoryStorage, type Storage } from './storage.ts';

/** Why the SDK asks for a token. */
export interface TokenRequest {
  /**
   * `needed`: for a connection or a request; a token that is at hand will do. `refused`: the server did not take
   * `previous`. `expiring`: `previous` is about to expire. In the last two cases only another token helps.
   */
  reason: 'needed' | 'refused' | 'expiring';
  previous: string | null;
}

export interface ClientOptions {
  /** Origin of the server, without a path: `https://chat.example.org`. */
  url: string;
  /** Gives a token; `null` means that there is none to be had, and closes the client. If it throws, it is asked again later. */
  getToken: (request: TokenRequest) => string | null | Promise<string | null>;
  /** Language of the server's error messages, `en`, `ar` or `ru`; default: what the user's account says. */
  locale?: string;
  /** Tells this device from the user's others; default: made at random and kept in `storage`. */
  deviceId?: string;
  /** Where unsent messages and the device id are kept; default: in memory. */
  storage?: Storage;
  /** Prefix of the keys in `storage`, to be different for every user; default `majlis`. */
  storageKey?: string;
  /** Versions that the application's own data already contains, by stream; default none. */
  cursors?: Readonly<Record<string, number>>;
  /** Have the server group events, cheaper in busy rooms at the price of up to 100 ms; default false. */
  batch?: boolean;
  /** Waits between attempts to connect, with full jitter; default from 500 ms to 20 s. */
  backoff?: Partial<BackoffOptions>;
  /** An acknowledgement that takes longer, in milliseconds, counts as lost, and the connection with it; default 10,000. */
  ackTimeoutMs?: number;
  /** A connection that is not accepted within this time, in milliseconds, is given up and tried again; default 30,000. */
  openTimeoutMs?: number;
  /** A REST request that takes longer, in milliseconds, fails; default 30,000. */
  restTimeoutMs?: number;
  /** How long before its end a token is replaced, in milliseconds; default 30,000. */
  refreshBeforeMs?: number;
  /** More messages than this waiting to be sent are refused with `QUEUE_FULL`; default 1,000. */
  maxQueued?: number;
  /** Ways to connect, in order of trying; default WebSocket, then long polling. */
  transports?: readonly ('websocket' | 'polling')[];
  /** Replaces the platform's `fetch`. */
  fetch?: typeof globalThis.fetch;
}

export interface ResolvedOptions extends Required<Omit<ClientOptions, 'locale' | 'deviceId' | 'backoff'>> {
  locale: string | undefined;
  deviceId: string | undefined;
  backoff: BackoffOptions;
}

/** Fills in the defaults. */
export function resolveOptions(options: ClientOptions): ResolvedOptions {
  return {
    locale: undefined,
    deviceId: undefined,
    storage: memoryStorage(),
    storageKey: 'majlis',
    cursors: {},
    batch: false,
    ackTimeoutMs: 10_000,
    openTimeoutMs: 30_000,
    restTimeoutMs: 30_000,
    refreshBeforeMs: 30_000,
    maxQueued: 1_000,
    transports: ['websocket', 'polling'],
    // Called as a plain function: browsers refuse a fetch that is somebody's method.
    fetch: (input, init) => globalThis.fetch(input, init),
    ...options,
    backoff: { baseMs: 500, maxMs: 20_000, ...options.backoff },
  };
}
