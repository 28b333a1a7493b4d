// A power of two, so that the lowest bits choose.
const SLOTS = 8;
const times: number[] = Array.from({ length: SLOTS }, () => NaN);
const texts: string[] = Array.from({ length: SLOTS }, () => '');

/**
 * Milliseconds as the contract writes times: ISO 8601 UTC with milliseconds and `Z`. The latest are remembered, because all messages
 * of a commit, and all receipts and log lines of a millisecond, ask for the same few.
 */
export function isoTime(ms: number): string {
  const slot = ms & (SLOTS - 1);
  if (times[slot] !== ms) {
    texts[slot] = new Date(ms).toISOString();
    times[slot] = ms;
  }
  return texts[slot]!;
}

/** The same of a time that may not have come. */
export function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
