import { afterEach, describe, expect, test } from 'vitest';
import { Drain } from '../../src/http/drain.ts';
import { closeRawSockets, rawConnected, rawSocket } from '../support/raw-socket.ts';
import { spawnServer, startServer } from '../support/server.ts';
import { client, closeClients, connected, type Client } from '../support/sockets.ts';
import { makeChat } from './chat-server.ts';

afterEach(() => {
  closeClients();
  closeRawSockets();
});

describe('drain: not ready, no new connections, transports closed with a spread so that clients reconnect elsewhere, writes finished', () => {
  test('stock clients of every transport see a transport that closed, and are back on the next server', async () => {
    const first = await startServer({ PORT: '0' });
    const port = new URL(first.url).port;
    const { amal, chat_id, text } = await makeChat(first);
    const reconnecting = { token: first.token(amal), reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 50 };
    const clients = await Promise.all(
      [['websocket'], ['polling'], ['polling', 'websocket'], ['websocket'], ['polling']].map((transports) =>
        connected(first.url, '/', { ...reconnecting, transports }),
      ),
    );
    const { settings } = first;
    // What is asked while the server goes is answered or lost with the connection, and never half done.
    const inFlight = Promise.all(
      clients.map((one, i) => {
        const sent = one.ask('chat:message:send', { ...text(`in flight ${i}`), client_message_id: `${i}` }).catch(() => undefined);
        return Promise.race([sent, one.next('disconnect').then(() => undefined)]);
      }),
    );
    await first.app.close();
    const second = await startServer({ PORT: port, DATA_DIR: settings.DATA_DIR });
    try {
      for (const one of clients) {
        await one.count('connected', 2);
        expect(['transport close', 'transport error', 'ping timeout']).toContain(one.of('disconnect')[0]);
        expect(one.of('error')).toEqual([]);
        expect(one.of('sync:required').at(-1)).toMatchObject({ reason: 'reconnection' });
      }
      const answered = (await inFlight).filter((answer) => answer?.status === 'sent');
      const { chats } = await clients[0]!.ask('chat:sync', { chats: { [chat_id]: 0 } });
      const stored = chats[chat_id].messages.map(({ id }: { id: string }) => id);
      for (const { message_id } of answered) expect(stored).toContain(message_id);
    } finally {
      closeClients();
      await second.stop();
      await first.stop();
    }
  });

  test('no DISCONNECT is sent, and nobody is let in any more, by either transport', async () => {
    const server = await startServer();
    const { amal, bashir } = await makeChat(server);
    const raws = await Promise.all([amal, bashir].map((user) => rawConnected(server.url, { token: server.token(user) })));
    // A request on a connection that is open already reaches a server that listens no more.
    const polling = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const agent = await fetch(polling);
    await agent.text();
    const closing = server.stop();
    await expect.poll(() => server.app.get(Drain).draining).toBe(true);
    expect((await server.api('GET', '/health/ready')).status).toBe(503);
    const late = await fetch(polling).catch(() => ({ status: 503 }));
    expect(late.status).toBe(503);
    const upgrade = rawSocket(server.url);
    await Promise.race([upgrade.next('refused').then(({ status }) => expect(status).toBe(503)), upgrade.next('failed')]);
    for (const raw of raws) {
      await raw.next('close');
      expect((raw.of('packet') as string[]).filter((packet) => packet.startsWith('41'))).toEqual([]);
    }
    await closing;
  });

  test('with a spread: not all at the same moment', async () => {
    const server = await startServer();
    const { amal } = await makeChat(server);
    const clients: Client[] = [];
    for (let i = 0; i < 6; i++) clients.push(await connected(server.url, '/', { token: server.token(amal) }));
    const closed: number[] = [];
    for (const one of clients) one.socket.once('disconnect', () => closed.push(performance.now()));
    await server.stop();
    await Promise.all(clients.map((one) => one.next('disconnect')));
    expect(closed.at(-1)! - closed[0]!).toBeGreaterThan(1_000);
  });

  test('`SIGTERM` with clients that do not go: exit code 0 within 10 s', async () => {
    const server = await spawnServer();
    await server.createUser('amal');
    const frozen = await rawConnected(server.url, { token: server.token('amal') });
    frozen.freeze();
    const polling = client(server.url, '/', {
      token: server.token('amal'),
      transports: ['polling'],
      reconnection: true,
      reconnectionDelay: 1,
    });
    await polling.next('sync:required');
    const asked = performance.now();
    expect(await server.kill('SIGTERM')).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(await polling.next('disconnect')).toMatch(/^transport/);
    await server.stop();
  });
});
