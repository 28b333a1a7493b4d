/** How much one user may ask for: contract §3. */
import type { Budget } from '@majlis/contract';
import type { Settings } from '../config/settings.ts';

/** Whether something is allowed, and if not, when it would be. */
export type Allowance = { ok: true } | { ok: false; retryAfterMs: number };

/** How much of a budget has been used. */
export interface Usage {
  limit: number;
  used: number;
  /** 0 while more is allowed. */
  retryAfterMs: number;
}

/** What another node allowed within a slice of time, and until when it counts: by the clock of this node's limiter. */
export interface UsedElsewhere {
  until: number;
  count: number;
}

/** What tells the nodes of each other's actions; on one node there is none. */
export interface UsageExchange {
  /** An action was allowed here. `learn` is called, later, with what the other nodes allowed. */
  used(userId: string, budget: Budget, learn: (elsewhere: readonly UsedElsewhere[]) => void): void;
}

const ALLOWED: Allowance = { ok: true };
const PINGS = 60;
const FIRST_CAPACITY = 8;

/**
 * The times of what was allowed within one window, oldest first, in a ring that grows with use and never past the limit.
 * Taking is amortized O(1): each time is written once and passed once.
 */
class SlidingWindow {
  #times = new Float64Array(FIRST_CAPACITY);
  #first = 0;
  #count = 0;

  /** What other nodes allowed, as far as this one knows; those that count longest come last. */
  #elsewhere: readonly UsedElsewhere[] = [];

  /** @returns 0 where it is allowed, else how many ms until it would be */
  take(now: number, limit: number, windowMs: number): number {
    this.#forget(now - windowMs);
    if (this.#count + this.#usedElsewhere(now) >= limit) return this.#untilLess(now, windowMs);
    if (this.#count === this.#times.length) this.#grow();
    this.#times[(this.#first + this.#count) & (this.#times.length - 1)] = now;
    this.#count++;
    return 0;
  }

  /** How much was allowed in the window that ends now, and how long until more is: see `take`. */
  usage(now: number, limit: number, windowMs: number): Usage {
    this.#forget(now - windowMs);
    const used = this.#count + this.#usedElsewhere(now);
    return { limit, used, retryAfterMs: used < limit ? 0 : Math.ceil(this.#untilLess(now, windowMs)) };
  }

  /** Another node's actions count here as well. */
  setElsewhere(used: readonly UsedElsewhere[]): void {
    this.#elsewhere = used;
  }

  /** True where nothing was allowed after `time`. */
  idleSince(time: number): boolean {
    return this.#count === 0 || this.#times[(this.#first + this.#count - 1) & (this.#times.length - 1)]! <= time;
  }

  #usedElsewhere(now: number): number {
    let used = 0;
    for (const { until, count } of this.#elsewhere) if (until > now) used += count;
    return used;
  }

  #untilLess(now: number, windowMs: number): number {
    const own = this.#count === 0 ? Infinity : this.#times[this.#first]! + windowMs;
    return Math.min(own, this.#elsewhere.find(({ until }) => until > now)?.until ?? Infinity) - now;
  }

  #forget(until: number): void {
    while (this.#count > 0 && this.#times[this.#first]! <= until) {
      this.#first = (this.#first + 1) & (this.#times.length - 1);
      this.#count--;
    }
  }

  // Lengths are powers of two, so that an index wraps by a mask.
  #grow(): void {
    const times = new Float64Array(this.#times.length * 2);
    for (let i = 0; i < this.#count; i++) times[i] = this.#times[(this.#first + i) & (this.#times.length - 1)]!;
    this.#times = times;
    this.#first = 0;
  }
}

/**
 * Counts what each user does, over all sockets and REST, in exact sliding windows: in any span of the window's length no more than
 * the limit is allowed. What is refused is not counted here; who refuses counts it against the light budget. With several nodes the
 * others' actions count as soon as the exchange has brought them; without it each node keeps the limit for itself.
 */
export class RateLimiter {
  readonly #limits: Record<Budget, number>;
  readonly #windowMs: number;
  readonly #now: () => number;
  readonly #exchange: UsageExchange | undefined;
  readonly #users = new Map<string, Map<Budget, SlidingWindow>>();
  #sweptAt: number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(
    settings: Pick<Settings, 'RATE_LIMIT_MAX_EVENTS' | 'RATE_LIMIT_MAX_LIGHT' | 'RATE_LIMIT_WINDOW_MS'>,
    now: () => number = () => performance.now(),
    exchange?: UsageExchange,
  ) {
    this.#exchange = exchange;
    this.#limits = { write: settings.RATE_LIMIT_MAX_EVENTS, light: settings.RATE_LIMIT_MAX_LIGHT, ping: PINGS };
    this.#windowMs = settings.RATE_LIMIT_WINDOW_MS;
    this.#now = now;
    this.#sweptAt = now();
  }

  /** Counts one action of `userId` against `budget`, where it is allowed. */
  take(userId: string, budget: Budget): Allowance {
    const now = this.#now();
    if (now - this.#sweptAt >= this.#windowMs) this.#sweep(now);
    let windows = this.#users.get(userId);
    if (!windows) this.#users.set(userId, (windows = new Map()));
    let window = windows.get(budget);
    if (!window) windows.set(budget, (window = new SlidingWindow()));
    const wait = window.take(now, this.#limits[budget], this.#windowMs);
    if (wait > 0) return { ok: false, retryAfterMs: Math.ceil(wait) };
    if (this.#exchange) {
      const counted = window;
      this.#exchange.used(userId, budget, (elsewhere) => counted.setElsewhere(elsewhere));
    }
    return ALLOWED;
  }

  /** Length of the window. */
  get windowMs(): number {
    return this.#windowMs;
  }

  /** What a user has used of each budget. */
  usage(userId: string): Record<Budget, Usage> {
    const now = this.#now();
    const windows = this.#users.get(userId);
    const of = (budget: Budget): Usage =>
      windows?.get(budget)?.usage(now, this.#limits[budget], this.#windowMs) ?? { limit: this.#limits[budget], used: 0, retryAfterMs: 0 };
    return { write: of('write'), light: of('light'), ping: of('ping') };
  }

  /** How many users are remembered. */
  get size(): number {
    return this.#users.size;
  }

  // Once a window and not by a timer: a server that nobody uses has nothing to forget in a hurry.
  #sweep(now: number): void {
    this.#sweptAt = now;
    const until = now - this.#windowMs;
    for (const [userId, windows] of this.#users) {
      for (const [budget, window] of windows) if (window.idleSince(until)) windows.delete(budget);
      if (windows.size === 0) this.#users.delete(userId);
    }
  }
}
