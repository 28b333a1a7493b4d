import { v2, type ClientEvent } from '@majlis/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UNLIMITED } from '../support/chats.ts';
import { rawConnected } from '../support/raw-socket.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { client, connected } from '../support/sockets.ts';
import { makeChat, stopQuietly, type Chat } from './chat-server.ts';

const { clientEvents } = v2;
const EVENTS: readonly ClientEvent[] = Object.values(clientEvents);

let server: TestServer;
let chat: Chat;
beforeAll(async () => {
  server = await startServer(UNLIMITED);
});
afterAll(() => stopQuietly(server));

/** Two clients of a new chat. */
async function both(options: object = {}) {
  chat = await makeChat(server);
  return Promise.all([chat.amal, chat.bashir].map((user) => connected(server.url, '/', { token: server.token(user), ...options })));
}

describe('Every event that the server sends has exactly one argument (`pong` included) and no acknowledgement id; every acknowledgement has exactly one argument', () => {
  test('in a session that uses every event of the contract', async () => {
    const [one] = await both();
    const raw = await rawConnected(server.url, { token: server.token(chat.amal) });
    const other = await rawConnected(server.url, { token: server.token(chat.bashir) });
    const { chat_id } = chat;
    const [{ message_id }] = await raw.ask('chat:message:send', chat.text('hello'));
    await other.ask('chat:message:read', { chat_id, message_id });
    await other.ask('ping');
    const inOrder: [string, unknown][] = [
      ['chat:message:send', chat.text('again')],
      ['chat:message:edit', { chat_id, message_id, content: 'edited' }],
      ['chat:message:react', { chat_id, message_id, emoji: '👍', on: true }],
      ['chat:typing', { chat_id, is_typing: true }],
      ['chat:sync', { chats: { [chat_id]: 0 } }],
      ['sync', { cursors: { [`chat:${chat_id}`]: 0 } }],
      ['auth:refresh', { token: server.token(chat.amal) }],
      ['ping', {}],
      ['chat:message:read', { chat_id, message_id }],
      ['chat:message:delete', { chat_id, message_id }],
      ['chat:join', { chat_id }],
      ['chat:leave', { chat_id }],
    ];
    // What else there is, answers an error.
    for (const { name } of EVENTS) if (!inOrder.some(([known]) => known === name)) inOrder.push([name, {}]);
    for (const [name, payload] of inOrder) expect(await raw.ask(name, payload)).toHaveLength(1);
    raw.send('42["nonsense"]');
    await raw.next('error', ({ code }) => code === 'UNKNOWN_EVENT');

    for (const { event, arguments: count } of [...one!.all, ...raw.all, ...other.all]) {
      if (!['open', 'packet', 'ack', 'connect'].includes(event)) expect({ event, count }).toEqual({ event, count: 1 });
    }
    for (const packet of [...raw.of('packet'), ...other.of('packet')] as string[]) {
      expect(packet).toMatch(/^(?:0\{|2$|40\{|42\[|43\d+\[)/);
    }
    const seen = new Set([...raw.all, ...other.all].map(({ event }) => event));
    const expected = [
      'connected',
      'sync:required',
      'chat:message:new',
      'chat:message:updated',
      'chat:message:deleted',
      'chat:message:reaction',
      'chat:message:delivered',
      'chat:message:read',
      'chat:typing',
      'pong',
      'error',
    ];
    expect([...seen]).toEqual(expect.arrayContaining(expected));
  });
});

describe('An event may arrive before `chat:join` of its chat, in the same burst as the connection: the token authorises it, never the joining', () => {
  test.each([[['websocket']], [['polling']], [['polling', 'websocket']]])('over %j', async (transports) => {
    chat = await makeChat(server);
    const { chat_id } = chat;
    const other = await connected(server.url, '/', { token: server.token(chat.bashir) });
    const one = client(server.url, '/', { token: server.token(chat.amal), transports });
    // The client's library sends all of it as soon as it is connected.
    const answers = await Promise.all([
      one.ask('chat:message:send', chat.text('first')),
      one.ask('chat:typing', { chat_id, is_typing: true }),
      one.ask('chat:join', { chat_id }),
      one.ask('chat:message:send', chat.text('second')),
    ]);
    expect(answers.map(({ status }) => status as string)).toEqual(['sent', 'ok', 'joined', 'sent']);
    const messages = await other.count('chat:message:new', 2);
    expect(messages.map(({ content }) => content as string)).toEqual(['first', 'second']);
    await other.next('chat:typing');
    await one.count('chat:message:new', 2);
  });

  test('in the very packets that follow the CONNECT’s answer', async () => {
    chat = await makeChat(server);
    const one = client(server.url, '/', { token: server.token(chat.amal) });
    const sent = new Promise((resolve) =>
      one.socket.on('connect', () => one.socket.emit('chat:message:send', chat.text('at once'), resolve)),
    );
    expect(await sent).toMatchObject({ status: 'sent' });
    await one.next('sync:required');
    await one.next('chat:message:new');
  });
});

describe('An event without the payload it needs is `INVALID_DATA`', () => {
  const needy = EVENTS.filter(({ name }) => name !== 'ping');
  test.each(needy.map(({ name }) => name))('%s', async (name) => {
    const [one] = await both();
    for (const payload of [[], [null], [{}], ['text'], [7], [true], [[]], [[{}, {}]]]) {
      const { status, error } = await one!.ask(name, ...payload);
      expect({ payload, status, code: error.code }).toEqual({ payload, status: 'error', code: 'INVALID_DATA' });
      expect(error).toMatchObject({ event: name, details: { field: expect.any(String), problem: expect.any(String) } });
    }
    expect(one!.of('error')).toHaveLength(8);
  });

  test('`ping` needs none, and minds none', async () => {
    const [one] = await both();
    for (const payload of [[], [null], [{}], ['text'], [[1, 2]]]) expect(await one!.ask('ping', ...payload)).toEqual({ status: 'ok' });
    expect(one!.of('pong')).toHaveLength(5);
  });
});

describe('what clients do', () => {
  test('a payload that came wrapped in a list, as Dart’s library sends it', async () => {
    const [one, other] = await both();
    expect(await one!.ask('chat:message:send', [chat.text('wrapped')])).toMatchObject({ status: 'sent' });
    expect(await other!.next('chat:message:new')).toMatchObject({ content: 'wrapped' });
  });

  test('extra arguments are ignored', async () => {
    const [one, other] = await both();
    expect(await one!.ask('chat:message:send', chat.text('extra'), { type: 'photo' }, 7, null)).toMatchObject({ status: 'sent' });
    expect(await other!.next('chat:message:new')).toMatchObject({ type: 'text', content: 'extra' });
  });

  test('no callback: nothing is sent back, and it is done all the same', async () => {
    chat = await makeChat(server);
    const raw = await rawConnected(server.url, { token: server.token(chat.amal) });
    raw.send(`42${JSON.stringify(['chat:message:send', chat.text('no callback')])}`);
    await raw.next('chat:message:new');
    expect((raw.of('packet') as string[]).filter((packet) => packet.startsWith('43'))).toEqual([]);
  });

  test('two listeners for one event both get it', async () => {
    const [one, other] = await both();
    const seen: unknown[] = [];
    for (const listener of [1, 2])
      other!.socket.on('chat:message:new', (message: { content: string }) => seen.push([listener, message.content]));
    await one!.ask('chat:message:send', chat.text('twice'));
    await other!.next('chat:message:new');
    expect(seen).toEqual([
      [1, 'twice'],
      [2, 'twice'],
    ]);
  });

  test('polling first, then WebSocket: the default of Socket.IO’s own client', async () => {
    const [one, other] = await both({ transports: undefined });
    await one!.ask('chat:message:send', chat.text('either way'));
    await other!.next('chat:message:new');
  });

  test('acknowledgements with a timeout, volatile events, and compress off', async () => {
    const [one] = await both();
    const answer = await one!.socket.timeout(5_000).compress(false).emitWithAck('chat:message:send', chat.text('options'));
    expect(answer).toMatchObject({ status: 'sent' });
    one!.socket.volatile.emit('ping');
    await one!.next('pong');
  });

  test('one socket per chat, all joined: each gets its own', async () => {
    const [one] = await both();
    const first = chat;
    const another = await makeChat(server);
    const { body: second } = await server.api('POST', '/api/v2/chats', {
      as: first.amal,
      body: { type: 'direct', member_ids: [another.bashir] },
    });
    const [a, b] = await Promise.all(
      [first.chat_id, second.id as string].map(async (chat_id) => {
        const socket = await connected(server.url, '/', { token: server.token(first.amal) });
        await socket.ask('chat:join', { chat_id });
        return socket;
      }),
    );
    await one!.ask('chat:message:send', first.text('to the first'));
    await one!.ask('chat:message:send', { ...first.text('to the second'), chat_id: second.id });
    await b!.next('chat:message:new');
    await a!.next('chat:updated', ({ chat_id }) => chat_id === second.id);
    expect(a!.of('chat:message:new').map(({ content }) => content as string)).toEqual(['to the first']);
    expect(b!.of('chat:message:new').map(({ content }) => content as string)).toEqual(['to the second']);
  });

  test('a client of several namespaces that leaves and comes back over the same connection', async () => {
    const [one] = await both();
    one!.socket.disconnect();
    one!.socket.connect();
    await one!.count('connected', 2);
    expect(await one!.ask('ping')).toEqual({ status: 'ok' });
  });
});
