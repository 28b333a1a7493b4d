export interface BackoffOptions {
  /** Upper bound of the first wait, in milliseconds; default 500. */
  baseMs: number;
  /** No wait is longer than this, in milliseconds; default 20,000. */
  maxMs: number;
}

/**
 * Full jitter: anything from 0 to `baseMs * 2 ** attempt`, at most `maxMs`, in milliseconds. Spreading over the
 * whole range, and not around its end, is what keeps ten thousand clients of a restarted server from coming back as one.
 */
export function backoff(attempt: number, options: BackoffOptions, random: () => number = Math.random): number {
  return Math.floor(random() * Math.min(options.maxMs, options.baseMs * 2 ** attempt));
}
