import { chromium } from 'playwright';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { freshId, signToken, startServer, type TestServer } from '../support/server.ts';
import { closeClients, connected } from '../support/sockets.ts';
import { closeFeeds, feedClient, following, newOrder, newStaff, type FeedOptions } from './feed-client.ts';

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
const browser = process.env['CHROMIUM_PATH'];

let server: TestServer;
let clerk: string;
let customer: string;

beforeAll(async () => {
  server = await startServer({
    TRUST_PROXY: '1',
    RATE_LIMIT_MAX_CONNECTS: '0',
    RATE_LIMIT_MAX_EVENTS: '100000',
    RATE_LIMIT_MAX_LIGHT: '100000',
  });
  clerk = await newStaff(server);
  customer = freshId('customer');
  await server.createUser(customer);
});
afterAll(() => server.stop());
afterEach(() => {
  closeFeeds();
  closeClients();
});

const closed = async (options: FeedOptions, at: TestServer = server) => (await feedClient(at, options).next('close')) as object;
const UNAUTHORIZED = { code: 4401, reason: 'unauthorized' };
const FORBIDDEN = { code: 4403, reason: 'forbidden' };
const RATE_LIMIT = { code: 4429, reason: 'rate limit' };

describe('the document', () => {
  // Of khawam-order-notifications.ar.md, unchanged but for the address and the token.
  const SNIPPET = (url: string) => `
const ws = new WebSocket('${url}')
ws.onopen = () => console.log('✅ Connected')
ws.onmessage = (e) => console.log('📨 Message:', e.data)
ws.onerror = (e) => console.error('❌ Error:', e)
ws.onclose = (e) => console.log('⚠️ Closed:', e.code, e.reason)
`;
  const BROADCAST = {
    order_id: 999,
    order_number: 'TEST-001',
    customer_name: 'Test',
    customer_phone: '09991234567',
    total_amount: 100,
    final_amount: 100,
    delivery_type: 'self',
    items_count: 1,
    created_at: '2024-01-01T00:00:00',
  };

  test.skipIf(!browser)('its browser snippet prints what its broadcast example sends', { timeout: 60_000 }, async () => {
    const instance = await chromium.launch({ executablePath: browser!, args: ['--no-sandbox'] });
    try {
      const page = await instance.newPage();
      await page.goto(`${server.url}/health/live`);
      const lines: string[] = [];
      page.on('console', (message) => lines.push(message.text()));
      const printed = async (text: string) => {
        await expect.poll(() => lines.find((line) => line.includes(text)), { timeout: 10_000 }).toBeDefined();
      };
      await page.evaluate(SNIPPET(`${server.url.replace('http', 'ws')}/api/ws/orders?token=${server.token(clerk)}`));
      await printed('✅ Connected');
      await printed('"event":"connected"');

      const { status, body } = await server.api('POST', '/api/orders', { key: true, body: BROADCAST });
      expect(status).toBe(201);
      await printed('order_created');
      const [, frame] = /^📨 Message: (.*)$/.exec(lines.find((line) => line.includes('order_created'))!)!;
      expect(JSON.parse(frame!)).toEqual({
        event: 'order_created',
        version: body.version,
        data: { ...BROADCAST, created_at: '2024-01-01T00:00:00.000Z', status: 'new', acknowledged_by: null },
      });

      lines.length = 0;
      await page.evaluate(SNIPPET(`${server.url.replace('http', 'ws')}/api/ws/orders?token=YOUR_TOKEN`));
      await printed('⚠️ Closed: 4401 unauthorized');
      expect(lines.some((line) => line.includes('❌'))).toBe(false);
    } finally {
      await instance.close();
    }
  });

  test('Log lines: `WebSocket connection attempt`, `WebSocket: Connection established`, `Broadcasting to N WebSocket connection(s)`, `Successfully broadcasted`; a token is in none', async () => {
    const quiet = await startServer();
    try {
      const [one, other] = [await newStaff(quiet), await newStaff(quiet)];
      const lines = () =>
        quiet.logs().flatMap(({ msg }) => (/WebSocket|roadcast/.test(msg ?? '') && msg !== 'WebSocket Event' ? [msg] : []));
      await newOrder(quiet);
      expect(lines()).toEqual(['Broadcasting to 0 WebSocket connection(s)', 'Successfully broadcasted']);
      for (const id of [one, one, other]) await following(quiet, id);
      await closed({ query: { token: 'bad.token.here' } }, quiet);
      const feed = await following(quiet, other, { query: { since: '0' } });
      const { version } = await newOrder(quiet);
      await feed.version(version);
      expect(lines().slice(2)).toEqual([
        ...Array.from({ length: 3 }, () => ['WebSocket connection attempt', 'WebSocket: Connection established']).flat(),
        'WebSocket connection attempt',
        'WebSocket connection attempt',
        'WebSocket: Connection established',
        'Broadcasting to 4 WebSocket connection(s)',
        'Successfully broadcasted',
      ]);
      const all = JSON.stringify(quiet.logs());
      for (const token of [quiet.token(one), quiet.token(other), 'bad.token.here']) expect(all).not.toContain(token.slice(-20));
      expect(all).not.toContain('token=');
    } finally {
      await quiet.stop();
    }
  });
});

describe('frames from the server', () => {
  test('"first {event: connected, data: {user_id, connections, version}}"', async () => {
    const made = await newOrder(server);
    const one = await following(server, clerk);
    expect(one.all.slice(0, 2)).toEqual([
      { event: 'open', data: { protocol: '' }, arguments: 1 },
      { event: 'connected', data: { event: 'connected', data: { user_id: clerk, connections: 1, version: made.version } }, arguments: 1 },
    ]);
    const other = await following(server, await newStaff(server, 'admin'));
    expect(other.of('connected')[0].data.connections).toBe(2);
  });

  test('order_created and order_updated, the version beside the event, at once and once on every screen, in one order', async () => {
    const manager = await newStaff(server, 'manager');
    const screens = await Promise.all([clerk, clerk, manager].map((id) => following(server, id)));
    const made = await newOrder(server);
    const accepted = (await server.api('PATCH', `/api/orders/${made.order_id}`, { as: manager, body: { status: 'accepted' } })).body;
    const frameOf = (event: string, { version, ...data }: typeof made) => ({ event, version, data });
    for (const screen of screens) {
      await screen.version(accepted.version);
      await screen.barrier();
      expect(screen.all.filter(({ event }) => event.startsWith('order_')).map(({ data }) => data)).toEqual([
        frameOf('order_created', made),
        frameOf('order_updated', accepted),
      ]);
    }
  });

  test('a burst: every screen gets every order, each once, in the order of versions', async () => {
    const screens = await Promise.all(Array.from({ length: 5 }, () => following(server, clerk)));
    const first = screens[0]!.of('connected')[0].data.version + 1;
    await Promise.all(Array.from({ length: 100 }, () => newOrder(server)));
    const expected = Array.from({ length: 100 }, (_, i) => first + i);
    for (const screen of screens) {
      await screen.version(first + 99);
      expect(screen.of('order_created').map(({ version }) => version)).toEqual(expected);
    }
  });

  test('nothing of it reaches staff on Socket.IO, and nothing of chats the feed', async () => {
    const socket = await connected(server.url, '/', { token: server.token(clerk) });
    const feed = await following(server, clerk);
    const chat = (await server.api('POST', '/api/v2/chats', { as: customer, body: { type: 'direct', member_ids: [clerk] } })).body;
    const sender = await connected(server.url, '/', { token: server.token(customer) });
    socket.close();
    const { version } = await newOrder(server);
    await feed.version(version);
    expect(socket.all.filter(({ event }) => event.startsWith('order'))).toEqual([]);

    // Only on the feed, the clerk is no recipient: the message is not delivered.
    await sender.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'hello' });
    await server.api('PATCH', `/api/v2/chats/${chat.id}`, { as: customer, body: { title: 'x' } });
    await sender.ask('ping');
    await feed.barrier();
    expect(sender.of('chat:message:delivered')).toEqual([]);
    expect(new Set(feed.all.map(({ event }) => event))).toEqual(new Set(['open', 'connected', 'order_created', 'pong']));
  });
});

describe('frames from the client, text or binary', () => {
  test.each([
    ['`ping` as text', 'ping'],
    ['`{"event":"ping"}`', '{"event":"ping"}'],
    ['with data', '{"event":"ping","data":{"n":1}}'],
    ['`{"type":"ping"}`', '{"type":"ping"}'],
    ['binary', Buffer.from('{"event":"ping"}')],
    ['`ping` as binary', Buffer.from('ping')],
  ])('%s is answered with pong {timestamp}', async (_, frame) => {
    const feed = await following(server, clerk);
    feed.ws.send(frame);
    expect(await feed.next('pong')).toEqual({ event: 'pong', data: { timestamp: TIME } });
  });

  test('`order_ack` stops it ringing everywhere (`order_updated`); a second one changes nothing', async () => {
    const manager = await newStaff(server, 'manager');
    const [one, other] = [await following(server, clerk), await following(server, manager)];
    const made = await newOrder(server);
    one.ws.send(Buffer.from(JSON.stringify({ event: 'order_ack', data: { order_id: made.order_id } })));
    for (const screen of [one, other]) {
      expect(await screen.next('order_updated')).toMatchObject({
        version: made.version + 1,
        data: { order_id: made.order_id, status: 'new', acknowledged_by: clerk },
      });
    }
    other.send({ event: 'order_ack', data: { order_id: made.order_id } });
    const next = await newOrder(server);
    await one.version(next.version);
    await other.barrier();
    expect(next.version).toBe(made.version + 2);
    expect(other.of('error')).toEqual([]);
  });

  test.each([
    ['an order that there is not', { event: 'order_ack', data: { order_id: 123_456_789 } }, { code: 'NOT_FOUND', event: 'order_ack' }],
    ['an id of another kind', { event: 'order_ack', data: { order_id: '1' } }, { code: 'INVALID_DATA', details: { field: 'order_id' } }],
    ['no id', { event: 'order_ack', data: {} }, { code: 'INVALID_DATA', details: { field: 'order_id' } }],
    ['no data', { event: 'order_ack' }, { code: 'INVALID_DATA', details: { field: 'payload' } }],
    ['another event', { event: 'order_cancel', data: {} }, { code: 'UNKNOWN_EVENT' }],
    ['an event of the object prototype', { event: 'constructor' }, { code: 'UNKNOWN_EVENT' }],
    ['a type that is not ping', { type: 'order_ack', data: { order_id: 1 } }, { code: 'INVALID_DATA' }],
    ['no event', {}, { code: 'INVALID_DATA' }],
    ['an event that is no text', { event: 7 }, { code: 'INVALID_DATA' }],
    ['a list', [1], { code: 'INVALID_DATA' }],
    ['null', null, { code: 'INVALID_DATA' }],
    ['a number', 5, { code: 'INVALID_DATA' }],
    ['no JSON', 'PING', { code: 'INVALID_DATA' }],
    ['nothing', '', { code: 'INVALID_DATA' }],
    ['33 levels', `{"event":"ping","data":${'{"a":'.repeat(33)}1${'}'.repeat(33)}}`, { code: 'INVALID_DATA' }],
    ['100,000 levels', `{"event":"ping","data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, { code: 'INVALID_DATA' }],
    ['a lone surrogate', '{"event":"ping","data":"\\ud800"}', { code: 'INVALID_DATA' }],
  ])('anything else → `error` {code, message}, and the socket stays: %s', async (_, frame, error) => {
    const feed = await following(server, clerk);
    feed.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    expect(await feed.next('error')).toMatchObject({ event: 'error', data: { ...error, message: expect.any(String), timestamp: TIME } });
    await feed.barrier();
    expect(feed.of('error')).toHaveLength(1);
  });

  test('"Language of human-readable error text": the stored one, then Accept-Language, then the surface’s own, Arabic', async () => {
    const russian = freshId('russian');
    await server.createUser(russian, { role: 'employee', locale: 'ru' });
    const message = async (user: string, headers: Record<string, string> = {}) => {
      const feed = await following(server, user, { headers });
      feed.send({});
      return (await feed.next('error')).data.message as string;
    };
    expect(await message(clerk)).toBe('بيانات غير صالحة');
    expect(await message(clerk, { 'accept-language': 'en' })).toBe('Invalid data');
    expect(await message(russian, { 'accept-language': 'en' })).toBe('Неверные данные');
  });

  test('a frame over 1 MiB ends the connection; one of 1 MiB does not', async () => {
    const feed = await following(server, clerk);
    const frame = (bytes: number) => `{"event":"ping","data":"${'x'.repeat(bytes - 26)}"}`;
    feed.ws.send(frame(1_048_576));
    await feed.next('pong');
    feed.ws.send(frame(1_048_577));
    expect((await feed.next('close')).code).toBe(1009);
  });

  test('over a rate limit: RATE_LIMIT, nothing is processed, the socket stays; it is told at most once a second', async () => {
    const limited = await startServer({ RATE_LIMIT_MAX_EVENTS: '2' });
    try {
      const one = await newStaff(limited);
      const [feed, screen] = [await following(limited, one), await following(limited, await newStaff(limited))];
      const made = [await newOrder(limited), await newOrder(limited), await newOrder(limited)];
      for (const { order_id } of made) feed.send({ event: 'order_ack', data: { order_id } });
      expect(await feed.next('error')).toMatchObject({
        data: { code: 'RATE_LIMIT', event: 'order_ack', details: { retry_after_ms: expect.any(Number) } },
      });
      for (let i = 0; i < 20; i++) feed.send({ event: 'order_ack', data: { order_id: made[2].order_id } });
      await feed.barrier();
      expect(feed.of('error')).toHaveLength(1);
      const next = await newOrder(limited);
      await screen.version(next.version);
      expect(screen.of('order_updated').map(({ data }) => data.order_id)).toEqual([made[0].order_id, made[1].order_id]);
      // `ping` has 60 of its own.
      for (let i = 0; i < 61; i++) screen.ws.send('ping');
      await screen.next('error', ({ data }) => data.event === 'ping');
      expect(screen.of('pong')).toHaveLength(60);
    } finally {
      await limited.stop();
    }
  });

  test('each inbound event is in the event log, by its name and never its content', async () => {
    const feed = await following(server, clerk, { headers: { 'x-forwarded-for': '203.0.113.7' } });
    const secret = freshId('secret');
    feed.send({ event: secret, data: { [secret]: secret } });
    feed.ws.send('ping');
    await feed.next('pong');
    const lines = () => server.logs().filter(({ msg, ip }) => msg === 'WebSocket Event' && ip === '203.0.113.7');
    await expect
      .poll(() => lines().map(({ userId, event }) => [userId, event]))
      .toEqual([
        [clerk, 'unknown'],
        [clerk, 'ping'],
      ]);
    expect(JSON.stringify(server.logs())).not.toContain(secret);
  });
});

describe('who may connect', () => {
  const seconds = () => Math.floor(Date.now() / 1000);

  test.each<[string, () => FeedOptions]>([
    ['no token', () => ({})],
    ['an empty one', () => ({ query: { token: '' } })],
    ['a bad one', () => ({ query: { token: 'YOUR_TOKEN' } })],
    ['an expired one', () => ({ query: { token: server.token(clerk, { exp: seconds() - 1 }) } })],
    ['one without exp', () => ({ query: { token: server.token(clerk, { exp: undefined }) } })],
    ['one of another secret', () => ({ query: { token: signToken({ sub: clerk, exp: seconds() + 60 }, { secret: 'x'.repeat(32) }) } })],
    ['one of nobody', () => ({ query: { token: server.token(freshId('nobody')) } })],
    [
      'a bad one in the query and a good one in the header',
      () => ({ query: { token: 'bad' }, headers: { authorization: `Bearer ${server.token(clerk)}` } }),
    ],
  ])('the upgrade is accepted and the socket closed at once with 4401 `unauthorized`: %s', async (_, options) => {
    const feed = feedClient(server, options());
    expect(await feed.next('close')).toEqual(UNAUTHORIZED);
    expect(feed.all.map(({ event }) => event)).toEqual(['open', 'close']);
  });

  test('4401: a user who is disabled', async () => {
    const disabled = await newStaff(server);
    await server.createUser(disabled, { disabled: true });
    expect(await closed({ query: { token: server.token(disabled) } })).toEqual(UNAUTHORIZED);
  });

  test('4403 `forbidden`: the role `user`, whatever the token claims', async () => {
    expect(await closed({ query: { token: server.token(customer, { role: 'admin' }) } })).toEqual(FORBIDDEN);
  });

  test.each(['employee', 'manager', 'admin'])('staff may: %s', async (role) => {
    await following(server, await newStaff(server, role));
  });

  test('4429 `rate limit`: too many failed authentications from an address, and only from there', async () => {
    const limited = await startServer({ TRUST_PROXY: '1', RATE_LIMIT_MAX_CONNECTS: '3' });
    try {
      const staff = await newStaff(limited);
      const from = (address: string, token: string) => ({ query: { token }, headers: { 'x-forwarded-for': address } });
      for (let i = 0; i < 3; i++) expect(await closed(from('203.0.113.1', 'bad'), limited)).toEqual(UNAUTHORIZED);
      expect(await closed(from('203.0.113.1', limited.token(staff)), limited)).toEqual(RATE_LIMIT);
      await following(limited, staff, from('203.0.113.2', limited.token(staff)));
    } finally {
      await limited.stop();
    }
  });

  test('4429: successful connections are limited per user', async () => {
    const limited = await startServer({ RATE_LIMIT_MAX_LIGHT: '3' });
    try {
      const [one, other] = [await newStaff(limited), await newStaff(limited)];
      for (let i = 0; i < 3; i++) await following(limited, one);
      expect(await closed({ query: { token: limited.token(one) } }, limited)).toEqual(RATE_LIMIT);
      await following(limited, other);
    } finally {
      await limited.stop();
    }
  });

  test('the query parameter `token`, then the header, then the subprotocols `bearer, <token>` (the server selects `bearer`)', async () => {
    const [inQuery, inHeader, inProtocol] = [await newStaff(server), await newStaff(server), await newStaff(server)];
    const whoIs = async (query: string | undefined, header: string | undefined, protocol: string | undefined) => {
      const feed = feedClient(server, {
        query: query === undefined ? {} : { token: server.token(query) },
        headers: header === undefined ? {} : { authorization: `Bearer ${server.token(header)}` },
        protocols: protocol === undefined ? [] : ['bearer', server.token(protocol)],
      });
      return [(await feed.next('connected')).data.user_id, feed.of('open')[0].protocol];
    };
    expect(await whoIs(inQuery, inHeader, inProtocol)).toEqual([inQuery, 'bearer']);
    expect(await whoIs(undefined, inHeader, inProtocol)).toEqual([inHeader, 'bearer']);
    expect(await whoIs(undefined, undefined, inProtocol)).toEqual([inProtocol, 'bearer']);
    expect(await whoIs(inQuery, undefined, undefined)).toEqual([inQuery, '']);
  });

  test('"another origin is refused on the raw WebSocket"; a listed one, the own one and none are not', async () => {
    const strict = await startServer({ FRONTEND_URL: 'https://app.example.com' });
    try {
      const staff = await newStaff(strict);
      const token = { query: { token: strict.token(staff) } };
      expect(await feedClient(strict, { ...token, origin: 'https://evil.example.com' }).next('refused')).toEqual({ status: 403 });
      for (const origin of ['https://app.example.com', strict.url]) await following(strict, staff, { origin });
      await following(strict, staff);
    } finally {
      await strict.stop();
    }
  });

  test.each(['/api/ws/orders/', '/api/ws/ordersx', '/api/ws/orders/1', '/api/ws', '/', '/api/orders'])(
    'an unknown upgrade path is answered 404 at once: %s',
    async (path) => {
      const { port } = new URL(server.url);
      const answer = await new Promise<string>((resolve, reject) => {
        let text = '';
        const socket = connect(Number(port), '127.0.0.1', () =>
          socket.write(
            `GET ${path}?token=${server.token(clerk)} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
          ),
        );
        socket.on('data', (chunk) => (text += String(chunk)));
        socket.on('end', () => resolve(text));
        socket.on('error', reject);
      });
      expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    },
  );
});

describe('who is out again', () => {
  test('a token that expires: 4401 within 5 s of `exp`, and nothing more after that', async () => {
    const exp = Math.floor(Date.now() / 1000) + 2;
    const feed = await following(server, clerk, { query: { token: server.token(clerk, { exp }) } });
    expect(await feed.next('close')).toEqual(UNAUTHORIZED);
    expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
    expect(Date.now()).toBeLessThan(exp * 1000 + 5_000);
  });

  test.each<[string, object, (id: string) => Promise<unknown>]>([
    ['deleted: 4401', UNAUTHORIZED, (id) => server.api('DELETE', `/api/v2/users/${id}`, { key: true })],
    ['disabled: 4401', UNAUTHORIZED, (id) => server.createUser(id, { disabled: true })],
    ['whose role no longer suffices: 4403', FORBIDDEN, (id) => server.createUser(id, { role: 'user' })],
  ])('a user who is %s, on every screen, and nobody else', async (_, close, change) => {
    const id = await newStaff(server);
    const screens = [await following(server, id), await following(server, id)];
    const other = await following(server, clerk);
    await change(id);
    for (const screen of screens) expect(await screen.next('close')).toEqual(close);
    const { version } = await newOrder(server);
    await other.version(version);
    for (const screen of screens) expect(screen.created()).toEqual([]);
    expect((await following(server, clerk)).of('connected')[0].data.connections).toBe(2);
  });

  test('at once, even where the peer does not answer the close', async () => {
    const id = await newStaff(server);
    const screen = await following(server, id);
    screen.ws.pause();
    await server.createUser(id, { role: 'user' });
    const connections = async () => (await following(server, clerk)).of('connected')[0].data.connections as number;
    expect(await connections()).toBe(1);
    // After the time of grace.
    const online = async () => (await server.api('GET', `/api/v2/users/${id}`, { key: true, onBehalfOf: clerk })).body.online as boolean;
    await expect.poll(online, { timeout: 10_000 }).toBe(false);
  });

  test('one whose role is lost stays on Socket.IO', async () => {
    const id = await newStaff(server);
    const socket = await connected(server.url, '/', { token: server.token(id) });
    const screen = await following(server, id);
    await server.createUser(id, { role: 'user' });
    await screen.next('close');
    expect(await socket.ask('ping')).toEqual({ status: 'ok' });
  });

  test('another change of the user changes nothing', async () => {
    const id = await newStaff(server);
    const screen = await following(server, id);
    await server.createUser(id, { role: 'manager', name: 'Another' });
    const { version } = await newOrder(server);
    await screen.version(version);
  });

  test('Protocol-level ping every 30 s; a peer that misses two is closed', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const timed = await startServer();
    try {
      const staff = await newStaff(timed);
      const [well, silent, late] = [
        await following(timed, staff),
        await following(timed, staff, { autoPong: false }),
        await following(timed, staff, { autoPong: false }),
      ];
      const pings = { well: 0, silent: 0, late: 0 };
      well.ws.on('ping', () => pings.well++);
      silent.ws.on('ping', () => pings.silent++);
      // Misses one, and answers the next.
      late.ws.on('ping', () => ++pings.late % 2 === 0 && late.ws.pong());
      for (let minute = 1; minute <= 4; minute++) {
        vi.advanceTimersByTime(29_999);
        vi.advanceTimersByTime(1);
        await expect.poll(() => [pings.well, pings.late]).toEqual([minute, minute]);
        // What was answered has arrived.
        await well.barrier();
        await late.barrier();
        if (minute <= 2) await silent.barrier();
        else await silent.next('close');
      }
      expect(pings).toEqual({ well: 4, silent: 2, late: 4 });
      expect(silent.of('close')).toEqual([{ code: 1006, reason: '' }]);
    } finally {
      vi.useRealTimers();
      await timed.stop();
    }
  });

  test('a socket that does not read is cut off when `SOCKET_MAX_BUFFERED_BYTES` wait for it; the others are not', async () => {
    const tight = await startServer({ SOCKET_MAX_BUFFERED_BYTES: '16384' });
    try {
      const [stuck, well] = [await following(tight, await newStaff(tight)), await following(tight, await newStaff(tight))];
      stuck.ws.pause();
      const metric = async () => /^websocket_cut_off_total (\d+)$/m.exec((await tight.api('GET', '/metrics')).body)?.[1];
      let last = 0;
      for (let sent = 0; (await metric()) === '0'; sent++) {
        expect(sent).toBeLessThan(400);
        const orders = await Promise.all(Array.from({ length: 40 }, () => newOrder(tight, { customer_name: '😀'.repeat(200) })));
        last = orders.at(-1).version;
      }
      await well.version(last);
      stuck.ws.resume();
      await stuck.next('close');
      expect(await metric()).toBe('1');
    } finally {
      await tight.stop();
    }
  }, 60_000);

  test('and so is one that floods it with protocol-level pings and does not read their answers', async () => {
    const feed = await following(server, clerk);
    feed.ws.pause();
    const full = () => {
      for (let i = 0; i < 1_000; i++) feed.ws.ping('x'.repeat(125));
      return feed.ws.readyState;
    };
    await expect.poll(full).not.toBe(feed.ws.OPEN);
  });

  test('draining closes the transports, so that clients come back', async () => {
    const leaving = await startServer();
    const feed = await following(leaving, await newStaff(leaving));
    await leaving.stop();
    expect((await feed.next('close')).code).toBe(1001);
  });

  test('sockets are counted: `websocket_connections` by namespace', async () => {
    const metrics = async () => (await server.api('GET', '/metrics')).body as string;
    const feed = await following(server, clerk);
    expect(await metrics()).toContain('websocket_connections{namespace="/api/ws/orders"} 1');
    feed.close();
    await expect.poll(metrics).toContain('websocket_connections{namespace="/api/ws/orders"} 0');
  });
});
