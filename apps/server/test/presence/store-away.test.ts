import { expect, test } from 'vitest';
import { makeUsers, ok, v2Client } from '../support/chats.ts';
import { POSTGRES_SERVER, temporaryDatabase } from '../support/engines.ts';
import { startServer } from '../support/server.ts';
import { connected } from '../support/sockets.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { offline, online } from './listening.ts';

if (POSTGRES_SERVER)
  test('what happens to connections while the store is away is told, and stored when it is back', async () => {
    const database = await temporaryDatabase(POSTGRES_SERVER!);
    const { hostname, port } = new URL(database.url);
    const proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
    const through = new URL(database.url);
    through.host = `127.0.0.1:${proxy.port}`;
    const settings = { PRESENCE_GRACE_MS: '100', PRESENCE_AUDIENCE: 'everyone' };
    const server = await startServer({ ...settings, DATABASE_URL: through.href });
    const other = await startServer({ ...settings, DATABASE_URL: database.url });
    try {
      const [anna, boris, clara] = await makeUsers(server, 'Anna', 'Boris', 'Clara');
      const phone = { token: server.token(anna), device_id: 'phone' };
      const annas = await connected(server.url, '/', { auth: phone });
      const boriss = await v2Client(server, boris);
      const claras = await v2Client(server, clara);
      await online(boriss, clara);
      proxy.refuse();
      // Both say goodbye; neither can be stored.
      annas.socket.disconnect();
      claras.socket.disconnect();
      const [, { last_seen }] = await Promise.all([offline(boriss, anna), offline(boriss, clara)]);
      expect((await server.api('GET', `/api/v2/users/${clara}`, { key: true })).status).toBe(503);
      proxy.accept();
      await expect
        .poll(async () => ok(await other.api('GET', `/api/v2/users/${clara}`, { key: true })).last_seen, { timeout: 20_000 })
        .toBe(last_seen);
      // Whoever says goodbye is no reconnection, on whatever node; the store was told in time.
      const again = await connected(server.url, '/', { auth: phone });
      expect(await again.next('sync:required')).toMatchObject({ reason: 'connection_established' });
      again.socket.disconnect();
      boriss.socket.disconnect();
    } finally {
      await Promise.all([server.stop(), other.stop()]);
      await proxy.close();
      await database.drop();
    }
  });
