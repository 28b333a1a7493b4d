import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Manager } from 'socket.io-client';
import { NAMESPACES } from '../../src/realtime/namespaces.ts';
import { UNLIMITED, caughtUp } from '../support/chats.ts';
import { rawConnected, rawSocket } from '../support/raw-socket.ts';
import { freshId, startServer, type TestServer } from '../support/server.ts';
import { Client, client, connected } from '../support/sockets.ts';
import { TEST_NAMESPACE, metric, startOwn, stopQuietly } from '../realtime/chat-server.ts';
import { ChatClient, depthClient, joined, makeConversation } from './depth.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ ...UNLIMITED, TRUST_PROXY: '1' });
});
afterAll(() => stopQuietly(server));

const namespaces = Object.keys(NAMESPACES).filter((name) => name !== TEST_NAMESPACE);

async function makeAdmin(): Promise<string> {
  const admin = freshId('admin');
  await server.createUser(admin, { role: 'admin' });
  return admin;
}

describe("the document's batching: `auth.batch: true` receives `batch [{event, data}, …]`", () => {
  /** What came in batches, in order. */
  const items = (one: Client) => one.of('batch').flat() as { event: string; data: unknown }[];
  const until = (one: Client, event: string, count = 1) =>
    one.until(() => (items(one).filter((item) => item.event === event).length >= count ? true : undefined), `${event} in a batch`);

  test.each(namespaces)('on %s, from the greeting on', async (namespace) => {
    const one = client(server.url, namespace, { auth: { token: server.token(await makeAdmin()), batch: true } });
    await until(one, 'connected');
    await one.ask('ping');
    await until(one, 'pong');
    expect(new Set(one.all.map(({ event }) => event))).toEqual(new Set(['connect', 'batch']));
    for (const item of items(one)) expect(Object.keys(item)).toEqual(['event', 'data']);
  });

  test('the `ChatClient` works on what a batch brings, each event once and in order; acknowledgements do not wait', async () => {
    const { anna, boris, id } = await makeConversation(server);
    const batched = client(server.url, '/chat', { auth: { token: server.token(boris), batch: true } });
    await until(batched, 'connected');
    const theirs = new ChatClient(batched.socket);
    // What the document's client does with a batch: its listeners are called for each item.
    batched.socket.on('batch', (batch: { event: string; data: unknown }[]) => {
      for (const { event, data } of batch) for (const listener of batched.socket.listeners(event)) listener(data);
    });
    expect(await batched.ask('conversation:join', { conversationId: id })).toEqual({ data: { conversationId: id } });
    const annas = await joined(server, anna, id);
    const contents = Array.from({ length: 200 }, (_, i) => `${i}`);
    await Promise.all(contents.map((content) => annas.ask('message:send', { conversationId: id, content })));
    await annas.ask('user:typing', { conversationId: id, isTyping: true });
    await until(batched, 'user:typing');
    expect(theirs.conversations.get(id)!.map(({ content }) => content)).toEqual(contents);
    expect(theirs.typists).toEqual([{ userId: anna, conversationId: id }]);
    const sizes = batched.of('batch').map(({ length }) => length as number);
    expect(Math.max(...sizes)).toBe(64);
    expect(sizes.length).toBeLessThan(contents.length / 4);
  });
});

describe('A namespace CONNECT without a token, on a connection where another namespace is already authenticated, is that user’s', () => {
  test.each(namespaces.filter((name) => name !== '/'))('%s', async (namespace) => {
    const admin = await makeAdmin();
    const raw = await rawConnected(server.url, { token: server.token(admin) });
    raw.send(`40${namespace},`);
    const greeting = await raw.next('connected', ({ userId }) => userId !== undefined);
    expect(greeting).toEqual({ userId: admin, socketId: expect.any(String) });
  });

  test.each([
    ['before', ['websocket']],
    ['behind', ['websocket']],
    ['before', ['polling', 'websocket']],
    ['behind', ['polling', 'websocket']],
  ])("the document's own `io('/chat')`, %s `io(url, {auth})`, in one burst with it, over %j", async (order, transports) => {
    const { anna, boris, id } = await makeConversation(server);
    const manager = new Manager(server.url, { autoConnect: false, transports, reconnection: false });
    const root = manager.socket('/', { auth: { token: server.token(boris) } });
    const chat = manager.socket('/chat');
    const client = new Client(chat);
    const theirs = new ChatClient(chat);
    for (const socket of order === 'before' ? [chat, root] : [root, chat]) socket.connect();
    theirs.joinConversation(id);
    expect(await client.next('connected')).toMatchObject({ userId: boris });
    await caughtUp(client);
    const annas = await depthClient(server, anna);
    await annas.ask('message:send', { conversationId: id, content: 'one connection' });
    await client.next('message:new');
    expect(theirs.conversations.get(id)).toMatchObject([{ content: 'one connection' }]);
    expect(client.of('connect_error')).toEqual([]);
    manager._close();
  });

  test('where the other is refused, so is it', async () => {
    const raw = rawSocket(server.url, { headers: { 'x-forwarded-for': '192.0.2.77' } });
    await raw.next('open');
    raw.send('40/chat,');
    raw.send(`40/notifications,{"token":"${freshId('bad')}"}`);
    raw.send('40/projects,');
    for (const namespace of ['/chat', '/projects', '/notifications'])
      await raw.next('packet', (packet: string) => packet.startsWith(`44${namespace},`));
  });
});

describe('Per user, over all sockets and namespaces: the limit is one', () => {
  const LIMITED = { code: 'RATE_LIMIT', message: 'تجاوز حد المعدل', details: { retry_after_ms: expect.any(Number) as number } };

  test('two connections on `/chat`, one on `/` and REST share the writes; nothing is processed over it', async () => {
    const own = await startOwn({ RATE_LIMIT_MAX_EVENTS: '4' });
    const { anna, boris, id } = await makeConversation(own);
    const path = `/api/v2/chats/${id}/messages`;
    const [one, two, onRoot, boriss] = await Promise.all([
      depthClient(own, anna),
      depthClient(own, anna),
      connected(own.url, '/', { token: own.token(anna) }),
      joined(own, boris, id),
    ]);
    // makeConversation took one.
    expect(await one.ask('message:send', { conversationId: id, content: '1' })).toMatchObject({ data: { seq: 1 } });
    expect(await two.ask('chat:message', { conversationId: id, content: '2' })).toMatchObject({ data: { seq: 2 } });
    expect(await onRoot.ask('chat:message:send', { chat_id: id, type: 'text', content: '3' })).toMatchObject({ seq: 3 });
    for (const socket of [one, two])
      expect(await socket.ask('message:send', { conversationId: id, content: 'x' })).toEqual({
        error: { ...LIMITED, event: 'message:send', timestamp: expect.any(String) as string },
      });
    expect(await onRoot.ask('message:send', { conversationId: id, content: 'x' })).toMatchObject({ status: 'error' });
    expect(await own.api('POST', path, { as: anna, body: { type: 'text', content: 'x' } })).toMatchObject({ status: 429 });
    expect(await boriss.ask('message:send', { conversationId: id, content: 'another user' })).toMatchObject({ data: { seq: 4 } });
    await boriss.next('message:new', ({ content }) => content === 'another user');
    expect(boriss.of('message:new')).toHaveLength(4);
  });

  test('typing over the light budget is dropped silently: `{data:{}}` and no event', async () => {
    const own = await startOwn({ RATE_LIMIT_MAX_LIGHT: '4' });
    const { anna, boris, id } = await makeConversation(own);
    const [annas, boriss] = await Promise.all([depthClient(own, anna), joined(own, boris, id)]);
    for (let i = 0; i < 8; i++) expect(await annas.ask('user:typing', { conversationId: id, isTyping: i % 2 === 0 })).toEqual({ data: {} });
    expect(await annas.ask('chat:read', { conversationId: id, messageId: 'x' })).toMatchObject({ error: { code: 'RATE_LIMIT' } });
    await caughtUp(boriss);
    expect(boriss.of('user:typing').length).toBeLessThanOrEqual(3);
    expect(annas.of('error')).toEqual([]);
  });
});

describe("the document's event log and metrics", () => {
  test("'WebSocket Event' `{userId, event, timestamp, ip}` for each event on `/chat` and of Depth on `/`, never content", async () => {
    const { anna, id } = await makeConversation(server);
    const extraHeaders = { 'x-forwarded-for': '192.0.2.9' };
    const [onChat, onRoot] = await Promise.all(
      ['/chat', '/'].map((namespace) => connected(server.url, namespace, { token: server.token(anna), extraHeaders })),
    );
    const metadata = { secret: 'the secret of the metadata' };
    const say = (event: string) => ({ conversationId: id, content: `the content of ${event}`, metadata });
    await onChat!.ask('message:send', say('message:send'));
    await onChat!.ask('chat:message', say('chat:message'));
    await onRoot!.ask('chat:message', say('chat:message'));
    await onRoot!.ask('chat:join', { conversationId: id, content: 'the content that nobody asked for' });
    await onChat!.ask('chat:message:send', say('an event of another namespace'));
    await onChat!.ask('message:edit', { ...say('message:edit'), messageId: 'x' });
    const lines = () => server.logs().filter(({ msg, userId }) => msg === 'WebSocket Event' && userId === anna);
    await expect.poll(() => lines().length).toBe(6);
    for (const line of lines()) {
      expect(Object.keys(line).toSorted()).toEqual(['event', 'ip', 'level', 'msg', 'time', 'timestamp', 'userId']);
      expect(line['ip']).toBe('192.0.2.9');
    }
    expect(lines().map(({ event }) => event)).toEqual([
      'message:send',
      'chat:message',
      'chat:message',
      'chat:join',
      'unknown',
      'message:edit',
    ]);
    const log = JSON.stringify(server.logs());
    for (const content of ['the content of', 'the secret of', 'nobody asked']) expect(log).not.toContain(content);
  });

  test('`websocket_connections` by namespace, `websocket_events_total{event}`, latency and errors count those of `/chat`', async () => {
    const own = await startOwn();
    const { anna, id } = await makeConversation(own);
    const [one] = await Promise.all([depthClient(own, anna), depthClient(own, anna), connected(own.url, '/', { token: own.token(anna) })]);
    await one.ask('message:send', { conversationId: id, content: 'x' });
    await one.ask('message:send', { conversationId: id, content: '' });
    await one.ask('chat:typing', { conversationId: id, isTyping: true });
    const figures = {
      'websocket_connections{namespace="/chat"}': 2,
      'websocket_connections{namespace="/"}': 1,
      websocket_connected_clients: 3,
      'websocket_events_total{event="message:send"}': 2,
      'websocket_messages_total{event="message:send",status="ok"}': 1,
      'websocket_messages_total{event="message:send",status="error"}': 1,
      'websocket_events_total{event="chat:typing"}': 1,
      'websocket_errors_total{code="INVALID_DATA"}': 1,
      websocket_message_latency_seconds_count: 2,
    };
    for (const [name, value] of Object.entries(figures)) expect([name, await metric(own, name)]).toEqual([name, value]);
  });
});

describe("the document's connection", () => {
  test('with its options, a lost network: it comes back by itself, rejoins its rooms, and `sync` gives what it missed, each once', async () => {
    const { anna, boris, id } = await makeConversation(server);
    const stream = `chat:${id}`;
    const one = client(server.url, '/chat', {
      token: server.token(boris),
      reconnection: true,
      reconnectionDelay: 10,
      reconnectionDelayMax: 50,
      reconnectionAttempts: 5,
    });
    onTestFinished(() => one.close());
    const rejoinRooms = () => one.socket.emit('conversation:join', { conversationId: id });
    let reconnected = 0;
    one.socket.io.on('reconnect', () => {
      reconnected++;
      rejoinRooms();
    });
    await one.next('connected');
    rejoinRooms();
    await caughtUp(one);
    const annas = await joined(server, anna, id);
    const say = (content: string) => annas.ask('message:send', { conversationId: id, content });
    await say('before');
    await one.next('message:new');
    one.cut();
    expect(await one.next('disconnect')).toMatch(/transport/);
    await say('meanwhile');
    await one.count('connected', 2);
    expect(reconnected).toBe(1);
    await caughtUp(one);
    await say('after');
    await one.next('message:new', ({ content }) => content === 'after');
    const { streams } = await one.ask('sync', { cursors: { [stream]: 1 } });
    const seen = new Map(one.of('message:new').map((message) => [message.version as number, message]));
    for (const { version, data } of streams[stream].events) {
      // What came live is the very same as what sync gives.
      if (seen.has(version)) expect(data).toEqual(seen.get(version));
      seen.set(version, data);
    }
    expect([...seen].toSorted(([a], [b]) => a - b).map(([version, { content }]) => [version, content as string])).toEqual([
      [1, 'before'],
      [2, 'meanwhile'],
      [3, 'after'],
    ]);
  });

  test('`io server disconnect` comes only where it must not come back by itself: after a token that expired', async () => {
    const { anna } = await makeConversation(server);
    const one = client(server.url, '/chat', { token: server.token(anna, { exp: Math.floor(Date.now() / 1000) + 1 }), reconnection: true });
    onTestFinished(() => one.close());
    expect(await one.next('disconnect')).toBe('io server disconnect');
    expect(one.of('error')).toMatchObject([{ code: 'UNAUTHORIZED', message: 'Invalid or expired token' }]);
    // As the document does by hand.
    one.socket.auth = { token: server.token(anna) };
    one.socket.connect();
    expect(await one.count('connected', 2)).toHaveLength(2);
  });
});
