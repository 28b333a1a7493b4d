import { describe, expect, test } from 'vitest';
import { RateLimiter } from '../../src/realtime/rate-limiter.ts';

function limiter({ write = 3, light = 600, windowMs = 1_000 } = {}) {
  const clock = { now: 5_000 };
  const limits = { RATE_LIMIT_MAX_EVENTS: write, RATE_LIMIT_MAX_LIGHT: light, RATE_LIMIT_WINDOW_MS: windowMs };
  return { clock, limiter: new RateLimiter(limits, () => clock.now) };
}

describe('a sliding window', () => {
  test('in any span of the window no more than the limit is allowed, and what is refused does not count', () => {
    const { clock, limiter: limits } = limiter({ write: 5 });
    const allowed: number[] = [];
    // Irregular attempts, the same each time.
    for (let i = 0; i < 5_000; i++) {
      clock.now += (i * 7919) % 97;
      if (limits.take('amal', 'write').ok) allowed.push(clock.now);
    }
    for (const [i, at] of allowed.entries()) if (i >= 5) expect(at - allowed[i - 5]!).toBeGreaterThanOrEqual(1_000);
    expect(allowed.length).toBeGreaterThan((clock.now / 1_000) * 4);
  });

  test('says when it will be allowed, to the millisecond', () => {
    const { clock, limiter: limits } = limiter();
    for (const step of [0, 100, 200]) {
      clock.now = 5_000 + step;
      limits.take('amal', 'write');
    }
    clock.now = 5_500;
    expect(limits.take('amal', 'write')).toEqual({ ok: false, retryAfterMs: 500 });
    clock.now = 5_999.5;
    expect(limits.take('amal', 'write')).toEqual({ ok: false, retryAfterMs: 1 });
    clock.now = 6_000;
    expect(limits.take('amal', 'write')).toEqual({ ok: true });
    expect(limits.take('amal', 'write')).toEqual({ ok: false, retryAfterMs: 100 });
  });

  test('users and budgets are counted apart; `ping`: 60', () => {
    const { limiter: limits } = limiter({ write: 1, light: 2 });
    const taken = (user: string, budget: 'write' | 'light' | 'ping') => {
      let count = 0;
      while (limits.take(user, budget).ok) count++;
      return count;
    };
    expect(['write', 'light', 'ping', 'write'].map((budget) => taken('amal', budget as 'write'))).toEqual([1, 2, 60, 0]);
    expect(taken('bashir', 'write')).toBe(1);
  });

  test('grows with what is used and keeps its order while it does', () => {
    const { clock, limiter: limits } = limiter({ write: 1_000, windowMs: 10_000 });
    for (let round = 0; round < 3; round++) {
      const times: number[] = [];
      for (let i = 0; i < 1_000; i++) {
        clock.now += 3;
        expect(limits.take('amal', 'write').ok).toBe(true);
        times.push(clock.now);
      }
      expect(limits.take('amal', 'write')).toEqual({ ok: false, retryAfterMs: times[0]! + 10_000 - clock.now });
      clock.now += 10_000;
    }
  });

  test('whoever is idle for a window is forgotten', () => {
    const { clock, limiter: limits } = limiter();
    for (let i = 0; i < 100; i++) limits.take(`user ${i}`, 'light');
    expect(limits.size).toBe(100);
    clock.now += 900;
    limits.take('user 0', 'write');
    clock.now += 900;
    limits.take('amal', 'light');
    expect(limits.size).toBe(2);
  });
});
