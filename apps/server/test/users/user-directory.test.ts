import { PGlite } from '@electric-sql/pglite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { UserDirectory } from '../../src/features/users/user-directory.ts';
import { insertUser, updateUser } from '../../src/features/users/users.repository.ts';
import { Follower } from '../../src/log/follower.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { migrate } from '../../src/storage/migrate.ts';
import { openPostgres, type PoolLike } from '../../src/storage/postgres.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { pglitePools } from '../support/engines.ts';
import { freshId } from '../support/server.ts';

// A real database whose answers to reads can be held up on their way, as a network does.
let storage: Storage;
let writes: WriteQueue;
let directory: UserDirectory;
let reads = 0;
let held: Promise<void> | undefined;

function holdable(pool: PoolLike): PoolLike {
  return {
    end: () => pool.end(),
    connect: async () => ({
      release: () => undefined,
      async query(...query: [unknown, unknown]) {
        reads++;
        const client = await pool.connect();
        const answer: unknown = await client.query(...query);
        client.release();
        await held;
        return answer;
      },
    }),
  };
}

/** From now on answers are held up. @returns lets them come */
function hold(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  held = promise;
  return () => {
    held = undefined;
    resolve();
  };
}

beforeAll(async () => {
  const pools = pglitePools(await PGlite.create());
  storage = openPostgres({ ...pools, reads: holdable(pools.reads) });
  await migrate(storage);
  const follower = new Follower(() => Promise.resolve([]));
  writes = new WriteQueue(storage, follower);
  directory = new UserDirectory(storage, follower);
});
afterEach(() => void (reads = 0));
afterAll(() => storage.close());

const change = (id: string, work: (tx: Parameters<Parameters<WriteQueue['run']>[1]>[0]) => Promise<void>) =>
  writes.run(['directory'], async (tx) => {
    await work(tx);
    tx.append('directory', 'user.changed', { userId: id });
  });
const make = (id: string, name = id) => change(id, (tx) => insertUser(tx.db, id, { name }, tx.now));
const rename = (id: string, name: string) => change(id, (tx) => updateUser(tx.db, id, { name }, tx.now));

describe('the directory of users', () => {
  test('whoever asks in the same moment shares one read, for one user or for many', async () => {
    const ids = Array.from({ length: 20 }, () => freshId());
    for (const id of ids) await make(id);
    const [one, again, many] = await Promise.all([
      directory.load(ids[0]!),
      directory.load(ids[0]!),
      directory.loadMany([...ids, 'nobody']),
    ]);
    expect(reads).toBe(1);
    expect(again).toBe(one);
    expect([...many.keys()].toSorted()).toEqual(ids.toSorted());
    expect((await directory.loadMany(ids)).get(ids[0]!)).toBe(one);
    expect(directory.get(ids[1]!)?.id).toBe(ids[1]);
    expect(reads).toBe(1);
  });

  test('whoever asks while a user is being read waits for that read', async () => {
    const id = freshId();
    await make(id);
    const release = hold();
    const first = directory.load(id);
    await expect.poll(() => reads).toBe(1);
    const second = directory.load(id);
    release();
    expect(await second).toBe(await first);
    expect(reads).toBe(1);
  });

  for (const [askedAgain, kept] of [
    [false, undefined],
    [true, 'after'],
  ] as const) {
    test(`a user who changes while being read is not kept as they were, asked for again meanwhile: ${askedAgain}`, async () => {
      const id = freshId();
      await make(id, 'before');
      const release = hold();
      const early = directory.load(id);
      await expect.poll(() => reads).toBe(1);
      await rename(id, 'after');
      const late = askedAgain ? directory.load(id) : undefined;
      release();
      expect((await early)?.name).toBe('before');
      if (late) expect((await late)?.name).toBe('after');
      expect(directory.get(id)?.name).toBe(kept);
      expect((await directory.load(id))?.name).toBe('after');
    });
  }

  test('nobody is not remembered: who is made later is found', async () => {
    const id = freshId();
    expect(await directory.load(id)).toBeUndefined();
    await make(id);
    expect((await directory.load(id))?.id).toBe(id);
  });

  test('tells who changed, after it has forgotten them', async () => {
    const id = freshId();
    await make(id);
    await directory.load(id);
    const seen: unknown[] = [];
    directory.onChange((userId) => seen.push(userId, directory.get(userId)));
    await rename(id, 'another');
    expect(seen).toEqual([id, undefined]);
  });

  test('a read that fails is told to all who waited, and the next one reads again', async () => {
    const id = freshId();
    await make(id);
    held = Promise.reject(new Error('the line is dead'));
    held.catch(() => undefined);
    const outcomes = await Promise.allSettled([directory.load(id), directory.loadMany([id])]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    held = undefined;
    expect((await directory.load(id))?.id).toBe(id);
  });
});
