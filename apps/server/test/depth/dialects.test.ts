import { expect, test, vi } from 'vitest';
import { Publisher, type Projections } from '../../src/realtime/publisher.ts';
import { startServer } from '../support/server.ts';

test('"Every change has exactly one event in every dialect that carries its stream"', async () => {
  const register = vi.spyOn(Publisher.prototype, 'registerProjections');
  const server = await startServer();
  await server.stop();
  const kinds: Record<string, Projections> = Object.assign({}, ...register.mock.calls.map(([table]) => table));
  const dialects = Object.entries(kinds).map(([kind, projections]) => [kind, Object.keys(projections).toSorted()] as const);
  /** The dialects of the streams that there are: a new change needs an event in all of one line. */
  const carried: Record<string, readonly string[]> = {
    chat: ['depth-chat', 'depth-conversation', 'v2'],
    user: ['depth', 'notifications', 'v2'],
    project: ['depth'],
    ticket: ['support', 'support-joined'],
    orders: ['khawam', 'v2'],
  };
  const lines = Object.values(carried).map((line) => line.join());
  expect(dialects.filter(([, names]) => !lines.includes(names.join()))).toEqual([]);
  // All of them are there.
  expect(new Set(dialects.map(([, names]) => names.join()))).toEqual(new Set(lines));
});
