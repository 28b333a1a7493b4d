import { describe, expect, it } from 'vitest';
import { Streams, type StreamEvent } from '../src/streams.ts';

const change = (version: number, stream = 'chat:a'): StreamEvent => ({ stream, version, event: 'chat:message:new', data: { version } });
const versions = (events: StreamEvent[]) => events.map((event) => event.version);

describe('streams: each event once and in version order', () => {
  it('hands on what follows the cursor, and nothing twice', () => {
    const streams = new Streams({ 'chat:a': 4 });
    expect(versions(streams.offer(change(5)))).toEqual([5]);
    expect(versions(streams.offer(change(5)))).toEqual([]);
    expect(versions(streams.offer(change(3)))).toEqual([]);
    expect(streams.cursor('chat:a')).toBe(5);
  });

  it('keeps what is ahead of a gap until the gap is filled', () => {
    const streams = new Streams({ 'chat:a': 1 });
    expect(streams.offer(change(4))).toEqual([]);
    expect(streams.offer(change(3))).toEqual([]);
    expect(streams.hasGap('chat:a')).toBe(true);
    expect(versions(streams.offer(change(2)))).toEqual([2, 3, 4]);
    expect(streams.hasGap('chat:a')).toBe(false);
  });

  it('takes the first event of an unknown stream as its beginning', () => {
    const streams = new Streams();
    expect(versions(streams.offer(change(17)))).toEqual([17]);
    expect(streams.cursors()).toEqual({ 'chat:a': 17 });
  });

  it('does not let a snapshot move a stream that is already followed', () => {
    const streams = new Streams({ 'chat:a': 7 });
    streams.seed('chat:a', 9);
    streams.seed('chat:b', 2);
    expect(streams.cursors()).toEqual({ 'chat:a': 7, 'chat:b': 2 });
  });

  it('goes on past a reset, with what waited behind it', () => {
    const streams = new Streams({ 'chat:a': 1 });
    for (const version of [9, 11, 12]) streams.offer(change(version));
    expect(versions(streams.reset('chat:a', 10))).toEqual([11, 12]);
    expect(streams.hasGap('chat:a')).toBe(false);
  });

  it('orders any shuffle with repeats, stream by stream (seeded)', () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
    let state = seed;
    const random = () => (state = (state * 48271 + 1) % 2147483647) / 2147483647;
    const all = ['chat:a', 'chat:b', 'user'].flatMap((stream) => Array.from({ length: 60 }, (_, i) => change(i + 1, stream)));
    const arriving = [...all, ...all.filter(() => random() < 0.3)].toSorted(() => random() - 0.5);
    const streams = new Streams({ 'chat:a': 0, 'chat:b': 0, user: 0 });
    const seen: Record<string, number[]> = { 'chat:a': [], 'chat:b': [], user: [] };
    for (const event of arriving) for (const ready of streams.offer(event)) seen[ready.stream]?.push(ready.version);
    const expected = Array.from({ length: 60 }, (_, i) => i + 1);
    expect(seen, `seed ${seed}`).toEqual({ 'chat:a': expected, 'chat:b': expected, user: expected });
  });
});
