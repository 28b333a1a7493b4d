import { expect, test, vi } from 'vitest';
import { Publisher, type Projections } from '../../src/realtime/publisher.ts';
import { startServer } from '../support/server.ts';

/** The streams that several dialects carry, with all of these. */
const SHARED: Record<string, readonly string[]> = {
  chat: ['depth-chat', 'depth-conversation', 'v2'],
  user: ['depth', 'notifications', 'v2'],
  orders: ['khawam', 'v2'],
};
/** Which of them say that a change is of one of those streams; `depth` is also that of projects, which nobody else has. */
const TELLING = new Set(['v2', 'notifications', 'depth-chat', 'depth-conversation', 'khawam']);

test('"Every change has exactly one event in every dialect that carries its stream"', async () => {
  const register = vi.spyOn(Publisher.prototype, 'registerProjections');
  const server = await startServer();
  await server.stop();
  const kinds: Record<string, Projections> = Object.assign({}, ...register.mock.calls.map(([table]) => table));
  const shared = Object.entries(kinds)
    .map(([kind, projections]) => ({ kind, dialects: Object.keys(projections).toSorted() }))
    .filter(({ dialects }) => dialects.some((dialect) => TELLING.has(dialect)));
  const whole = Object.values(SHARED).map((dialects) => dialects.join());
  expect(shared.filter(({ dialects }) => !whole.includes(dialects.join()))).toEqual([]);
  expect(new Set(shared.map(({ dialects }) => dialects.join()))).toEqual(new Set(whole));
});
