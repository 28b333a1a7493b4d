import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectNothingLost, history, Listener, RECONNECTING, Writer } from '../support/burst.ts';
import { makeGroup, makeUsers, UNLIMITED, v2Client } from '../support/chats.ts';
import { temporaryDatabase } from '../support/engines.ts';
import { spawnServer, type SpawnedServer } from '../support/server.ts';
import { startPostgres, type StartedServer } from '../support/servers.ts';
import { closeClients } from '../support/sockets.ts';

// One message of each at a time, so that what is refused and sent again keeps its place.
const LOAD = { messages: Infinity, inFlight: 1 };
const WRITERS = 6;

const FAULTS = [
  {
    what: 'restarted (-m immediate)',
    begin: (database: StartedServer) => database.crash(),
    end: (database: StartedServer) => database.restart(),
  },
  {
    what: 'frozen (SIGSTOP)',
    begin: async (database: StartedServer) => database.freeze(),
    end: async (database: StartedServer) => database.thaw(),
  },
];

const REDIS_URL = process.env['TEST_REDIS_URL'];

describe.skipIf(REDIS_URL === undefined)('PostgreSQL fails under the traffic of two nodes', () => {
  let database: StartedServer | undefined;
  let nodes: [SpawnedServer, SpawnedServer];

  beforeAll(async () => {
    database = await startPostgres();
    if (!database) return;
    const { url } = await temporaryDatabase(database.url);
    const start = () => spawnServer({ ...UNLIMITED, DATABASE_URL: url, REDIS_URL: REDIS_URL!, LOG_LEVEL: 'warn' });
    nodes = [await start(), await start()];
  });
  afterAll(async () => {
    closeClients();
    for (const node of nodes ?? []) await node.stop();
    await database?.stop();
  });

  test.for(FAULTS)(
    '$what: writes are answered `UNAVAILABLE`, `/health/ready` is 503, sockets stay, work resumes by itself, and nothing acknowledged is lost, doubled or out of order',
    { timeout: 60_000 },
    async ({ begin, end }, context) => {
      // The shared server may be another machine's.
      if (!database) return context.skip('no PostgreSQL is installed here that could be stopped');
      const [anna, boris] = await makeUsers(nodes[0], 'Anna', 'Boris');
      const { id: chatId } = await makeGroup(nodes[0], anna, boris);
      const listen = async (node: SpawnedServer) => new Listener(await v2Client(node, boris, RECONNECTING), chatId);
      const staying = await Promise.all(nodes.map(listen));
      const returning = await Promise.all(nodes.map(listen));
      const clients = await Promise.all(Array.from({ length: WRITERS }, (_, i) => v2Client(nodes[i % 2]!, anna, RECONNECTING)));
      const writers = clients.map((client, i) => new Writer(client, chatId, `writer${i}`, LOAD));
      const acknowledged = () => writers.reduce((sum, { acks }) => sum + acks.size, 0);
      const more = (count: number) => {
        const target = acknowledged() + count;
        return expect.poll(acknowledged, { timeout: 20_000 }).toBeGreaterThan(target);
      };
      const health = (which: string) => Promise.all(nodes.map(async (node) => (await node.api('GET', `/health/${which}`)).status));

      await more(50);
      await begin(database);
      // All of them are answered while the database is away.
      await expect.poll(() => writers.every(({ refusals }) => refusals.length > 0), { timeout: 20_000 }).toBe(true);
      await expect.poll(() => health('ready'), { timeout: 20_000 }).toEqual([503, 503]);
      const promised = acknowledged();
      for (const { client } of returning) {
        client.cut();
        await client.next('disconnect');
      }
      expect(await health('live')).toEqual([200, 200]);
      await expect.poll(() => writers.every(({ refusals }) => refusals.length > 1), { timeout: 20_000 }).toBe(true);
      expect(acknowledged()).toBe(promised);
      await end(database);

      await expect.poll(() => health('ready'), { timeout: 20_000 }).toEqual([200, 200]);
      await more(50);
      for (const { client } of returning) await client.count('sync:required', 2);
      await Promise.all(writers.map((writer) => writer.finish()));
      for (const node of nodes)
        console.log(
          'OUT',
          node
            .output()
            .split('\n')
            .filter((l) => l.includes('"error"'))
            .slice(0, 3)
            .join('\n'),
        );
      for (const { refusals } of writers) expect(new Set(refusals)).toEqual(new Set(['UNAVAILABLE']));
      for (const client of [...clients, ...staying.map((one) => one.client)]) expect(client.of('disconnect')).toEqual([]);
      // Whoever stayed has nothing to ask for.
      const count = writers.flatMap(({ ids }) => ids).length;
      await expect.poll(() => staying.map(({ changes }) => changes.size), { timeout: 20_000 }).toEqual([count, count]);
      for (const listener of returning) await listener.catchUp();
      expectNothingLost(await history(nodes[0], boris, chatId), writers, [...staying, ...returning]);
      closeClients();
    },
  );
});
