import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Follower } from '../../src/log/follower.ts';
import type { LogEntry } from '../../src/log/log-entry.ts';
import { deleteEntriesBefore, readCounters, readEntries } from '../../src/log/stream-log.repository.ts';
import { WriteQueue, type Command } from '../../src/log/write-queue.ts';
import type { WriteTransaction } from '../../src/log/write-transaction.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ENGINES, openMigrated, type OpenEngine } from '../support/engines.ts';
import { seededRandom } from '../support/random.ts';
import { upTo } from './commit-recorder.ts';

const postgres = ENGINES.find(({ name }) => name === 'PostgreSQL')!;

interface Node {
  storage: Storage;
  queue: WriteQueue;
  follower: Follower;
  told: LogEntry[];
}

describe.skipIf(postgres.missing)('two nodes on one PostgreSQL', () => {
  let opened: OpenEngine;
  let nodes: [Node, Node];
  let stream: string;
  let tests = 0;

  beforeAll(async () => {
    opened = await openMigrated(postgres);
  });
  afterAll(() => opened.close());
  beforeEach(() => {
    stream = `chat:${tests++}`;
    const storages = [opened.storage, opened.anotherNode!()];
    nodes = storages.map((storage, i) => {
      const read = async (id: string, version: number, limit: number) => await readEntries(storage.db, id, version, limit);
      // A carrier as quick as it can be: the other node hears of it before this one's writers do.
      const follower: Follower = new Follower(read, {
        publish: (entries) => nodes[1 - i]!.follower.receive(entries),
        publishUnknown: () => undefined,
      });
      const told: LogEntry[] = [];
      follower.onEntry((entry) => told.push(entry));
      return { storage, follower, told, queue: new WriteQueue(storage, follower) };
    }) as [Node, Node];
  });

  const append = (id: string) => async (tx: WriteTransaction) => tx.append(id, 'changed', {});
  const versionsOf = async (id: string) => (await readEntries(opened.storage.db, id, 0, 10_000)).map(({ version }) => version);

  test('the first change of one stream, on both at once: one is 1, the other 2', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `${stream}:${round}`;
      const versions = await Promise.all(nodes.map(({ queue }) => queue.run([id], append(id))));
      expect(versions.toSorted()).toEqual([1, 2]);
      expect(await versionsOf(id)).toEqual([1, 2]);
    }
  });

  test('what is numbered within a new stream, begun by both at once: no number is taken twice, so no row is refused for it', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `${stream}:${round}`;
      const number = async (tx: WriteTransaction) => {
        const seq = tx.nextSeq(id);
        tx.append(id, 'numbered', {});
        await tx.db
          .insertInto('application_state')
          .values({ key: `${id}:${seq}`, value: '' })
          .execute();
        return seq;
      };
      expect((await Promise.all(nodes.map(({ queue }) => queue.run([id], number)))).toSorted()).toEqual([1, 2]);
    }
  });

  test('many writers on many streams, in crossing order: no gap, no deadlock, nobody is refused, and both nodes tell the same', async () => {
    const random = seededRandom();
    const seed = `SEED=${random.seed}`;
    const streams = upTo(10).map((n) => `${stream}:${n}`);
    // From here on both nodes have sockets that listen.
    for (const id of streams) for (const { follower } of nodes) follower.follow(id, 0);
    for (const id of streams) await nodes[0].queue.run([id], append(id));

    const touch: Command<string[], number[]> = {
      name: 'touch',
      streams: (ids) => ids,
      runAll: async (tx, inputs) => inputs.map((ids) => ids.map((id) => tx.append(id, 'touched', {}))),
    };
    const done = new Map(streams.map((id) => [id, [1]]));
    const writers = nodes.flatMap(({ queue }) =>
      upTo(8).map(async () => {
        for (let i = 0; i < 25; i++) {
          const ids = random.shuffle(streams).slice(0, 1 + random.below(4));
          const versions = await (random.below(2)
            ? queue.execute(touch, ids)
            : queue.run(ids, async (tx) => ids.map((id) => tx.append(id, 'changed', {}))));
          ids.forEach((id, at) => done.get(id)!.push(versions[at]!));
          if (random.below(5) === 0) await queue.run(ids, () => Promise.reject(new Error('of its own'))).catch(() => undefined);
        }
      }),
    );
    await Promise.all(writers);

    for (const id of streams) {
      const versions = done.get(id)!.toSorted((a, b) => a - b);
      expect(versions, seed).toEqual(upTo(versions.length));
      expect(await versionsOf(id), seed).toEqual(versions);
      expect((await readCounters(opened.storage.db, [id])).get(id), seed).toMatchObject({ version: versions.length, seq: 0 });
      for (const { told } of nodes) {
        await vi.waitFor(
          () =>
            expect(
              told.filter((entry) => entry.stream === id).map(({ version }) => version),
              seed,
            ).toEqual(versions),
          5_000,
        );
      }
    }
  });

  test('transactions that do deadlock are run again, and both come through', async () => {
    const keys = [`${stream}:a`, `${stream}:b`];
    await nodes[0].queue.run([], (tx) =>
      tx.db
        .insertInto('application_state')
        .values(keys.map((key) => ({ key, value: '' })))
        .execute(),
    );
    const met = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const attempts = [0, 0];
    const versions = await Promise.all(
      nodes.map(({ queue }, i) =>
        queue.run([`${stream}:${i}`], async (tx) => {
          attempts[i]!++;
          const mine = i === 0 ? keys : keys.toReversed();
          for (const key of mine) {
            await tx.db
              .updateTable('application_state')
              .set({ value: `${i}` })
              .where('key', '=', key)
              .execute();
            met[i]!.resolve();
            await met[1 - i]!.promise;
          }
          return tx.append(`${stream}:${i}`, 'changed', {});
        }),
      ),
    );
    expect(versions).toEqual([1, 1]);
    expect(attempts.toSorted()).toEqual([1, 2]);
  });

  test('old entries of a stream that is being written to are forgotten when it is not: nobody waits for the other, whatever each has locked', async () => {
    const [busy, idle] = [`${stream}:busy`, `${stream}:idle`];
    await nodes[0].queue.run([busy, idle], async (tx) => [tx.append(busy, 'old', {}), tx.append(idle, 'old', {})]);
    const forget = () => nodes[1].queue.run([], (tx) => deleteEntriesBefore(tx.connection, Date.now() + 1, 100_000));
    await nodes[0].queue.run([busy], forget);
    expect([await versionsOf(busy), await versionsOf(idle)]).toEqual([[1], []]);
    await forget();
    expect(await versionsOf(busy)).toEqual([]);
  });

  test('a job that locks what another node has just begun sees it', async () => {
    const late = `${stream}:late`;
    const versions = await Promise.all(
      nodes.map(({ queue }) =>
        queue.run([], async (tx) => {
          await tx.lock([late]);
          return tx.append(late, 'changed', {});
        }),
      ),
    );
    expect(versions.toSorted()).toEqual([1, 2]);
  });
});
