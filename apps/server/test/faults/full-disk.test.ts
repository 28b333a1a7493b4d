import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { expectNothingLost, history, Listener, Writer } from '../support/burst.ts';
import { makeGroup, makeUsers, UNLIMITED, v2Client } from '../support/chats.ts';
import { spawnServer, type SpawnedServer } from '../support/server.ts';
import { closeClients } from '../support/sockets.ts';

vi.setConfig({ testTimeout: 60_000 });

let server: SpawnedServer | undefined;
afterEach(async () => {
  closeClients();
  await server?.stop();
});

/** From here on no file of the process grows beyond so many bytes: to the process a full disk, to nobody else. */
const limitFiles = (pid: number, bytes: number | 'unlimited') => execFileSync('prlimit', ['--pid', `${pid}`, `--fsize=${bytes}:`]);

// Other systems have no prlimit.
if (process.platform === 'linux')
  test('a full disk: `UNAVAILABLE`, `/health/ready` is 503, reading goes on, sockets stay, and when there is room work resumes by itself with nothing lost', async () => {
    const running = (server = await spawnServer({ ...UNLIMITED, LOG_LEVEL: 'warn' }));
    const [anna, boris] = await makeUsers(running, 'Anna', 'Boris');
    const { id: chatId } = await makeGroup(running, anna, boris);
    const listener = new Listener(await v2Client(running, boris), chatId);
    const clients = await Promise.all([v2Client(running, anna), v2Client(running, boris)]);
    const writers = clients.map((client, i) => new Writer(client, chatId, `writer${i}`, { messages: Infinity, inFlight: 1 }));
    const acknowledged = () => writers.reduce((sum, { acks }) => sum + acks.size, 0);
    const ready = async () => (await running.api('GET', '/health/ready')).status;

    await expect.poll(acknowledged).toBeGreaterThan(20);
    expect(await ready()).toBe(200);
    limitFiles(running.pid, statSync(join(running.dataDir, 'majlis.sqlite-wal')).size);
    await expect.poll(() => writers.every(({ refusals }) => refusals.length > 1), { timeout: 10_000 }).toBe(true);
    await expect.poll(ready, { timeout: 10_000 }).toBe(503);
    const stored = acknowledged();
    expect((await history(running, boris, chatId)).length).toBe(stored);
    expect(acknowledged()).toBe(stored);

    limitFiles(running.pid, 'unlimited');
    await expect.poll(acknowledged, { timeout: 10_000 }).toBeGreaterThan(stored + 20);
    await expect.poll(ready, { timeout: 10_000 }).toBe(200);
    await Promise.all(writers.map((writer) => writer.finish()));
    for (const { refusals } of writers) expect(new Set(refusals)).toEqual(new Set(['UNAVAILABLE']));
    for (const client of [...clients, listener.client]) expect(client.of('disconnect')).toEqual([]);
    await expect.poll(() => listener.changes.size).toBe(acknowledged());
    expectNothingLost(await history(running, boris, chatId), writers, [listener]);
  });
