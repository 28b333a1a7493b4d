import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { describe, expect, test, vi, type TestContext } from 'vitest';
import { Follower } from '../../src/log/follower.ts';
import type { LogEntry } from '../../src/log/log-entry.ts';
import { readEntries } from '../../src/log/stream-log.repository.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { migrate } from '../../src/storage/migrate.ts';
import { openPostgres, postgresPools } from '../../src/storage/postgres.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { POSTGRES_SERVER, temporaryDatabase } from '../support/engines.ts';
import { startPostgres } from '../support/servers.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { upTo } from './commit-recorder.ts';

const STREAM = 'chat:1';

/** A write queue, a follower and what it announced. */
function startNodeOn(storage: Storage) {
  const follower = new Follower(async (stream, version, limit) => await readEntries(storage.db, stream, version, limit));
  const queue = new WriteQueue(storage, follower);
  const announced: LogEntry[] = [];
  follower.onEntry((entry) => announced.push(entry));
  return {
    queue,
    announced,
    write: (stream = STREAM) => queue.run([stream], async (tx) => tx.append(stream, 'changed', {})),
    stop: () => follower.stop(),
  };
}

/** The same with a storage and a proxy of its own. */
interface Node extends ReturnType<typeof startNodeOn> {
  storage: Storage;
  proxy: TcpProxy;
  close(): Promise<void>;
}

async function startNode(url: string): Promise<Node> {
  const { hostname, port } = new URL(url);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
  const through = new URL(url);
  through.host = `127.0.0.1:${proxy.port}`;
  const storage = openPostgres(postgresPools(through.href));
  const node = startNodeOn(storage);
  return {
    ...node,
    storage,
    proxy,
    async close() {
      node.stop();
      proxy.accept();
      proxy.thaw();
      await proxy.close();
      await storage.close();
    },
  };
}

const TOO_LATE = Symbol('no answer within 5 s');
const within5s = <T>(promise: Promise<T>) => Promise.race([promise, delay(5_000, TOO_LATE)]);
const UNAVAILABLE = { name: 'Failure', code: 'UNAVAILABLE' };

/** A node that has written version 1 of `STREAM`, and the database behind it. */
async function startWorld(onTestFinished: TestContext['onTestFinished']) {
  const database = await temporaryDatabase(POSTGRES_SERVER!);
  const direct = openPostgres(postgresPools(database.url));
  await migrate(direct);
  const node = await startNode(database.url);
  await node.write();
  onTestFinished(async () => {
    await node.close();
    await direct.close();
    await database.drop();
  });
  return {
    url: database.url,
    direct,
    node,
    log: async (stream = STREAM) => (await readEntries(direct.db, stream, 0, 10_000)).map(({ version }) => version),
    versions: (stream = STREAM) => node.announced.filter((entry) => entry.stream === stream).map(({ version }) => version),
    /** Writes until the store takes it again, and returns the version. */
    resumes: () => vi.waitFor(() => node.write(), { timeout: 15_000, interval: 50 }),
    terminateAll: () =>
      sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`.execute(
        direct.db,
      ),
  };
}

// At once: nearly all of their time is waiting for time-outs.
describe.skipIf(POSTGRES_SERVER === undefined).concurrent('PostgreSQL goes away', () => {
  test('connections that were terminated while idle: writing resumes by itself', async ({ onTestFinished }) => {
    const { node, log, resumes, terminateAll } = await startWorld(onTestFinished);
    await Promise.all(upTo(5).map(() => node.storage.db.selectFrom('streams').selectAll().execute()));
    await terminateAll();
    expect(await resumes()).toBe(2);
    expect(await log()).toEqual([1, 2]);
  });

  test('a connection that is terminated in the middle of a transaction: UNAVAILABLE, nothing of it remains, the process lives', async ({
    onTestFinished,
  }) => {
    const { node, log, versions, resumes, terminateAll } = await startWorld(onTestFinished);
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const batch = [
      node.queue.run([STREAM], async (tx) => {
        const version = tx.append(STREAM, 'changed', {});
        reached.resolve();
        await go.promise;
        return version;
      }),
      node.write(),
    ];
    await reached.promise;
    await terminateAll();
    go.resolve();
    for (const write of batch) await expect(within5s(write)).rejects.toMatchObject(UNAVAILABLE);
    expect(await resumes()).toBe(2);
    expect(await log()).toEqual([1, 2]);
    expect(versions()).toEqual([1, 2]);
  });

  test('a connection that is terminated while it reads: that read fails, the process lives', async ({ onTestFinished }) => {
    const { direct, node, terminateAll } = await startWorld(onTestFinished);
    const reading = sql`select pg_sleep(30)`.execute(node.storage.db);
    reading.catch(() => undefined);
    await vi.waitFor(async () => {
      const { rows } = await sql<{
        n: number;
      }>`select count(*)::int as n from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid() and datname = current_database()`.execute(
        direct.db,
      );
      expect(rows[0]!.n).toBe(1);
    });
    await terminateAll();
    await expect(reading).rejects.toThrow(/terminat/);
    await vi.waitFor(() => node.storage.check());
  });

  test('"UNAVAILABLE (the store cannot take writes now; answered within 5 s)": it refuses connections', async ({ onTestFinished }) => {
    const { node, log, resumes } = await startWorld(onTestFinished);
    node.proxy.refuse();
    for (const write of [node.write(), node.write('chat:2')]) await expect(within5s(write)).rejects.toMatchObject(UNAVAILABLE);
    await expect(node.storage.check()).rejects.toMatchObject({ name: 'StoreUnavailable' });
    node.proxy.accept();
    expect(await resumes()).toBe(2);
    await node.storage.check();
    expect(await log()).toEqual([1, 2]);
  });

  test('"UNAVAILABLE (…; answered within 5 s)": it is silent; what was refused does not happen later, and writing resumes by itself', async ({
    onTestFinished,
  }) => {
    const { node, log, versions, resumes } = await startWorld(onTestFinished);
    node.proxy.freeze();
    const writes: Promise<number>[] = [];
    // Some in the batch that hangs, some that wait behind it.
    for (let i = 0; i < 10; i++) {
      const write = node.write();
      write.catch(() => undefined);
      writes.push(within5s(write) as Promise<number>);
      await delay(100);
    }
    for (const write of writes) await expect(write).rejects.toMatchObject(UNAVAILABLE);
    // At once: those that waited have become the batch in flight, and their connection comes about now.
    node.proxy.thaw();
    expect(await resumes()).toBe(2);
    expect(await log()).toEqual([1, 2]);
    expect(versions()).toEqual([1, 2]);
  });

  test(
    'connections that will be silent for ever are left behind, however many the pool has',
    { timeout: 40_000 },
    async ({ onTestFinished }) => {
      const { node, log, resumes } = await startWorld(onTestFinished);
      await Promise.all(upTo(9).map(() => node.storage.db.selectFrom('streams').selectAll().execute()));
      node.proxy.forsake();
      await expect(within5s(node.write())).rejects.toMatchObject(UNAVAILABLE);
      // Not one time-out for each of the pool's connections.
      expect(await within5s(resumes())).toBe(2);
      expect(await log()).toEqual([1, 2]);
    },
  );

  test('a read whose answer never comes takes its connection with it: the next reads are not queued behind it', async ({
    onTestFinished,
  }) => {
    const { node } = await startWorld(onTestFinished);
    const read = () => node.storage.db.selectFrom('streams').selectAll().execute();
    const all = () => Promise.allSettled(upTo(10).map(() => within5s(read())));
    await all();
    node.proxy.forsake();
    expect((await all()).map(({ status }) => status)).toEqual(upTo(10).map(() => 'rejected'));
    expect((await all()).map(({ status }) => status)).toEqual(upTo(10).map(() => 'fulfilled'));
  });

  test('a commit whose answer is lost: nobody is told that it worked, and the follower announces it', async ({ onTestFinished }) => {
    const { node, log, versions } = await startWorld(onTestFinished);
    node.proxy.loseAnswerTo('commit');
    await expect(within5s(node.write())).rejects.toMatchObject(UNAVAILABLE);
    expect(await log()).toEqual([1, 2]);
    await vi.waitFor(() => expect(versions()).toEqual([1, 2]), 5_000);
    expect(await node.write()).toBe(3);
    expect(versions()).toEqual([1, 2, 3]);
  });

  test.for([STREAM, 'chat:new'])(
    'a commit that the database gets to late, in %s: the follower announces it then',
    async (stream, { onTestFinished }) => {
      const { node, log, versions } = await startWorld(onTestFinished);
      const version = stream === STREAM ? 2 : 1;
      const letThrough = node.proxy.delay('commit');
      await expect(within5s(node.write(stream))).rejects.toMatchObject(UNAVAILABLE);
      // By now the follower has had all the time to look, and there was nothing to see.
      await node.write('chat:barrier');
      expect(await log(stream)).toEqual(upTo(version - 1));
      letThrough();
      await vi.waitFor(() => expect(versions(stream)).toEqual(upTo(version)), 5_000);
      expect(await node.write(stream)).toBe(version + 1);
      expect(versions(stream)).toEqual(upTo(version + 1));
    },
  );

  test('a commit that the database never gets: its version goes to the next write', async ({ onTestFinished }) => {
    const { node, log, versions, resumes, terminateAll } = await startWorld(onTestFinished);
    const letThrough = node.proxy.delay('commit');
    await expect(within5s(node.write())).rejects.toMatchObject(UNAVAILABLE);
    await terminateAll();
    letThrough();
    expect(await resumes()).toBe(2);
    expect(await log()).toEqual([1, 2]);
    expect(versions()).toEqual([1, 2]);
  });

  test('a node that falls silent in the middle of a transaction does not keep the others from writing', async ({ onTestFinished }) => {
    const { url, node, log } = await startWorld(onTestFinished);
    const reached = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    const silent = node.queue.run([STREAM], async (tx) => {
      tx.append(STREAM, 'changed', {});
      node.proxy.forsake();
      reached.resolve();
      await over.promise;
    });
    silent.catch(() => undefined);
    await reached.promise;
    const other = await startNode(url);
    try {
      // It may have to wait once, and is answered meanwhile.
      expect(await within5s(vi.waitFor(() => other.write('chat:2')))).toBe(1);
      expect(await vi.waitFor(() => other.write(), { timeout: 15_000 })).toBe(2);
      over.resolve();
      await expect(silent).rejects.toMatchObject(UNAVAILABLE);
      expect(await log()).toEqual([1, 2]);
    } finally {
      over.resolve();
      await other.close();
    }
  });
});

describe.skipIf(POSTGRES_SERVER === undefined)('PostgreSQL crashes and comes back while many write', () => {
  test(
    'every acknowledged write is there, nothing has a gap, and all of it was announced once and in order',
    { timeout: 60_000 },
    async (context) => {
      const server = await startPostgres();
      // The shared server may be another machine's.
      if (!server) return context.skip('no PostgreSQL is installed here that could be crashed');
      const database = await temporaryDatabase(server.url);
      const storage = openPostgres(postgresPools(database.url));
      await migrate(storage);
      const node = startNodeOn(storage);
      const streams = upTo(5).map((n) => `chat:${n}`);
      const acknowledged: [string, number][] = [];
      const refusals: unknown[] = [];
      const over = new AbortController();
      const writer = async (stream: string) => {
        while (!over.signal.aborted) {
          try {
            acknowledged.push([stream, await node.write(stream)]);
          } catch (error) {
            refusals.push(error);
            await delay(20);
          }
        }
      };
      const writers = [...streams, ...streams].map(writer);
      try {
        for (let crash = 0; crash < 3; crash++) {
          const before = acknowledged.length;
          await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 50), 10_000);
          const refused = refusals.length;
          await server.crash();
          await vi.waitFor(() => expect(refusals.length).toBeGreaterThan(refused + 10), 10_000);
          await server.restart();
        }
        const before = acknowledged.length;
        await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 50), 10_000);
        over.abort();
        await Promise.all(writers);
        for (const refusal of refusals) expect(refusal).toMatchObject(UNAVAILABLE);
        for (const stream of streams) {
          const log = (await readEntries(storage.db, stream, 0, 100_000)).map(({ version }) => version);
          expect(log).toEqual(upTo(log.length));
          expect(log).toEqual(expect.arrayContaining(acknowledged.filter(([id]) => id === stream).map(([, version]) => version)));
          await vi.waitFor(
            () => expect(node.announced.filter((entry) => entry.stream === stream).map(({ version }) => version)).toEqual(log),
            5_000,
          );
        }
      } finally {
        over.abort();
        await Promise.all(writers);
        node.stop();
        await storage.close();
        await server.stop();
      }
    },
  );
});
