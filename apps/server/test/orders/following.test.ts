import { expect, test } from 'vitest';
import { Follower } from '../../src/log/follower.ts';
import type { LogEntry } from '../../src/log/log-entry.ts';

const entry = (stream: string, version: number): LogEntry => ({ stream, version, kind: 'changed', data: {}, createdAt: 0 });
const versions = (from: number, to: number) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

/** A follower of a log in which `orders` has come to `committed`. */
function following(committed: number) {
  const read = async (stream: string, version: number, limit: number) =>
    versions(version + 1, committed)
      .slice(0, limit)
      .map((v) => entry(stream, v));
  const follower = new Follower(read);
  const told: number[] = [];
  follower.onEntry(({ stream, version }) => stream === 'orders' && told.push(version));
  return { follower, told };
}

test('a followed stream has no gap before the entry that comes first', async () => {
  const { follower, told } = following(8);
  follower.follow('orders', 5);
  expect(follower.reached('orders')).toBe(5);
  follower.receive([entry('orders', 8)]);
  await expect.poll(() => told).toEqual([6, 7, 8]);
  expect(follower.reached('orders')).toBe(8);
});

test('and is not forgotten, however many others come', async () => {
  const { follower, told } = following(8);
  follower.follow('orders', 5);
  for (let i = 0; i < 250_000; i++) follower.receive([entry(`chat:${i}`, 1)]);
  follower.receive([entry('orders', 8)]);
  await expect.poll(() => told).toEqual([6, 7, 8]);
});

test('what is expected is read; what listeners have had is not read again', async () => {
  const { follower, told } = following(8);
  follower.follow('orders', 5);
  follower.expect('orders', 5);
  follower.expect('orders', 7);
  await expect.poll(() => follower.reached('orders')).toBe(8);
  follower.expect('orders', 8);
  follower.receive([entry('orders', 7)]);
  expect(told).toEqual([6, 7, 8]);
});
