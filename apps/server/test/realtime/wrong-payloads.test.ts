import * as contract from '@majlis/contract';
import { depth, v2, type ClientEvent, type Namespace } from '@majlis/contract';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { NAMESPACES } from '../../src/realtime/namespaces.ts';
import { UNLIMITED } from '../support/chats.ts';
import { rawConnected, type RawSocket } from '../support/raw-socket.ts';
import { freshId, startServer, type TestServer } from '../support/server.ts';
import { connected, type Client } from '../support/sockets.ts';
import { expectUndisturbed, makeChat, stopQuietly, type Chat } from './chat-server.ts';
import { eachText, sample, wrongKinds, type Wrong } from './wrong-kinds.ts';

const EVENTS: readonly ClientEvent[] = Object.values(v2.clientEvents);

let server: TestServer;
let chat: Chat;
beforeAll(async () => {
  server = await startServer(UNLIMITED);
  chat = await makeChat(server);
});
afterAll(() => stopQuietly(server));

let one: Client;
/** Another's connection, which is to notice nothing of all this. */
let witness: Client;
beforeEach(async () => {
  one = await connected(server.url, '/', { token: server.token(chat.amal) });
  witness = await connected(server.url, '/', { token: server.token(chat.bashir) });
});
afterEach(() => expectUndisturbed(witness, chat));

async function expectInvalid(name: string, wrongs: Iterable<Wrong>): Promise<number> {
  const all = [...wrongs];
  const answers = await Promise.all(all.map(({ payload }) => one.ask(name, payload)));
  for (const [i, answer] of answers.entries()) {
    const { field, payload } = all[i]!;
    expect({ payload, answer }).toMatchObject({
      payload,
      answer: { status: 'error', error: { code: 'INVALID_DATA', event: name, details: { field } } },
    });
    expect(answer.error.details.problem).not.toBe('');
  }
  return all.length;
}

describe('a wrong kind is `INVALID_DATA` naming the field', () => {
  const withFields = EVENTS.filter(({ payload }) => typeof sample(payload) === 'object');

  test.each(withFields.map((event) => [event.name, event] as const))('%s: each field, each wrong kind', async (name, { payload }) => {
    expect(payload.safeParse(sample(payload)).error).toBeUndefined();
    expect(await expectInvalid(name, wrongKinds(payload))).toBeGreaterThanOrEqual(5);
  });

  test('together every field of every event was tried', () => {
    const fields = withFields.flatMap(({ name, payload }) => [...wrongKinds(payload)].map(({ field }) => `${name} ${field}`));
    expect([...new Set(fields)]).toEqual(
      expect.arrayContaining([
        'chat:message:send metadata',
        'chat:message:send reply_to',
        'chat:typing is_typing',
        'sync cursors.some key',
        'auth:refresh token',
        'chat:message:react emoji',
      ]),
    );
  });
});

describe('a wrong kind is `INVALID_DATA` naming the field, on every other namespace too, and in the other dialect of `/`', () => {
  const isNamespace = (value: unknown): value is Namespace => typeof value === 'object' && value !== null && 'receives' in value;
  const declared = Object.values(contract)
    .filter((surface) => typeof surface === 'object')
    .flatMap((surface) => Object.values(surface).filter(isNamespace))
    .filter(({ name, dialect }) => name in NAMESPACES && (name !== '/' || dialect !== undefined));
  const events = declared.flatMap(({ name, dialect, receives }) =>
    Object.values(receives).map((event) => [name, dialect, event.name, event] as const),
  );

  test.each(events)('%s (%s) %s', async (namespace, dialect, name, { payload }) => {
    const admin = freshId('admin');
    await server.createUser(admin, { role: 'admin' });
    const socket = await connected(server.url, namespace, { auth: { token: server.token(admin), locale: 'en' } });
    // By then it speaks it: a payload without any key says nothing of its dialect.
    if (dialect !== undefined) await socket.ask(depth.chatClientEvents.messageSend.name);
    const wrongs = [...wrongKinds(payload), ...eachText(payload, ['\ud800', '\0'])];
    for (const { field, payload: wrong } of wrongs) {
      expect({ wrong, answer: await socket.ask(name, wrong) }).toMatchObject({
        answer: { error: { code: 'INVALID_DATA', message: 'Invalid data', event: name, details: { field } } },
      });
    }
  });
});

describe('lone surrogates and NUL are `INVALID_DATA`', () => {
  const BAD = ['\ud800', 'a\udc00b', 'a\0b'];
  test.each(EVENTS.map((event) => [event.name, event] as const))(
    '%s: in each text, in keys, in what is ignored',
    async (name, { payload }) => {
      await expectInvalid(name, eachText(payload, BAD));
      const good = sample(payload);
      const extra = (key: string, value: unknown): Wrong => ({ field: key.toWellFormed(), payload: { ...(good as object), [key]: value } });
      await expectInvalid(
        name,
        BAD.flatMap((bad) => [extra('ignored', bad), extra(bad, 1)]),
      );
      await expectInvalid(name, [{ field: 'ignored.0.deep', payload: { ...(good as object), ignored: [{ deep: BAD[0] }] } }]);
    },
  );

  test('what is well-formed passes, whatever the script', async () => {
    const content = '😀👨‍👩‍👧 مرحبا Привет \u200f\u2028\ufeff\uffff\u0007';
    await one.ask('chat:message:send', chat.text(content));
    expect(await witness.next('chat:message:new')).toMatchObject({ content });
  });
});

describe('binary is `INVALID_DATA`', () => {
  test.each([
    ['the payload', 'payload', () => Buffer.from('x')],
    ['a field', 'content', () => ({ ...chat.text('x'), content: Buffer.from('x') })],
    ['deep inside', 'metadata.a.0', () => ({ ...chat.text('x'), metadata: { a: [new Uint8Array(3)] } })],
  ])('%s', async (_, field, payload) => {
    await expectInvalid('chat:message:send', [{ field, payload: payload() }]);
  });

  test('a placeholder that stands for nothing is an object like any other', async () => {
    const placeholder = { _placeholder: true, num: 0 };
    await expectInvalid('chat:message:send', [{ field: 'content', payload: { ...chat.text('x'), content: placeholder } }]);
    expect(await one.ask('chat:message:send', { ...chat.text('x'), metadata: placeholder })).toMatchObject({ status: 'sent' });
    expect((await witness.next('chat:message:new', ({ metadata }) => metadata._placeholder)).metadata).toEqual(placeholder);
  });
});

describe('keys that would reach into a prototype', () => {
  let raw: RawSocket;
  beforeEach(async () => {
    raw = await rawConnected(server.url, { token: server.token(chat.amal) });
  });

  let id = 0;
  /** Sends JSON as it is: an object literal could not say `__proto__`. */
  const ask = async (event: string, json: string) => {
    raw.send(`42${++id}["${event}",${json}]`);
    const asked = id;
    return (await raw.next('ack', (ack) => ack[0] === asked))[1];
  };
  const POLLUTING = [
    '"__proto__":{"polluted":true,"chat_id":"x"}',
    '"constructor":{"prototype":{"polluted":true}}',
    '"prototype":{"polluted":true}',
    '"toString":1,"hasOwnProperty":null,"valueOf":"x"',
  ];

  test.each(POLLUTING)('beside the fields, in metadata, as names of chats and streams: %s', async (polluting) => {
    const { chat_id } = chat;
    expect(await ask('chat:message:send', `{"chat_id":"${chat_id}","type":"text","content":"x",${polluting}}`)).toMatchObject({
      status: 'sent',
    });
    expect(
      await ask(
        'chat:message:send',
        `{"chat_id":"${chat_id}","type":"photo","content":"https://x.test/1.jpg","metadata":{"width":1,${polluting}}}`,
      ),
    ).toMatchObject({ status: 'sent' });
    expect(await ask('chat:join', `{${polluting}}`)).toMatchObject({ status: 'error', error: { code: 'INVALID_DATA' } });
    const dropped = polluting.startsWith('"__proto__"');
    for (const [event, key, nothing] of [
      ['chat:sync', 'chats', { chats: {} }],
      ['sync', 'cursors', { streams: {} }],
    ] as const) {
      const answer = await ask(event, `{"${key}":{${polluting}}}`);
      expect(answer).toMatchObject(dropped ? nothing : { status: 'error', error: { code: 'INVALID_DATA' } });
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    const photo = await witness.next('chat:message:new', ({ type }) => type === 'photo');
    expect(photo.metadata.width).toBe(1);
    expect(photo.metadata.polluted).toBeUndefined();
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'as a name of a chat and of a stream with a version: %s',
    async (name) => {
      const { chats } = await ask('chat:sync', `{"chats":{"${name}":0}}`);
      expect(Object.entries(chats)).toEqual(
        name === '__proto__' ? [] : [[name, { error: expect.objectContaining({ code: 'CHAT_NOT_FOUND' }) as unknown }]],
      );
      const { streams } = await ask('sync', `{"cursors":{"${name}":0}}`);
      expect(streams.user).toMatchObject({ events: [] });
      if (name !== '__proto__') expect(streams[name]).toMatchObject({ error: { code: 'NOT_FOUND' } });
    },
  );

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '', ' ', 'ping ', 'PING', 'a'.repeat(10_000)])(
    'as an event’s name: %j',
    async (name) => {
      expect(await ask(name, '{}')).toMatchObject({ status: 'error', error: { code: 'UNKNOWN_EVENT' } });
    },
  );
});

describe('much of everything', () => {
  test.each<[string, string, () => unknown, string]>([
    ['a list of 250,000 where an object is due', 'chat:join', () => Array.from({ length: 250_000 }, () => 0), 'INVALID_DATA'],
    [
      '300,000 in metadata',
      'chat:message:send',
      () => ({ ...chat.text('x'), metadata: { a: Array.from({ length: 300_000 }, () => 0) } }),
      'MESSAGE_TOO_LARGE',
    ],
    ['a text of a million characters', 'chat:message:send', () => chat.text('x'.repeat(1_000_000)), 'MESSAGE_TOO_LARGE'],
    [
      '30,000 streams',
      'sync',
      () => ({ cursors: Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`chat:${i}`, 0])) }),
      'INVALID_DATA',
    ],
    [
      '30,000 streams with versions that are none',
      'sync',
      () => ({ cursors: Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`chat:${i}`, 'x'])) }),
      'INVALID_DATA',
    ],
    [
      '30,000 chats',
      'chat:sync',
      () => ({ chats: Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`${i}`, 0])) }),
      'INVALID_DATA',
    ],
    ['a key of a million characters', 'chat:join', () => ({ ['k'.repeat(1_000_000)]: 1 }), 'INVALID_DATA'],
    ['a key of 500,000 characters with a wrong value', 'sync', () => ({ cursors: { ['k'.repeat(500_000)]: 'x' } }), 'INVALID_DATA'],
    ['a key of 500,000 characters with NUL in its value', 'chat:join', () => ({ ['k'.repeat(500_000)]: ['\0'] }), 'INVALID_DATA'],
    ['a client_message_id of 65', 'chat:message:send', () => ({ ...chat.text('x'), client_message_id: 'x'.repeat(65) }), 'INVALID_DATA'],
    [
      'an emoji of 33',
      'chat:message:react',
      () => ({ chat_id: chat.chat_id, message_id: 'x', emoji: 'x'.repeat(33), on: true }),
      'INVALID_DATA',
    ],
    ['a token of 500,000 characters', 'auth:refresh', () => ({ token: 'x'.repeat(500_000) }), 'UNAUTHORIZED'],
  ])('%s', async (_, event, payload, code) => {
    const { status, error } = await one.ask(event, payload());
    expect({ status, code: error.code }).toEqual({ status: 'error', code });
    // Nor does the answer become large.
    expect(JSON.stringify(error).length).toBeLessThan(1_000);
  });

  test.each(['1e400', '-1e400', '1e308', '9007199254740992', '1.5', '5e-324', '-1'])('a version of %s', async (version) => {
    const raw = await rawConnected(server.url, { token: server.token(chat.amal) });
    raw.send(`421["sync",{"cursors":{"chat:${chat.chat_id}":${version}}}]`);
    expect(await raw.next('ack')).toMatchObject([1, { status: 'error', error: { code: 'INVALID_DATA' } }]);
  });
});
