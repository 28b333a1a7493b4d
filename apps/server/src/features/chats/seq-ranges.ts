/**
 * Which messages of a chat a member has received: everything up to a watermark, and ranges beyond it, which arise when live messages
 * come before an absence has been caught up. Sorted, disjoint, not adjacent.
 */
export interface SeqRanges {
  /** All of 1 … watermark. */
  watermark: number;
  /** `[from, to]` inclusive, all above watermark + 1. */
  ahead: readonly (readonly [number, number])[];
}

// Each costs an absence that was never caught up; beyond this many the oldest gap is taken as delivered.
const MAX_RANGES = 20;

/** True where `seq` has been received. */
export function covers(ranges: SeqRanges, seq: number): boolean {
  return seq <= ranges.watermark || ranges.ahead.some(([from, to]) => from <= seq && seq <= to);
}

/**
 * Adds `from … to`.
 * @returns the new ranges and which parts were new; the very same object where nothing was
 */
export function addRange(ranges: SeqRanges, from: number, to: number): { ranges: SeqRanges; added: [number, number][] } {
  // By far the most frequent: the next live message of somebody who has everything.
  if (from === ranges.watermark + 1 && ranges.ahead.length === 0) return { ranges: { watermark: to, ahead: [] }, added: [[from, to]] };
  const added: [number, number][] = [];
  let next = Math.max(from, ranges.watermark + 1);
  for (const [start, end] of ranges.ahead) {
    if (next > to) break;
    if (start > next) added.push([next, Math.min(start - 1, to)]);
    next = Math.max(next, end + 1);
  }
  if (next <= to) added.push([next, to]);
  if (added.length === 0) return { ranges, added };
  return { ranges: merge(ranges.watermark, [...ranges.ahead, ...added]), added };
}

function merge(watermark: number, unsorted: readonly (readonly [number, number])[]): SeqRanges {
  const ahead: [number, number][] = [];
  for (const [from, to] of unsorted.toSorted((a, b) => a[0] - b[0])) {
    const last = ahead.at(-1);
    if (from <= watermark + 1) watermark = Math.max(watermark, to);
    else if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else ahead.push([from, to]);
  }
  while (ahead.length > MAX_RANGES) watermark = ahead.shift()![1];
  return { watermark, ahead };
}
