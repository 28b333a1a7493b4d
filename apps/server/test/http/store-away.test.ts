import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { POSTGRES_SERVER, temporaryDatabase } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

describe.skipIf(POSTGRES_SERVER === undefined)('while the store is away', () => {
  let server: TestServer;
  let proxy: TcpProxy;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    const database = await temporaryDatabase(POSTGRES_SERVER!);
    drop = database.drop;
    const { hostname, port } = new URL(database.url);
    proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    const url = new URL(database.url);
    url.host = `127.0.0.1:${proxy.port}`;
    server = await startServer({ DATABASE_URL: url.href });
    await server.createUser('amal');
  });
  afterAll(async () => {
    proxy.accept();
    proxy.thaw();
    await server.stop();
    await proxy.close();
    await drop();
  });

  const write = () => server.api('PUT', '/api/v2/users/amal', { key: true, body: { name: `name ${Math.random()}` } });
  const read = () => server.api('GET', '/api/v2/users/nobody', { key: true });
  const ready = () => server.api('GET', '/health/ready');

  for (const [how, leave, back] of [
    ['refuses', 'refuse', 'accept'],
    ['is silent', 'freeze', 'thaw'],
  ] as const) {
    test(`and ${how}: UNAVAILABLE; GET /health/ready is 503; then all is well again`, async () => {
      // What was written last made memory forget the user; who is asked for again is there before the store goes.
      await server.api('GET', '/api/v2/me', { as: 'amal' });
      proxy[leave]();
      for (const { status, body } of await Promise.all([write(), read()])) expect([status, body.code]).toEqual([503, 'UNAVAILABLE']);
      await expect.poll(async () => (await ready()).body, { timeout: 10_000 }).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
      expect((await server.api('GET', '/health/live')).status).toBe(200);
      // Who somebody is, memory knows.
      expect((await server.api('GET', '/api/v2/me', { as: 'amal' })).status).toBe(200);
      proxy[back]();
      await expect
        .poll(async () => [(await write()).status, (await read()).status, (await ready()).status], { timeout: 15_000 })
        .toEqual([200, 404, 200]);
    });
  }
});
