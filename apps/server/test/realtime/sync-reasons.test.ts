import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/engines.ts';
import { spawnServer, startServer } from '../support/server.ts';
import { client, connected, type Client } from '../support/sockets.ts';
import { metric, startChat, type Chat } from './chat-server.ts';

/** A connection of a device, greeted. */
function connect({ server, amal }: Pick<Chat, 'server' | 'amal'>, auth: { device_id?: unknown; token?: string } = {}): Promise<Client> {
  return connected(server.url, '/', { auth: { token: server.token(amal), ...auth } });
}

async function reasonOf(one: Client): Promise<string> {
  const { reason } = await one.next('sync:required');
  return reason as string;
}

/** Ends a connection in the client's own way, and waits until the store knows. */
async function leave(chat: Chat, one: Client): Promise<void> {
  one.close();
  await written(chat);
}

// Writes are committed in the order in which they were asked for.
async function written({ server, amal, path }: Chat): Promise<void> {
  await server.api('POST', path, { key: true, onBehalfOf: amal, body: { type: 'text', content: 'the barrier' } });
}

const inS = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

describe('On connection, in this order: `connected {socket_id, user_id, timestamp}`, then `sync:required {user_id, reason, timestamp}`', () => {
  test('and nothing before', async () => {
    const chat = await startChat();
    const one = await connect(chat);
    await one.next('sync:required');
    expect(one.all.map(({ event }) => event)).toEqual(['connect', 'connected', 'sync:required']);
    const [greeting] = one.of('connected');
    const [demand] = one.of('sync:required');
    const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
    expect(greeting).toEqual({ socket_id: one.socket.id, user_id: chat.amal, timestamp });
    expect(demand).toEqual({ user_id: chat.amal, reason: 'connection_established', timestamp });
  });
});

describe('`reconnection` where the latest connection ended otherwise than by the client’s own DISCONNECT', () => {
  test.each([{ device_id: 'phone' }, {}])('after a cut; with %j', async (auth) => {
    const chat = await startChat();
    const bearer = { ...auth, token: chat.server.token(chat.amal) };
    const first = await connect(chat, bearer);
    expect(await reasonOf(first)).toBe('connection_established');
    await written(chat);
    first.cut();
    expect(await reasonOf(await connect(chat, bearer))).toBe('reconnection');
    expect(await metric(chat.server, 'websocket_reconnections_total')).toBe(1);
  });

  test('a client with a socket for each chat that has closed one of them, and whose other one is cut', async () => {
    const chat = await startChat();
    const bearer = { device_id: 'phone', token: chat.server.token(chat.amal) };
    const first = await connect(chat, bearer);
    const second = await connect(chat, bearer);
    await leave(chat, first);
    second.cut();
    expect(await reasonOf(await connect(chat, bearer))).toBe('reconnection');
  });

  test('a stock client that reconnects by itself', async () => {
    const chat = await startChat();
    const { server, amal } = chat;
    const one = await connected(server.url, '/', {
      auth: { token: server.token(amal), device_id: 'phone' },
      reconnection: true,
      reconnectionDelay: 1,
    });
    await written(chat);
    one.cut();
    await one.next('sync:required', ({ reason }) => reason === 'reconnection');
    expect(one.of('sync:required').map(({ reason }) => reason as string)).toEqual(['connection_established', 'reconnection']);
  });

  test('not after its own DISCONNECT', async () => {
    const chat = await startChat();
    for (let i = 0; i < 3; i++) {
      const one = await connect(chat, { device_id: 'phone' });
      expect(await reasonOf(one)).toBe('connection_established');
      await leave(chat, one);
    }
  });

  test('nor where it comes back in the same breath', async () => {
    const chat = await startChat();
    let one = await connect(chat, { device_id: 'phone' });
    for (let i = 0; i < 20; i++) {
      one.socket.disconnect();
      one = await connect(chat, { device_id: 'phone' });
      expect(await reasonOf(one)).toBe('connection_established');
    }
  });

  test('a crash of the server included', async () => {
    const folder = await temporaryFolder();
    let server = await spawnServer({ DATA_DIR: folder.path });
    try {
      await server.createUser('amal');
      const auths = [{ device_id: 'phone', token: server.token('amal') }, { token: server.token('amal', { jti: 'nameless' }) }];
      const connectBoth = async () => Promise.all(auths.map(async (auth) => reasonOf(await connected(server.url, '/', { auth }))));
      expect(await connectBoth()).toEqual(['connection_established', 'connection_established']);
      const store = new DatabaseSync(join(folder.path, 'majlis.sqlite'), { readOnly: true });
      await expect.poll(() => store.prepare('select count(*) as n from devices').get()).toEqual({ n: 2 });
      store.close();
      await server.kill('SIGKILL');
      server = await spawnServer({ DATA_DIR: folder.path });
      expect(await connectBoth()).toEqual(['reconnection', 'reconnection']);
    } finally {
      await server.stop();
      await folder.remove();
    }
  });

  test('a server that drained as well', async () => {
    const folder = await temporaryFolder();
    let server = await startServer({ DATA_DIR: folder.path });
    try {
      await server.createUser('amal');
      const auth = { token: server.token('amal'), device_id: 'phone' };
      await connected(server.url, '/', { auth });
      await server.stop();
      server = await startServer({ DATA_DIR: folder.path });
      expect(await reasonOf(await connected(server.url, '/', { auth }))).toBe('reconnection');
    } finally {
      await server.stop();
      await folder.remove();
    }
  });

  test('a user who is ended by the server', async () => {
    const chat = await startChat();
    const { server, amal } = chat;
    const one = await connect(chat, { device_id: 'phone' });
    await server.createUser(amal, { disabled: true });
    await one.next('disconnect');
    await server.createUser(amal, { disabled: false });
    expect(await reasonOf(await connect(chat, { device_id: 'phone' }))).toBe('reconnection');
  });
});

describe('kept in the store for 24 h per user and `auth.device_id` (without one: per token)', () => {
  test('what one device does says nothing of another', async () => {
    const chat = await startChat();
    (await connect(chat, { device_id: 'phone' })).cut();
    await written(chat);
    expect(await reasonOf(await connect(chat, { device_id: 'laptop' }))).toBe('connection_established');
    expect(await reasonOf(await connect(chat))).toBe('connection_established');
    expect(await reasonOf(await connect({ ...chat, amal: chat.bashir }, { device_id: 'phone' }))).toBe('connection_established');
    expect(await reasonOf(await connect(chat, { device_id: 'phone' }))).toBe('reconnection');
  });

  test.each([
    [23, 'reconnection'],
    [25, 'connection_established'],
  ])('%d h later it is %s', async (hours, reason) => {
    const chat = await startChat();
    (await connect(chat, { device_id: 'phone' })).cut();
    await written(chat);
    const store = new DatabaseSync(join(chat.server.settings.DATA_DIR, 'majlis.sqlite'));
    store.exec(`update devices set updated_at = updated_at - ${hours * 3_600_000}`);
    store.close();
    expect(await reasonOf(await connect(chat, { device_id: 'phone' }))).toBe(reason);
  });

  test('without a device id another good token is another client', async () => {
    const chat = await startChat();
    const [token, another] = ['1', '2'].map((jti) => chat.server.token(chat.amal, { jti }));
    (await connect(chat, { token: token! })).cut();
    await written(chat);
    expect(await reasonOf(await connect(chat, { token: another! }))).toBe('connection_established');
    expect(await reasonOf(await connect(chat, { token: token! }))).toBe('reconnection');
  });

  test.each([42, '', 'x'.repeat(129), '\0', '\ud800', null, {}])('a device id that is none counts as none: %j', async (device_id) => {
    const chat = await startChat();
    const token = chat.server.token(chat.amal);
    (await connect(chat, { device_id, token })).cut();
    await written(chat);
    expect(await reasonOf(await connect(chat, { token }))).toBe('reconnection');
  });
});

describe('`token_refresh` where the user’s previous token was refused or had expired and this one is another', () => {
  test.each([{ device_id: 'phone' }, {}])('a token that expired while it was connected; with %j', async (auth) => {
    const chat = await startChat();
    const expiring = await connect(chat, { ...auth, token: chat.server.token(chat.amal, { exp: inS(2) }) });
    await expiring.next('disconnect');
    await written(chat);
    const renewed = { ...auth, token: chat.server.token(chat.amal) };
    const one = await connect(chat, renewed);
    expect(await reasonOf(one)).toBe('token_refresh');
    // Once: the next connection is one as any other.
    await leave(chat, one);
    expect(await reasonOf(await connect(chat, renewed))).toBe('connection_established');
  });

  test.each([{ device_id: 'phone' }, {}])('a token that was refused because it had expired; with %j', async (auth) => {
    const chat = await startChat();
    const { server, amal } = chat;
    const refused = client(server.url, '/', { auth: { ...auth, token: server.token(amal, { exp: inS(-1) }) } });
    await refused.next('disconnect');
    await written(chat);
    expect(await reasonOf(await connect(chat, auth))).toBe('token_refresh');
  });

  test('a token that expired while nobody was connected', async () => {
    const chat = await startChat();
    const exp = inS(2);
    await leave(chat, await connect(chat, { device_id: 'phone', token: chat.server.token(chat.amal, { exp }) }));
    // The facts of another socket tell the time.
    await (await connect({ ...chat, amal: chat.bashir }, { token: chat.server.token(chat.bashir, { exp }) })).next('disconnect');
    expect(await reasonOf(await connect(chat, { device_id: 'phone' }))).toBe('token_refresh');
  });

  test('not where a good token is replaced by another', async () => {
    const chat = await startChat();
    await leave(chat, await connect(chat, { device_id: 'phone', token: chat.server.token(chat.amal, { jti: '1' }) }));
    expect(await reasonOf(await connect(chat, { device_id: 'phone', token: chat.server.token(chat.amal, { jti: '2' }) }))).toBe(
      'connection_established',
    );
  });

  test('after `auth:refresh` the new token is the device’s; without a device id it is a device of its own', async () => {
    for (const device of [{ device_id: 'phone' }, {}]) {
      const chat = await startChat();
      const one = await connect(chat, { ...device, token: chat.server.token(chat.amal, { jti: 'old' }) });
      const token = chat.server.token(chat.amal, { jti: 'new' });
      await one.ask('auth:refresh', { token });
      await written(chat);
      one.cut();
      expect(await reasonOf(await connect(chat, { ...device, token }))).toBe('reconnection');
    }
  });
});
