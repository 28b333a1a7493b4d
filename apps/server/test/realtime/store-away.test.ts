import { v2 } from '@majlis/contract';
import { afterAll, describe, expect, test, type TestContext } from 'vitest';
import { makeDirect, makeUsers } from '../support/chats.ts';
import { POSTGRES_SERVER, temporaryDatabase } from '../support/engines.ts';
import { closeRawSockets, rawConnected, rawSocket } from '../support/raw-socket.ts';
import { startServer } from '../support/server.ts';
import { client, closeClients, connected } from '../support/sockets.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

// All at the end: these tests run at once.
afterAll(() => {
  closeClients();
  closeRawSockets();
});

/** A server, a chat of two of its users, and the network between it and its database. */
async function startWorld(onTestFinished: TestContext['onTestFinished']) {
  const database = await temporaryDatabase(POSTGRES_SERVER!);
  const { hostname, port } = new URL(database.url);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port || 5432) });
  const through = new URL(database.url);
  through.host = `127.0.0.1:${proxy.port}`;
  const server = await startServer({ DATABASE_URL: through.href });
  onTestFinished(async () => {
    proxy.thaw();
    proxy.accept();
    await server.stop();
    await proxy.close();
    await database.drop();
  });
  const [amal, bashir] = await makeUsers(server, 'amal', 'bashir');
  const { id: chat_id } = await makeDirect(server, amal, bashir);
  return { proxy, server, amal, bashir, chat_id, text: (content: string) => ({ chat_id, type: 'text', content }) };
}

const SILENCE = [
  ['a database that hangs', 'freeze', 'thaw'],
  ['a database that refuses connections', 'refuse', 'accept'],
] as const;

// At once: nearly all of their time is waiting.
describe.skipIf(POSTGRES_SERVER === undefined).concurrent('while the store is away a CONNECT is held up to 20 s', () => {
  for (const [what, goAway, comeBack] of SILENCE) {
    test(`${what}: held, and accepted when the store is back; events are answered \`UNAVAILABLE\`, each callback called`, async ({
      onTestFinished,
    }) => {
      const { proxy, server, amal, bashir, chat_id } = await startWorld(onTestFinished);
      const known = await connected(server.url, '/', { token: server.token(amal) });
      proxy[goAway]();

      // One whom the server knows already, and one whom it does not.
      const raws = await Promise.all(
        [amal, bashir].map(async (user) => {
          const raw = rawSocket(server.url);
          await raw.next('open');
          raw.send(`40${JSON.stringify({ token: server.token(user) })}`);
          return raw;
        }),
      );
      const refused = client(server.url, '/', { token: 'bad', reconnection: false });

      // No question of its own is left unanswered.
      const payload = {
        chat_id,
        message_id: crypto.randomUUID(),
        type: 'text',
        content: 'x',
        is_typing: true,
        emoji: 'x',
        on: true,
        chats: { [chat_id]: 0 },
        cursors: { user: 0 },
        token: 'x',
      };
      const names = Object.values(v2.clientEvents).map(({ name }) => name);
      const answers = await Promise.all(names.map(async (name) => ({ name, answer: await known.ask(name, payload) })));
      for (const name of ['chat:message:send', 'sync', 'chat:sync']) {
        expect(answers.find((one) => one.name === name)!.answer).toMatchObject({
          status: 'error',
          error: { code: 'UNAVAILABLE', event: name },
        });
      }
      expect(answers.find(({ name }) => name === 'ping')!.answer).toEqual({ status: 'ok' });
      // A token that is bad is so without the store.
      expect(await refused.next('disconnect')).toBe('io server disconnect');

      // By now seconds have passed. Another CONNECT on the same connection is answered, so the first one is held.
      for (const raw of raws) {
        raw.send('40/nowhere,');
        await raw.next('packet', (packet) => packet.startsWith('44/nowhere,'));
        expect(raw.all.filter(({ event }) => event !== 'open' && event !== 'packet')).toEqual([]);
      }
      proxy[comeBack]();
      for (const raw of raws) {
        await raw.next('sync:required');
        expect(await raw.ask('ping')).toEqual([{ status: 'ok' }]);
      }
    });
  }

  test('after 20 s the transport is closed and no more, so that stock clients come back', async ({ onTestFinished }) => {
    const { proxy, server, amal } = await startWorld(onTestFinished);
    proxy.refuse();
    const asked = performance.now();
    const stock = client(server.url, '/', { token: server.token(amal), reconnection: true, reconnectionDelay: 1 });
    const raw = rawSocket(server.url);
    await raw.next('open');
    raw.send(`40${JSON.stringify({ token: server.token(amal) })}`);
    await raw.until(() => raw.of('close')[0], 'close', 30_000);
    expect(performance.now() - asked).toBeGreaterThan(19_000);
    expect(raw.all.map(({ event }) => event)).toEqual(['open', 'packet', 'close']);
    proxy.accept();
    await stock.next('sync:required');
    expect(stock.of('connect_error')).toEqual([]);
  }, 60_000);

  test('whoever is connected stays so, and gets what happened when the store is back', async ({ onTestFinished }) => {
    const { proxy, server, amal, bashir, text } = await startWorld(onTestFinished);
    const [one, other] = await Promise.all([
      rawConnected(server.url, { token: server.token(amal) }),
      connected(server.url, '/', { token: server.token(bashir) }),
    ]);
    proxy.refuse();
    expect(await one.ask('chat:message:send', text('lost'))).toMatchObject([{ status: 'error', error: { code: 'UNAVAILABLE' } }]);
    proxy.accept();
    let answer;
    do [answer] = await one.ask('chat:message:send', text('kept'));
    while (answer.status === 'error');
    await other.next('chat:message:new', ({ content }) => content === 'kept');
    expect(other.of('chat:message:new').map(({ content }) => content as string)).toEqual(['kept']);
  });
});
