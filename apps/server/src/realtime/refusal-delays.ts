/**
 * Documented clients reconnect at once after a refusal, with the same token. A token that is refused again is answered after
 * 1, 2, 4 … at most 15 s: contract §1.
 */
const LONGEST_MS = 15_000;
// Long enough that the longest pause does not count as having stopped.
const FORGOTTEN_AFTER_MS = 60_000;
const REMEMBERED_TOKENS = 10_000;

export class RefusalDelays {
  readonly #refusals = new Map<string, { count: number; at: number }>();

  /** How long the answer to this refused token waits, in milliseconds. @param key a hash of the token @param now milliseconds */
  next(key: string, now: number): number {
    const known = this.#refusals.get(key);
    const count = known && now - known.at < FORGOTTEN_AFTER_MS ? known.count + 1 : 0;
    this.#refusals.delete(key);
    this.#refusals.set(key, { count, at: now });
    if (this.#refusals.size > REMEMBERED_TOKENS) this.#refusals.delete(this.#refusals.keys().next().value!);
    return count === 0 ? 0 : Math.min(1_000 * 2 ** (count - 1), LONGEST_MS);
  }
}
