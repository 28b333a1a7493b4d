import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { UserDirectory } from '../../src/features/users/user-directory.ts';
import { Interests } from '../../src/realtime/interests.ts';
import { RefusalDelays } from '../../src/realtime/refusal-delays.ts';
import { freshId, signToken, startServer, type TestServer } from '../support/server.ts';
import { client, closeClients, connected } from '../support/sockets.ts';

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;

let server: TestServer;
let amal: string;
let bashir: string;

beforeAll(async () => {
  // Each test has an address of its own, so that none is slowed down by what another was refused.
  server = await startServer({ TRUST_PROXY: '1', RATE_LIMIT_MAX_CONNECTS: '0' });
  amal = freshId('amal');
  bashir = freshId('bashir');
  await server.createUser(amal);
  await server.createUser(bashir);
});
afterAll(() => server.stop());
afterEach(closeClients);

let addresses = 0;
const from = (headers: Record<string, string> = {}) => ({ 'x-forwarded-for': `10.0.${addresses >> 8}.${addresses++ & 255}`, ...headers });

/** Connects in a way that must be refused, and returns all that reached the socket. */
async function refused(auth: object | undefined, headers: Record<string, string> = {}, query: Record<string, string> = {}) {
  const one = client(server.url, '/', { ...(auth && { auth }), extraHeaders: from(headers), query });
  await one.next('disconnect');
  return one.all;
}

const REFUSAL = [
  { event: 'connect', arguments: 1 },
  { event: 'error', data: { code: 'UNAUTHORIZED', message: 'Invalid token', timestamp: TIME }, arguments: 1 },
  { event: 'disconnect', data: 'io server disconnect', arguments: 1 },
];

describe('Looked for in this order: `handshake.auth.token`, the `Authorization: Bearer` header', () => {
  const whoIs = async (auth: object | undefined, headers: Record<string, string> = {}) =>
    (await connected(server.url, '/', { ...(auth && { auth }), extraHeaders: from(headers) })).of('connected')[0].user_id as string;

  test.each(['', 'Bearer ', 'bearer ', 'BEARER  '])('with or without the word `Bearer `: %j', async (word) => {
    expect(await whoIs({ token: word + server.token(amal) })).toBe(amal);
  });

  test.each(['Bearer ', 'bearer '])('the header alone: %j', async (word) => {
    expect(await whoIs(undefined, { authorization: word + server.token(amal) })).toBe(amal);
  });

  test('where both are given, `auth.token` counts', async () => {
    expect(await whoIs({ token: server.token(amal) }, { authorization: `Bearer ${server.token(bashir)}` })).toBe(amal);
  });

  test.each([42, true, {}, [['token']], { token: 'nested' }])(
    'anything but a string is a bad token, whatever the header says: %j',
    async (token) => {
      expect(await refused({ token }, { authorization: `Bearer ${server.token(amal)}` })).toMatchObject(REFUSAL);
    },
  );

  test('a bad token is not made good by the header', async () => {
    expect(await refused({ token: 'bad' }, { authorization: `Bearer ${server.token(amal)}` })).toMatchObject(REFUSAL);
  });

  test('a header of another scheme, and a query parameter, are no token', async () => {
    expect(await refused(undefined, { authorization: server.token(amal) })).toMatchObject(REFUSAL);
    expect(await refused(undefined, {}, { token: server.token(amal) })).toMatchObject(REFUSAL);
  });

  test('`sub` (or `userId` where `sub` is absent)', async () => {
    expect(await whoIs({ token: server.token('', { sub: undefined, userId: amal }) })).toBe(amal);
    expect(await whoIs({ token: server.token(amal, { userId: bashir }) })).toBe(amal);
  });
});

describe(
  "A refused connection on `/`: the socket connects, receives `error {code:'UNAUTHORIZED', message:'Invalid token', timestamp}`, " +
    'and is disconnected by the server. Nothing else reaches it',
  () => {
    const now = () => Math.floor(Date.now() / 1000);
    const tokens: Record<string, () => string> = {
      'no token': () => '',
      'no token at all, only the word': () => 'Bearer ',
      'not a token': () => 'abc',
      'another secret': () => signToken({ sub: amal, exp: now() + 60 }, { secret: 'another secret of at least 32 bytes' }),
      '`alg: none`': () =>
        `${signToken({ sub: amal, exp: now() + 60 }, { header: { alg: 'none' } })
          .split('.')
          .slice(0, 2)
          .join('.')}.`,
      'an algorithm that is not configured': () => signToken({ sub: amal, exp: now() + 60 }, { header: { alg: 'HS512' } }),
      'a token without `exp`': () => signToken({ sub: amal }),
      'an expired token': () => server.token(amal, { exp: now() - 1 }),
      'a token that is not yet good': () => server.token(amal, { nbf: now() + 60 }),
      'a token without a user': () => server.token('', { sub: undefined }),
      'a user who does not exist': () => server.token(freshId('nobody')),
      '20,000 characters': () => `${server.token(amal)}${'x'.repeat(20_000)}`,
      'a lone surrogate': () => '\ud800',
      NUL: () => '\0',
    };
    test.each(Object.keys(tokens))('%s', async (name) => {
      expect(await refused({ token: tokens[name]!() })).toMatchObject(REFUSAL);
    });

    test.each(['disabled', 'erased'])('a user who was %s', async (what) => {
      const user = freshId(what);
      await server.createUser(user);
      const chat = await server.api('POST', '/api/v2/chats', { as: amal, body: { type: 'direct', member_ids: [user] } });
      const token = server.token(user);
      await (what === 'disabled'
        ? server.createUser(user, { disabled: true })
        : server.api('DELETE', `/api/v2/users/${user}`, { key: true }));
      // What the chat says meanwhile does not reach it either.
      const one = client(server.url, '/', { token, extraHeaders: from() });
      await one.next('connect');
      await server.api('POST', `/api/v2/chats/${chat.body.id}/messages`, { as: amal, body: { type: 'text', content: 'hello' } });
      await one.next('disconnect');
      expect(one.all).toMatchObject(REFUSAL);
    });

    test('This message is never translated', async () => {
      expect(await refused({ token: 'bad in Arabic', locale: 'ar' }, { 'accept-language': 'ru' })).toMatchObject(REFUSAL);
    });

    test('a client over long-polling hears it as well', async () => {
      const one = client(server.url, '/', { token: 'bad over polling', transports: ['polling'], extraHeaders: from() });
      await one.next('disconnect');
      expect(one.all).toMatchObject(REFUSAL);
    });

    test('a stock client does not come back by itself', async () => {
      const one = client(server.url, '/', {
        token: 'bad and reconnecting',
        reconnection: true,
        reconnectionDelay: 1,
        extraHeaders: from(),
      });
      await one.next('disconnect');
      expect(one.socket.active).toBe(false);
    });
  },
);

describe('A token refused again is answered after 1, 2, 4 … at most 15 s, because documented clients reconnect at once', () => {
  test('the second answer comes no earlier than after 1 s, another token’s at once', async () => {
    const token = freshId('bad');
    await refused({ token });
    const asked = performance.now();
    const again = refused({ token }).then((all) => ({ all, after: performance.now() - asked }));
    const other = refused({ token: freshId('bad') }).then(() => performance.now() - asked);
    expect((await again).all).toMatchObject(REFUSAL);
    // Both were asked in the same moment, so only the pause can part them.
    expect((await again).after - (await other)).toBeGreaterThan(500);
    expect((await again).after).toBeGreaterThanOrEqual(999);
  });

  test('of clients without a token only those of the same address wait', async () => {
    const address = from();
    await refused(undefined, address);
    const asked = performance.now();
    const again = refused(undefined, address).then(() => performance.now() - asked);
    const other = refused(undefined).then(() => performance.now() - asked);
    expect((await again) - (await other)).toBeGreaterThan(500);
  });

  const delays = (times: number[]) => {
    const refusals = new RefusalDelays();
    return times.map((time) => refusals.next('token', time));
  };

  test('1, 2, 4, 8 and then 15 s', () => {
    expect(delays([0, 1, 2, 3, 4, 5, 6, 7])).toEqual([0, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  });

  test('a client that waits for each answer is not forgotten between two', () => {
    expect(delays([0, 15_000, 31_000, 46_000, 100_000])).toEqual([0, 1_000, 2_000, 4_000, 8_000]);
  });

  test('a minute of peace is forgiven', () => {
    expect(delays([0, 1, 60_001, 60_002])).toEqual([0, 1_000, 0, 1_000]);
  });

  test('tokens are counted apart, and only the latest 10,000 are remembered', () => {
    const refusals = new RefusalDelays();
    for (let i = 0; i <= 10_000; i++) expect(refusals.next(`token ${i}`, i)).toBe(0);
    expect(refusals.next('token 10000', 10_001)).toBe(1_000);
    expect(refusals.next('token 0', 10_002)).toBe(0);
  });
});

describe('Language of human-readable error text (`en`, `ar`, `ru`): `auth.locale`, then the user’s stored locale, then `Accept-Language`, then the surface’s own', () => {
  const SENTENCES = { en: 'Invalid data', ar: 'بيانات غير صالحة', ru: 'Неверные данные' };
  test.each<{ auth?: unknown; stored?: string; header?: string; expected: keyof typeof SENTENCES }>([
    { auth: 'ru', stored: 'ar', header: 'en', expected: 'ru' },
    { stored: 'ar', header: 'ru', expected: 'ar' },
    { header: 'ru-RU,ru;q=0.9,en;q=0.8', expected: 'ru' },
    { header: 'de,fr;q=0.9,ar;q=0.3,en;q=0.1', expected: 'ar' },
    { header: 'ar;q=0, ru;q=0.5', expected: 'ru' },
    { header: 'de', expected: 'en' },
    { expected: 'en' },
    { auth: 'de', stored: 'ru', expected: 'ru' },
    { auth: ['ar'], header: 'ru', expected: 'ru' },
  ])('$expected of %o', async ({ auth, stored, header, expected }) => {
    const user = freshId();
    await server.createUser(user, { ...(stored && { locale: stored }) });
    const one = await connected(server.url, '/', {
      auth: { token: server.token(user), ...(auth !== undefined && { locale: auth }) },
      extraHeaders: from(header === undefined ? {} : { 'accept-language': header }),
    });
    const { error } = await one.ask('chat:join', {});
    expect(error).toMatchObject({ code: 'INVALID_DATA', message: SENTENCES[expected] });
  });
});

describe("A token that expires while its socket is connected: `error {code:'UNAUTHORIZED', message:'Invalid or expired token', timestamp}` and disconnection within 5 s of `exp`", () => {
  test('each socket by its own token', async () => {
    const exp = Math.floor(Date.now() / 1000) + 2;
    const [ending, staying] = await Promise.all([
      connected(server.url, '/', { token: server.token(amal, { exp }), extraHeaders: from() }),
      connected(server.url, '/', { token: server.token(amal), extraHeaders: from() }),
    ]);
    const { message, code } = await ending.next('error');
    const late = Date.now() - exp * 1000;
    expect({ code, message }).toEqual({ code: 'UNAUTHORIZED', message: 'Invalid or expired token' });
    expect(await ending.next('disconnect')).toBe('io server disconnect');
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(5_000);
    expect(await staying.ask('ping')).toEqual({ status: 'ok' });
  });

  test('the sentence is never translated', async () => {
    const exp = Math.floor(Date.now() / 1000) + 1;
    const one = client(server.url, '/', { auth: { token: server.token(amal, { exp }), locale: 'ar' }, extraHeaders: from() });
    expect(await one.next('error')).toMatchObject({ code: 'UNAUTHORIZED', message: 'Invalid or expired token', timestamp: TIME });
  });
});

describe('A user who is deleted or disabled is out of it everywhere within 5 s', () => {
  test.each(['disabled', 'deleted'])('%s', async (what) => {
    const user = freshId(what);
    await server.createUser(user);
    const token = server.token(user);
    const sockets = await Promise.all([
      connected(server.url, '/', { token, extraHeaders: from() }),
      connected(server.url, '/', { token: server.token(user), transports: ['polling'], extraHeaders: from() }),
    ]);
    const other = await connected(server.url, '/', { token: server.token(amal), extraHeaders: from() });
    await (what === 'disabled'
      ? server.createUser(user, { disabled: true })
      : server.api('DELETE', `/api/v2/users/${user}`, { key: true }));
    const changed = performance.now();
    for (const socket of sockets) {
      expect(await socket.next('error')).toMatchObject({ code: 'UNAUTHORIZED', message: 'Invalid or expired token' });
      expect(await socket.next('disconnect')).toBe('io server disconnect');
    }
    expect(performance.now() - changed).toBeLessThan(5_000);
    expect(await other.ask('ping')).toEqual({ status: 'ok' });
    expect((await server.api('GET', '/api/v2/me', { bearer: token })).status).toBe(401);
    expect(await refused({ token })).toMatchObject(REFUSAL);
  });
});

test('A user who is disabled while a CONNECT waits is out of it', async () => {
  const [interests, users] = [server.app.get(Interests), server.app.get(UserDirectory)];
  const user = freshId('disabled');
  await server.createUser(user);
  const enter = interests.enter.bind(interests);
  vi.spyOn(interests, 'enter').mockImplementationOnce(async (...interest) => {
    await enter(...interest);
    await server.createUser(user, { disabled: true });
    await users.load(user);
  });
  const one = client(server.url, '/', { token: server.token(user), extraHeaders: from() });
  expect(await one.next('error')).toMatchObject({ code: 'UNAUTHORIZED', message: 'Invalid or expired token' });
  expect(await one.next('disconnect')).toBe('io server disconnect');
});

describe('`auth:refresh {token}` swaps the token for all of that user’s sockets on the same connection', () => {
  const inS = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

  test("acknowledgement `{status:'ok', expires_at}`; on `/` also `sync:required` with reason `token_refresh`", async () => {
    const one = await connected(server.url, '/', { token: server.token(amal), extraHeaders: from() });
    const exp = inS(7_200);
    expect(await one.ask('auth:refresh', { token: server.token(amal, { exp }) })).toEqual({
      status: 'ok',
      expires_at: new Date(exp * 1000).toISOString(),
    });
    expect(await one.next('sync:required', ({ reason }) => reason === 'token_refresh')).toEqual({
      user_id: amal,
      reason: 'token_refresh',
      timestamp: TIME,
    });
    // As good as for ever: the last time that there is a date for.
    expect(await one.ask('auth:refresh', { token: server.token(amal, { exp: Number.MAX_SAFE_INTEGER }) })).toEqual({
      status: 'ok',
      expires_at: '+275760-09-13T00:00:00.000Z',
    });
  });

  test('the expiry of the old token ends nothing any more, that of the new one does', async () => {
    const exp = inS(2);
    const [refreshed, barrier] = await Promise.all(
      [1, 2].map(() => connected(server.url, '/', { token: server.token(amal, { exp }), extraHeaders: from() })),
    );
    await refreshed!.ask('auth:refresh', { token: server.token(amal, { exp: exp + 2 }) });
    await barrier!.next('disconnect');
    expect(await refreshed!.ask('ping')).toEqual({ status: 'ok' });
    expect(await refreshed!.next('error')).toMatchObject({ message: 'Invalid or expired token' });
    await refreshed!.next('disconnect');
  });

  test.each<[string, () => unknown, object]>([
    ['of another user', () => server.token(bashir), { code: 'UNAUTHORIZED', message: 'Invalid token', details: { field: 'token' } }],
    ['expired', () => server.token(amal, { exp: inS(-1) }), { code: 'UNAUTHORIZED', message: 'Invalid or expired token' }],
    ['no token', () => 'abc', { code: 'UNAUTHORIZED', message: 'Invalid or expired token' }],
    ['empty', () => '', { code: 'UNAUTHORIZED', message: 'Invalid or expired token' }],
    ['a number', () => 42, { code: 'INVALID_DATA', details: { field: 'token' } }],
  ])('The new token must be of the same user: one that is %s changes nothing', async (_, token, error) => {
    const one = await connected(server.url, '/', { token: server.token(amal), extraHeaders: from() });
    expect(await one.ask('auth:refresh', { token: token() })).toMatchObject({
      status: 'error',
      error: { ...error, event: 'auth:refresh' },
    });
    expect(await one.next('error')).toMatchObject({ ...error, event: 'auth:refresh' });
    // Still there, still the same user.
    expect(await one.ask('sync', { cursors: { [`user:${amal}`]: 0 } })).not.toHaveProperty(['streams', `user:${amal}`, 'error']);
    expect(one.of('sync:required')).toHaveLength(1);
  });
});
