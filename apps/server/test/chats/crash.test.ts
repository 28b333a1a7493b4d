import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { expectNothingLost, history, Listener, RECONNECTING, Writer } from '../support/burst.ts';
import { makeGroup, makeUsers, UNLIMITED, v2Client } from '../support/chats.ts';
import { POSTGRES_SERVER, temporaryDatabase } from '../support/engines.ts';
import { spawnServer, type SpawnedServer } from '../support/server.ts';
import { closeClients } from '../support/sockets.ts';

/** How many messages each client may send for each kill: far more than are acknowledged before it, so that it comes in their middle. */
const ROUND = 300;
const ACKS_BEFORE_KILL = 60;
const LOAD = { messages: 0, inFlight: 25 };

const engines = [
  { name: 'SQLite', missing: false, database: async () => ({ url: undefined, drop: async () => undefined }) },
  { name: 'PostgreSQL', missing: POSTGRES_SERVER === undefined, database: () => temporaryDatabase(POSTGRES_SERVER!) },
];

for (const engine of engines) {
  describe.skipIf(engine.missing)(`kill -9 in the middle of a burst (${engine.name})`, () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'majlis-crash-'));
    let server: SpawnedServer | undefined;
    let database: Awaited<ReturnType<typeof engine.database>> | undefined;
    afterEach(async () => {
      closeClients();
      await server?.stop();
      await database?.drop();
      rmSync(dataDir, { recursive: true, force: true });
    });

    test('"The acknowledgement is sent after the message is durably stored, never before": three crashes lose no acknowledged message, and what is sent again is there once, in order', async () => {
      database = await engine.database();
      const start = (port: string) =>
        spawnServer({
          ...UNLIMITED,
          DATA_DIR: dataDir,
          PORT: port,
          LOG_LEVEL: 'warn',
          ...(database!.url && { DATABASE_URL: database!.url }),
        });
      let running = (server = await start('0'));
      const { port } = new URL(running.url);
      const [anna, boris, clara] = await makeUsers(running, 'Anna', 'Boris', 'Clara');
      const chat = await makeGroup(running, anna, boris, clara);
      const claras = await v2Client(running, clara, RECONNECTING);
      const writers = [
        new Writer(await v2Client(running, anna, RECONNECTING), chat.id, 'anna', LOAD),
        new Writer(await v2Client(running, boris, RECONNECTING), chat.id, 'boris', LOAD),
      ];
      const acked = () => writers.reduce((sum, { acks }) => sum + acks.size, 0);

      const stayed = new Listener(claras, chat.id);

      for (let kill = 1; kill <= 3; kill++) {
        const target = acked() + ACKS_BEFORE_KILL;
        for (const writer of writers) writer.goOn(ROUND);
        await claras.until(() => (acked() >= target ? true : undefined));
        const promised = new Map(writers.flatMap(({ acks }) => [...acks]));
        expect(writers.some(({ underWay }) => underWay > 0)).toBe(true);
        expect(await running.kill('SIGKILL')).toBe('SIGKILL');
        running = server = await start(port);
        const stored = new Map((await history(running, clara, chat.id)).map((message) => [message.client_message_id!, message]));
        for (const [id, ack] of promised)
          expect(stored.get(id)).toMatchObject({ id: ack.message_id, seq: ack.seq, created_at: ack.created_at });
        await claras.count('sync:required', kill + 1);
        expect(claras.of('sync:required').at(-1)).toMatchObject({ reason: 'reconnection' });
        await stayed.catchUp();
      }
      await Promise.all(writers.map((writer) => writer.done()));
      await stayed.catchUp();

      expectNothingLost(await history(running, clara, chat.id), writers, [stayed]);
    }, 60_000);
  });
}
