let lastMs = NaN;
let lastText = '';

/**
 * Milliseconds as the contract writes times: ISO 8601 UTC with milliseconds and `Z`. The last one is remembered, because all messages
 * of a commit and all events of a millisecond ask for the same.
 */
export function isoTime(ms: number): string {
  if (ms !== lastMs) {
    lastText = new Date(ms).toISOString();
    lastMs = ms;
  }
  return lastText;
}

/** The same of a time that may not have come. */
export function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
