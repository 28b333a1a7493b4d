/** Random numbers from a seed, so that a failing run can be run again: `SEED=… vitest run …`. */
export interface Random {
  readonly seed: number;
  /** 0 ≤ n < 1 */
  next(): number;
  /** An integer 0 ≤ n < `limit`. */
  below(limit: number): number;
  shuffle<T>(items: readonly T[]): T[];
}

/** The seed is `SEED` where it is set; print it in what the test says on failure. */
export function seededRandom(seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))): Random {
  // mulberry32
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    seed,
    next,
    below,
    shuffle(items) {
      const shuffled = [...items];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
      }
      return shuffled;
    },
  };
}
