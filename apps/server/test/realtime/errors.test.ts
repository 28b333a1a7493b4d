import { v2, type ClientEvent } from '@majlis/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UNLIMITED } from '../support/chats.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { connected } from '../support/sockets.ts';
import { makeChat, startChat, stopQuietly, type Chat } from './chat-server.ts';

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
const EVENTS: readonly ClientEvent[] = Object.values(v2.clientEvents);

let server: TestServer;
let chat: Chat;
beforeAll(async () => {
  server = await startServer(UNLIMITED);
  chat = await makeChat(server);
});
afterAll(() => stopQuietly(server));

const connect = ({ server, amal } = chat) => connected(server.url, '/', { token: server.token(amal) });

describe('`{code, message, timestamp}` and, where it helps, `event` and `details`', () => {
  test("with a callback it is called with `{status:'error', error:{…}}`, and on `/` the `error` event comes always", async () => {
    const one = await connect();
    const { status, error, ...rest } = await one.ask('chat:message:send', { ...chat.text('hello'), type: 'telegram' });
    expect({ status, rest }).toEqual({ status: 'error', rest: {} });
    expect(error).toEqual({
      code: 'INVALID_DATA',
      message: 'Invalid data',
      timestamp: TIME,
      event: 'chat:message:send',
      details: { field: 'type', problem: expect.any(String) as string },
    });
    expect(await one.next('error')).toEqual(error);
  });

  test('without a callback the event comes alone, with one argument', async () => {
    const one = await connect();
    one.tell('chat:join', { chat_id: 'not an id' });
    expect(await one.next('error')).toEqual({ code: 'CHAT_NOT_FOUND', message: 'Chat not found', timestamp: TIME, event: 'chat:join' });
    await one.ask('ping');
    expect(one.all.filter(({ event }) => event === 'error')).toMatchObject([{ arguments: 1 }]);
  });

  test.each<[string, string, () => unknown, object]>([
    ['a field', 'chat:message:send', () => ({ ...chat.text('x'), content: 7 }), { code: 'INVALID_DATA', details: { field: 'content' } }],
    [
      'a key of metadata',
      'chat:message:send',
      () => ({ ...chat.text('https://x.test/1.jpg'), type: 'photo', metadata: { width: 'wide' } }),
      { code: 'INVALID_DATA', details: { field: 'metadata.width' } },
    ],
    ['a key of a record', 'sync', () => ({ cursors: { user: -1 } }), { code: 'INVALID_DATA', details: { field: 'cursors.user' } }],
    ['the whole payload', 'chat:join', () => 'chat', { code: 'INVALID_DATA', details: { field: 'payload' } }],
    [
      'a field that is missing',
      'chat:message:react',
      () => ({ chat_id: chat.chat_id, message_id: 'x', on: true }),
      { code: 'INVALID_DATA', details: { field: 'emoji' } },
    ],
    [
      'too much of it',
      'chat:message:send',
      () => chat.text('x'.repeat(4_097)),
      { code: 'MESSAGE_TOO_LARGE', details: { field: 'content' } },
    ],
  ])('`details` (which field, why): %s', async (_, event, payload, error) => {
    const one = await connect();
    const answer = await one.ask(event, payload());
    expect(answer).toMatchObject({ status: 'error', error: { ...error, event } });
    expect(answer.error.details.problem).toEqual(expect.any(String));
  });

  test('`UNKNOWN_EVENT`: the client’s own name is not repeated', async () => {
    const one = await connect();
    const { error } = await one.ask('chat:explode', { a: 1 });
    expect(error).toEqual({ code: 'UNKNOWN_EVENT', message: 'Unknown event', timestamp: TIME });
    expect(await one.next('error')).toEqual(error);
  });
});

describe('`SOCKET_ERROR` (an unexpected fault: no stack, no internals)', () => {
  test('a handler that fails, and the next event after it', async () => {
    const own = await startChat();
    const [one, other] = await Promise.all([connect(own), connect({ ...own, amal: own.bashir })]);
    const { message_id } = await one.ask('chat:message:send', own.text('before'));
    // What no code of ours reckons with: a table of the store is gone.
    const database = new DatabaseSync(join(own.server.settings.DATA_DIR, 'majlis.sqlite'));
    database.exec('alter table messages rename to elsewhere');
    const failing: [string, object][] = [
      ['chat:message:send', own.text('meanwhile')],
      ['chat:message:edit', { chat_id: own.chat_id, message_id, content: 'meanwhile' }],
      ['chat:sync', { chats: { [own.chat_id]: 0 } }],
    ];
    for (const [event, payload] of failing) {
      const { status, error } = await one.ask(event, payload);
      expect({ event, status, error }).toEqual({
        event,
        status: 'error',
        error: { code: 'SOCKET_ERROR', message: 'Unexpected error', timestamp: TIME, event },
      });
      expect(await one.next('error', (body) => body.event === event)).toEqual(error);
    }
    // The operator learns what it was, nobody else notices anything, and it passes.
    expect(
      own.server.logs().filter(({ level, msg }) => level === 'error' && msg === 'Unexpected fault in a handler').length,
    ).toBeGreaterThanOrEqual(3);
    expect(await other.ask('ping')).toEqual({ status: 'ok' });
    database.exec('alter table elsewhere rename to messages');
    database.close();
    expect(await one.ask('chat:message:send', own.text('after'))).toMatchObject({ status: 'sent' });
    await other.next('chat:message:new', ({ content }) => content === 'after');
  });

  test.each([
    ['ar', 'حدث خطأ في الاتصال'],
    ['ru', 'Непредвиденная ошибка'],
  ])('in %s', async (locale, message) => {
    const own = await startChat();
    const one = await connected(own.server.url, '/', { auth: { token: own.server.token(own.amal), locale } });
    const database = new DatabaseSync(join(own.server.settings.DATA_DIR, 'majlis.sqlite'));
    database.exec('alter table messages rename to elsewhere');
    database.close();
    expect((await one.ask('chat:sync', { chats: { [own.chat_id]: 0 } })).error).toMatchObject({ code: 'SOCKET_ERROR', message });
  });
});

describe('No inbound event with a callback is ever left unanswered', () => {
  const payloads: Record<string, unknown[]> = {
    'no payload': [],
    null: [null],
    'an empty object': [{}],
    'ids of nothing': [
      {
        chat_id: 'x',
        message_id: 'x',
        type: 'text',
        content: 'x',
        is_typing: true,
        emoji: 'x',
        on: true,
        chats: { x: 0 },
        cursors: { x: 0 },
        token: 'x',
      },
    ],
    'several arguments': [{}, {}, 'x'],
  };
  test.each(Object.keys(payloads))('each event of the contract, and one that is none, with %s', async (what) => {
    const one = await connect();
    const answers = await Promise.all([...EVENTS.map(({ name }) => name), 'nonsense'].map((name) => one.ask(name, ...payloads[what]!)));
    for (const answer of answers) expect(answer).toEqual(expect.any(Object));
  });

  test('acknowledgements of a burst come back each to its own question', async () => {
    const one = await connect();
    const contents = Array.from({ length: 200 }, (_, i) => `burst ${i}`);
    const answers = await Promise.all(
      contents.map((content, i) =>
        i % 3 === 0
          ? one.ask('chat:message:send', { ...chat.text(content), type: 'none' })
          : one.ask('chat:message:send', { ...chat.text(content), client_message_id: content }),
      ),
    );
    for (const [i, answer] of answers.entries()) {
      if (i % 3 === 0) expect(answer).toMatchObject({ status: 'error', error: { details: { field: 'type' } } });
      else
        expect(await one.next('chat:message:new', ({ id }) => id === answer.message_id)).toMatchObject({
          content: contents[i],
          seq: answer.seq,
        });
    }
  });
});
