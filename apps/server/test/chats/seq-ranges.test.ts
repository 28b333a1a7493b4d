import { describe, expect, test } from 'vitest';
import { addRange, covers, type SeqRanges } from '../../src/features/chats/seq-ranges.ts';
import { seededRandom } from '../support/random.ts';

const NOTHING: SeqRanges = { watermark: 0, ahead: [] };

describe('which messages a member has received', () => {
  test('live messages move the watermark', () => {
    let ranges = NOTHING;
    for (let seq = 1; seq <= 3; seq++) ranges = addRange(ranges, seq, seq).ranges;
    expect(ranges).toEqual({ watermark: 3, ahead: [] });
  });

  test('a live message after an absence leaves what was missed undelivered until it is fetched', () => {
    const live = addRange({ watermark: 5, ahead: [] }, 9, 9);
    expect(live).toEqual({ ranges: { watermark: 5, ahead: [[9, 9]] }, added: [[9, 9]] });
    expect([5, 6, 9].map((seq) => covers(live.ranges, seq))).toEqual([true, false, true]);
    expect(addRange(live.ranges, 4, 9)).toEqual({ ranges: { watermark: 9, ahead: [] }, added: [[6, 8]] });
  });

  test('what was received already is not new', () => {
    const ranges: SeqRanges = { watermark: 4, ahead: [[7, 9]] };
    expect(addRange(ranges, 2, 4)).toEqual({ ranges, added: [] });
    expect(addRange(ranges, 8, 9)).toEqual({ ranges, added: [] });
  });

  test('agrees with a plain set, whatever comes in whatever order', () => {
    const { seed, below } = seededRandom();
    for (let round = 0; round < 200; round++) {
      let ranges = NOTHING;
      const received = new Set<number>();
      for (let step = 0; step < 15; step++) {
        const from = 1 + below(40);
        const to = from + below(6);
        const fresh: number[] = [];
        for (let seq = from; seq <= to; seq++) if (!received.has(seq)) fresh.push(seq);
        const { ranges: next, added } = addRange(ranges, from, to);
        expect(
          added.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i)),
          `seed ${seed}`,
        ).toEqual(fresh);
        fresh.forEach((seq) => received.add(seq));
        ranges = next;
        for (let seq = 1; seq <= 50; seq++) expect(covers(ranges, seq), `seed ${seed}, seq ${seq}`).toBe(received.has(seq));
      }
    }
  });

  test('absences that are never caught up do not pile up', () => {
    let ranges = NOTHING;
    for (let i = 1; i <= 100; i++) ranges = addRange(ranges, i * 10, i * 10).ranges;
    expect(ranges.ahead.length).toBeLessThanOrEqual(20);
    expect(covers(ranges, 1_000)).toBe(true);
  });
});
