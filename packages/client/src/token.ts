import { isRecord } from './errors.ts';

/** When a JWT ends, in milliseconds since 1970; `null` if it does not say. Reads without verifying: that is the server's work. */
export function tokenExpiry(token: string): number | null {
  try {
    const body = token.split('.')[1] ?? '';
    const claims: unknown = JSON.parse(atob(body.replaceAll('-', '+').replaceAll('_', '/')));
    return isRecord(claims) && typeof claims['exp'] === 'number' ? claims['exp'] * 1000 : null;
  } catch {
    return null;
  }
}

/** Node and browsers fire a longer timer at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * How long to wait, in milliseconds, before a token that ends at `expiry` is replaced `marginMs` before that; `null` if it never ends.
 * What is left is halved where it is less than the margin, so that a provider that answers with the same token is not asked in a circle.
 */
export function renewalDelay(expiry: number | null, now: number, marginMs: number): number | null {
  if (expiry === null) return null;
  const left = expiry - now;
  return Math.min(Math.max(left - marginMs, left / 2, 1_000), MAX_TIMER_MS);
}
