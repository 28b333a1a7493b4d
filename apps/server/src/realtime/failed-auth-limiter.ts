import { Inject, Injectable } from '@nestjs/common';
import { isIPv6 } from 'node:net';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';

const WINDOW_S = 60;

/** Counts failed authentications by address, on every surface alike: contract §3. */
@Injectable()
export class FailedAuthLimiter {
  readonly #limit: number;
  readonly #failures: RateLimiterMemory;

  constructor(@Inject(SETTINGS) settings: Settings) {
    this.#limit = settings.RATE_LIMIT_MAX_CONNECTS;
    this.#failures = new RateLimiterMemory({ points: this.#limit, duration: WINDOW_S });
  }

  /** How many ms `address` must wait before it may try again; 0 where it may now. */
  async wait(address: string): Promise<number> {
    if (this.#limit === 0) return 0;
    const state = await this.#failures.get(networkOf(address));
    return state && state.consumedPoints >= this.#limit ? state.msBeforeNext : 0;
  }

  /** Counts a failure. @returns false where it is one too many */
  async failed(address: string): Promise<boolean> {
    if (this.#limit === 0) return true;
    const { consumedPoints } = await this.#failures.penalty(networkOf(address));
    return consumedPoints <= this.#limit;
  }
}

/** What one customer of a provider has: an IPv4 address, or the first 64 bits of an IPv6 one, of which each device may take as many as it likes. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const before = head.split(':').filter(Boolean);
  const after = tail?.split(':').filter(Boolean) ?? [];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4);
  return groups.map((group) => parseInt(group, 16).toString(16)).join(':');
}
