import { CONNECT_REFUSALS, type ConnectRefusal, type Locale } from '@majlis/contract';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { NAMESPACES } from '../../src/realtime/namespaces.ts';
import { rawConnected, rawSocket, type RawSocket } from '../support/raw-socket.ts';
import { freshId, startServer, type TestServer } from '../support/server.ts';
import { client, connected } from '../support/sockets.ts';
import { TEST_NAMESPACE, makeChat, metric, startChat, stopQuietly, type Chat } from './chat-server.ts';

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;

let server: TestServer;
let chat: Chat;
beforeAll(async () => {
  server = await startServer({ TRUST_PROXY: '1', RATE_LIMIT_MAX_CONNECTS: '0' });
  chat = await makeChat(server);
});
afterAll(() => stopQuietly(server));

let addresses = 0;
const from = (headers: Record<string, string> = {}) => ({ 'x-forwarded-for': `10.1.0.${addresses++}`, ...headers });

describe('A refused connection on every other namespace: `connect_error`; `err.message` is the document’s sentence in the client’s language', () => {
  const tokens: Record<string, [ConnectRefusal, () => unknown]> = {
    'no token': ['missing', () => undefined],
    'a bad token': ['invalid', () => freshId('bad')],
    'a token that is no text': ['invalid', () => 42],
    'an expired token': ['invalid', () => server.token(chat.amal, { exp: Math.floor(Date.now() / 1000) - 1 })],
    'a user who does not exist': ['unknownUser', () => server.token(freshId('nobody'))],
  };
  const arabic = { missing: 'الرمز المميز مطلوب', invalid: 'رمز مميز غير صالح', unknownUser: 'المستخدم غير موجود', other: 'فشلت المصادقة' };

  test.each(Object.keys(tokens))('%s', async (what) => {
    const [reason, token] = tokens[what]!;
    const one = client(server.url, TEST_NAMESPACE, { auth: { token: token() }, extraHeaders: from() });
    expect(await one.next('connect_error')).toEqual({
      message: arabic[reason as keyof typeof arabic],
      data: { code: 'UNAUTHORIZED', message: CONNECT_REFUSALS[reason].en, timestamp: TIME },
    });
    expect(one.all).toHaveLength(1);
    // Stock clients do not come back after it.
    expect(one.socket.active).toBe(false);
  });

  test.each(Object.keys(NAMESPACES).filter((name) => name !== '/'))('%s', async (namespace) => {
    const refused = { data: { code: 'UNAUTHORIZED' } };
    for (const [token, message] of [
      [undefined, arabic.missing],
      [freshId('bad'), arabic.invalid],
    ] as const) {
      const one = client(server.url, namespace, { auth: { token }, extraHeaders: from() });
      expect(await one.next('connect_error')).toMatchObject({ ...refused, message });
    }
  });

  test('the documents’ sentences', () => {
    for (const [reason, sentence] of Object.entries(arabic)) expect(CONNECT_REFUSALS[reason as ConnectRefusal].ar).toBe(sentence);
  });

  test('a disabled user', async () => {
    const user = freshId('disabled');
    await server.createUser(user, { disabled: true });
    const one = client(server.url, TEST_NAMESPACE, { token: server.token(user), extraHeaders: from() });
    expect((await one.next('connect_error')).message).toBe(arabic.unknownUser);
  });

  test.each<[Locale, object, Record<string, string>]>([
    ['ru', { locale: 'ru' }, { 'accept-language': 'en' }],
    ['en', {}, { 'accept-language': 'en-GB' }],
    ['ar', {}, { 'accept-language': 'de' }],
    ['ar', { locale: 'xx' }, {}],
  ])('in %s for %j %j, and `err.data.message` in English', async (locale, auth, headers) => {
    const one = client(server.url, TEST_NAMESPACE, { auth, extraHeaders: from(headers) });
    const { message, data } = await one.next('connect_error');
    expect([message, data.message]).toEqual([CONNECT_REFUSALS.missing[locale], CONNECT_REFUSALS.missing.en]);
  });

  test('a limit passes: the transport is closed and no `connect_error` sent', async () => {
    const own = await startChat({ RATE_LIMIT_MAX_LIGHT: '1' });
    await connected(own.server.url, TEST_NAMESPACE, { token: own.server.token(own.amal) });
    const raw = rawSocket(own.server.url);
    await raw.next('open');
    raw.send(`40${TEST_NAMESPACE},${JSON.stringify({ token: own.server.token(own.amal) })}`);
    await raw.next('close');
    expect(raw.all.map(({ event }) => event)).toEqual(['open', 'packet', 'close']);
  });
});

describe('A namespace CONNECT without a token, on a connection where another namespace is already authenticated, is that user’s', () => {
  const join = async (raw: RawSocket, namespace: string, auth?: object) => {
    raw.send(`40${namespace},${auth ? JSON.stringify(auth) : ''}`);
    return (await raw.next('packet', (packet) => packet.startsWith('40/') || packet.startsWith('44/'))) as string;
  };

  test('greeted as that user, by either kind of connection', async () => {
    const raw = await rawConnected(server.url, { token: server.token(chat.amal) });
    expect(await join(raw, TEST_NAMESPACE)).toMatch(/^40/);
    expect(await raw.next('connected', ({ userId }) => userId !== undefined)).toEqual({ userId: chat.amal, socketId: expect.any(String) });
  });

  test('a token of its own counts where there is one, and a bad one is refused', async () => {
    const raw = await rawConnected(server.url, { token: server.token(chat.amal) });
    expect(await join(raw, TEST_NAMESPACE, { token: server.token(chat.bashir) })).toMatch(/^40/);
    expect(await raw.next('connected', ({ userId }) => userId !== undefined)).toMatchObject({ userId: chat.bashir });
    const other = await rawConnected(server.url, { token: server.token(chat.amal) }, { headers: from() });
    expect(await join(other, TEST_NAMESPACE, { token: freshId('bad') })).toMatch(/^44/);
    expect(await other.ask('ping')).toEqual([{ status: 'ok' }]);
  });

  test('where nobody is authenticated it is refused', async () => {
    const raw = rawSocket(server.url, { headers: from() });
    await raw.next('open');
    expect(await join(raw, TEST_NAMESPACE)).toMatch(/^44/);
    // Nor is it authenticated by a refusal.
    expect(await join(raw, TEST_NAMESPACE)).toMatch(/^44/);
  });

  test('the header that came with the connection does not count against a token that was refreshed since', async () => {
    const exp = Math.floor(Date.now() / 1000) + 2;
    const raw = rawSocket(server.url, { headers: { authorization: `Bearer ${server.token(chat.amal, { exp })}` } });
    await raw.next('open');
    await raw.join({});
    await raw.ask('auth:refresh', { token: server.token(chat.amal) });
    await vi.waitUntil(() => Date.now() > exp * 1000, { timeout: 5_000 });
    expect(await join(raw, TEST_NAMESPACE)).toMatch(/^40/);
  });

  test('successful connections are limited per user, those without a token as well', async () => {
    const own = await startChat({ RATE_LIMIT_MAX_LIGHT: '10' });
    const raw = await rawConnected(own.server.url, { token: own.server.token(own.amal) });
    for (let joined = 1; raw.of('close').length === 0; joined++) {
      raw.send(`40${TEST_NAMESPACE},`);
      await raw.until(() => raw.of('close').length > 0 || raw.of('connected').length > joined || undefined);
      expect(joined).toBeLessThan(12);
      raw.send(`41${TEST_NAMESPACE},`);
      // Socket.IO takes no DISCONNECT and CONNECT in one breath; the answer to a third thing parts them.
      raw.send('40/nowhere,');
      await raw.until(
        () =>
          raw.of('close').length > 0 || raw.of('packet').filter((p: string) => p.startsWith('44/nowhere')).length >= joined || undefined,
      );
    }
  });

  test('the other way round, `/` is greeted in its own way and with its own reason', async () => {
    const raw = rawSocket(server.url);
    await raw.next('open');
    expect(await join(raw, TEST_NAMESPACE, { token: server.token(chat.amal), device_id: 'phone' })).toMatch(/^40/);
    raw.send('40');
    expect(await raw.next('sync:required')).toMatchObject({ user_id: chat.amal, reason: 'connection_established' });
  });
});

describe('one connection, several namespaces', () => {
  test('`auth:refresh` swaps the token for all of that user’s sockets on the same connection, and no other’s', async () => {
    const exp = Math.floor(Date.now() / 1000) + 2;
    const raw = await rawConnected(server.url, { token: server.token(chat.amal, { exp }) });
    raw.send(`40${TEST_NAMESPACE},`);
    await raw.count('connected', 2);
    const mixed = await rawConnected(server.url, { token: server.token(chat.amal, { exp }) });
    mixed.send(`40${TEST_NAMESPACE},${JSON.stringify({ token: server.token(chat.bashir, { exp }) })}`);
    await mixed.count('connected', 2);
    for (const one of [raw, mixed]) await one.ask('auth:refresh', { token: server.token(chat.amal) });
    await mixed.next('packet', (packet) => packet.startsWith(`41${TEST_NAMESPACE}`));
    expect(await mixed.ask('ping')).toEqual([{ status: 'ok' }]);
    expect(await raw.ask('ping')).toEqual([{ status: 'ok' }]);
    expect(raw.of('packet').filter((packet: string) => packet.startsWith('41'))).toEqual([]);
    raw.send(`42${TEST_NAMESPACE},7["nonsense"]`);
    await raw.next('packet', (packet) => packet.startsWith(`43${TEST_NAMESPACE},7[`));
  });

  test('what a device does in another namespace does not change why it must sync', async () => {
    const own = await startChat();
    const auth = { token: own.server.token(own.amal), device_id: 'phone' };
    const first = await rawConnected(own.server.url, auth);
    first.send(`40${TEST_NAMESPACE},`);
    await first.count('connected', 2);
    first.send(`41${TEST_NAMESPACE},`);
    await first.ask('chat:message:send', own.text('the barrier'));
    first.close();
    const second = rawSocket(own.server.url);
    await second.next('open');
    second.send(`40${TEST_NAMESPACE},${JSON.stringify(auth)}`);
    await second.next('connected');
    second.send(`40${JSON.stringify(auth)}`);
    expect(await second.next('sync:required')).toMatchObject({ reason: 'reconnection' });
    expect(await metric(own.server, 'websocket_reconnections_total')).toBe(1);
  });

  test('leaving one leaves the others; what one sends wrongly is answered in it', async () => {
    const raw = await rawConnected(server.url, { token: server.token(chat.amal) });
    raw.send(`40${TEST_NAMESPACE},`);
    await raw.count('connected', 2);
    raw.send(`42${TEST_NAMESPACE},700["ping"]`);
    const ack: string = await raw.next('packet', (packet) => packet.startsWith(`43${TEST_NAMESPACE},700[`));
    expect(JSON.parse(ack.slice(ack.indexOf('[')))).toMatchObject([
      { status: 'error', error: { code: 'UNKNOWN_EVENT', message: 'حدث غير معروف' } },
    ]);
    raw.send(`41${TEST_NAMESPACE},`);
    expect(await raw.ask('ping')).toEqual([{ status: 'ok' }]);
    expect(raw.of('error')).toEqual([]);
  });

  test('outside of `/` the `error` event comes only where there is no callback', async () => {
    const one = await connected(server.url, TEST_NAMESPACE, { token: server.token(chat.amal) });
    await one.ask('nonsense');
    one.tell('nonsense');
    await one.next('error');
    await one.ask('nonsense');
    expect(one.of('error')).toHaveLength(1);
  });
});
