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

describe('PostgreSQL fails under traffic', () => {
  let database: StartedServer | undefined;
  let server: SpawnedServer;

  beforeAll(async () => {
    database = await startPostgres();
    if (!database) return;
    const { url } = await temporaryDatabase(database.url);
    server = await spawnServer({ ...UNLIMITED, DATABASE_URL: url, LOG_LEVEL: 'warn' });
  });
  afterAll(async () => {
    closeClients();
    await server?.stop();
    await database?.stop();
  });

  test.for(FAULTS)(
    '$what: writes are answered `UNAVAILABLE`, `/health/ready` is 503, sockets stay, work resumes by itself, and nothing acknowledged is lost, doubled or out of order',
    { timeout: 60_000 },
    async ({ begin, end }, context) => {
      // The shared server may be another machine's.
      if (!database) return context.skip('no PostgreSQL is installed here that could be stopped');
      const [anna, boris] = await makeUsers(server, 'Anna', 'Boris');
      const { id: chatId } = await makeGroup(server, anna, boris);
      const [staying, returning] = [
        new Listener(await v2Client(server, boris, RECONNECTING), chatId),
        new Listener(await v2Client(server, boris, RECONNECTING), chatId),
      ];
      const clients = await Promise.all(Array.from({ length: WRITERS }, () => v2Client(server, anna, RECONNECTING)));
      const writers = clients.map((client, i) => new Writer(client, chatId, `writer${i}`, LOAD));
      const acknowledged = () => writers.reduce((sum, { acks }) => sum + acks.size, 0);
      const more = (count: number) => {
        const target = acknowledged() + count;
        return expect.poll(acknowledged, { timeout: 20_000 }).toBeGreaterThan(target);
      };
      const ready = async () => (await server.api('GET', '/health/ready')).status;

      await more(50);
      await begin(database);
      // All of them are answered while the database is away.
      await expect.poll(() => writers.every(({ refusals }) => refusals.length > 0), { timeout: 20_000 }).toBe(true);
      await expect.poll(ready, { timeout: 20_000 }).toBe(503);
      const promised = acknowledged();
      returning.client.cut();
      await returning.client.next('disconnect');
      expect((await server.api('GET', '/health/live')).status).toBe(200);
      await expect.poll(() => writers.every(({ refusals }) => refusals.length > 1), { timeout: 20_000 }).toBe(true);
      expect(acknowledged()).toBe(promised);
      await end(database);

      await expect.poll(ready, { timeout: 20_000 }).toBe(200);
      await more(50);
      await returning.client.count('sync:required', 2);
      await Promise.all(writers.map((writer) => writer.finish()));
      for (const { refusals } of writers) expect(new Set(refusals)).toEqual(new Set(['UNAVAILABLE']));
      for (const client of [...clients, staying.client]) expect(client.of('disconnect')).toEqual([]);
      // Whoever stayed has nothing to ask for.
      const count = writers.flatMap(({ ids }) => ids).length;
      await expect.poll(() => staying.changes.size, { timeout: 20_000 }).toBe(count);
      await returning.catchUp();
      expectNothingLost(await history(server, boris, chatId), writers, [staying, returning]);
      closeClients();
    },
  );
});
