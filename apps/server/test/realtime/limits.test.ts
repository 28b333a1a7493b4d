import { LIMITS } from '@majlis/contract';
import { describe, expect, test, vi } from 'vitest';
import { rawConnected, rawSocket } from '../support/raw-socket.ts';
import { freshId, type TestServer } from '../support/server.ts';
import { client, connected } from '../support/sockets.ts';
import { metric, startChat, startOwn } from './chat-server.ts';

const LIMITED = { code: 'RATE_LIMIT', message: 'Rate limit exceeded', details: { retry_after_ms: expect.any(Number) as number } };

describe('Per user, over all sockets, namespaces, nodes and REST writes: 100 writes in 60,000 ms, a sliding window', () => {
  test('two sockets and REST share them; over it `RATE_LIMIT`, nothing is processed, the socket stays; API keys never count', async () => {
    const { server, amal, bashir, path, text } = await startChat();
    const [phone, laptop] = await Promise.all([1, 2].map(() => connected(server.url, '/', { token: server.token(amal) })));
    const other = await connected(server.url, '/', { token: server.token(bashir) });
    const sent = [];
    for (let i = 0; i < 35; i++) {
      sent.push(phone!.ask('chat:message:send', text('phone')), laptop!.ask('chat:message:send', text('laptop')));
      if (i < 30)
        sent.push(server.api('POST', path, { as: amal, body: { type: 'text', content: 'rest' } }).then(({ status }) => ({ status })));
    }
    const statuses = (await Promise.all(sent)).map(({ status }) => status as unknown);
    expect(new Set(statuses)).toEqual(new Set(['sent', 201]));

    for (const socket of [phone!, laptop!]) {
      const answer = await socket.ask('chat:message:send', text('too many'));
      expect(answer).toMatchObject({ status: 'error', error: { ...LIMITED, event: 'chat:message:send' } });
      const { retry_after_ms: wait } = answer.error.details;
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThanOrEqual(60_000);
    }
    const refused = await server.api('POST', path, { as: amal, body: { type: 'text', content: 'too many' } });
    expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMIT' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);

    // Another user has all of theirs, the customer's backend has no limit, and neither is the user cut off from anything else.
    expect(await other.ask('chat:message:send', text('mine'))).toMatchObject({ status: 'sent', seq: 101 });
    for (let i = 0; i < 110; i++) {
      expect((await server.api('POST', path, { key: true, onBehalfOf: amal, body: { type: 'text', content: 'key' } })).status).toBe(201);
    }
    expect(await phone!.ask('ping')).toEqual({ status: 'ok' });
    const { body } = await server.api('GET', `${path}?limit=200`, { as: bashir });
    expect(body.data.filter(({ content }: { content: string }) => content === 'too many')).toEqual([]);
    expect(body.data.at(-1).seq).toBe(211);
  });

  test('`RATE_LIMIT_MAX_EVENTS`, `RATE_LIMIT_WINDOW_MS`: what `details.retry_after_ms` says is right', async () => {
    const { server, amal, text } = await startChat({ RATE_LIMIT_MAX_EVENTS: '2', RATE_LIMIT_WINDOW_MS: '1500' });
    const one = await connected(server.url, '/', { token: server.token(amal) });
    await one.ask('chat:message:send', text('1'));
    await one.ask('chat:message:send', text('2'));
    const { error } = await one.ask('chat:message:send', text('3'));
    expect(error).toMatchObject(LIMITED);
    const asked = performance.now();
    let answer;
    do answer = await one.ask('chat:message:send', text('3'));
    while (answer.status === 'error');
    expect(answer).toMatchObject({ status: 'sent', seq: 3 });
    // The clocks of the two are one; an event takes part of a millisecond to be counted.
    expect(performance.now() - asked).toBeGreaterThan(error.details.retry_after_ms - 50);
  });
});

describe('Typing, receipts, join, leave, sync, presence and reads have 600 of their own (`RATE_LIMIT_MAX_LIGHT`)', () => {
  test('they are counted together, REST reads too, and apart from writes', async () => {
    const { server, amal, chat_id, text } = await startChat();
    // Connecting is counted too: successful connections are limited per user.
    const one = await connected(server.url, '/', { token: server.token(amal) });
    const events: [string, object][] = [
      ['chat:join', { chat_id }],
      ['chat:leave', { chat_id }],
      ['chat:typing', { chat_id, is_typing: false }],
      ['sync', { cursors: {} }],
      ['chat:sync', { chats: {} }],
    ];
    const answers = [];
    for (let i = 0; i < 589; i++) answers.push(one.ask(...events[i % events.length]!));
    for (let i = 0; i < 10; i++) answers.push(server.api('GET', '/api/v2/me', { as: amal }).then(({ status }) => ({ status })));
    for (const answer of await Promise.all(answers)) expect(answer.status ?? 'ok').not.toBe('error');
    expect(await one.ask('sync', { cursors: {} })).toMatchObject({ status: 'error', error: { ...LIMITED, event: 'sync' } });
    expect((await server.api('GET', '/api/v2/me', { as: amal })).status).toBe(429);
    expect(await one.ask('chat:message:send', text('a write'))).toMatchObject({ status: 'sent' });
  });

  test('typing above it is dropped silently', async () => {
    const { server, amal, bashir, chat_id, text } = await startChat({ RATE_LIMIT_MAX_LIGHT: '5' });
    const [one, other] = await Promise.all([amal, bashir].map((user) => connected(server.url, '/', { token: server.token(user) })));
    for (let i = 0; i < 20; i++) one!.tell('chat:typing', { chat_id, is_typing: true });
    expect(await one!.ask('chat:typing', { chat_id, is_typing: true })).toEqual({ status: 'ok' });
    await one!.ask('chat:message:send', text('the barrier'));
    await other!.next('chat:message:new');
    expect(other!.of('chat:typing')).toHaveLength(4);
    expect(one!.of('error')).toEqual([]);
  });

  test('`ping`: 60', async () => {
    const { server, amal, text } = await startChat();
    const one = await connected(server.url, '/', { token: server.token(amal) });
    for (let i = 0; i < 60; i++) expect(await one.ask('ping')).toEqual({ status: 'ok' });
    expect(await one.ask('ping')).toMatchObject({ status: 'error', error: { ...LIMITED, event: 'ping' } });
    expect(one.of('pong')).toHaveLength(60);
    expect(await one.ask('chat:message:send', text('apart'))).toMatchObject({ status: 'sent' });
  });

  test.each<[string, (chat_id: string) => [string, unknown], string]>([
    ['unknown', () => ['nonsense', {}], 'UNKNOWN_EVENT'],
    ['refused', (chat_id) => ['chat:message:send', { chat_id, type: 'text', content: 7 }], 'INVALID_DATA'],
  ])('Refused and unknown events count against the light budget: %s', async (_, event, code) => {
    const { server, amal, chat_id } = await startChat({ RATE_LIMIT_MAX_LIGHT: '10' });
    const one = await connected(server.url, '/', { token: server.token(amal) });
    for (let i = 0; i < 9; i++) expect((await one.ask(...event(chat_id))).error.code).toBe(code);
    expect((await one.ask('sync', { cursors: {} })).error).toMatchObject(LIMITED);
  });

  test('successful connections are limited per user: the one too many hears `RATE_LIMIT`, and its transport is closed so that it comes back', async () => {
    const { server, amal } = await startChat({ RATE_LIMIT_MAX_LIGHT: '2' });
    await connected(server.url, '/', { token: server.token(amal) });
    await connected(server.url, '/', { token: server.token(amal) });
    const third = client(server.url, '/', { token: server.token(amal) });
    expect(await third.next('disconnect')).toMatch(/^transport/);
    expect(third.all.map(({ event }) => event)).toEqual(['connect', 'error', 'disconnect']);
    expect(third.of('error')[0]).toMatchObject(LIMITED);
  });
});

describe('the `error` event is sent at most once a second per socket', () => {
  test('however fast it is hammered, while each callback is called', async () => {
    const { server, amal, text } = await startChat({ RATE_LIMIT_MAX_EVENTS: '1' });
    const [one, another] = await Promise.all([1, 2].map(() => connected(server.url, '/', { token: server.token(amal) })));
    await one!.ask('chat:message:send', text('allowed'));
    const until = performance.now() + 1_300;
    let calls = 0;
    while (performance.now() < until) {
      for (let i = 0; i < 20; i++) one!.tell('chat:message:send', text('too many'));
      expect((await one!.ask('chat:message:send', text('too many'))).error).toMatchObject({ code: 'RATE_LIMIT' });
      calls++;
    }
    const told = one!.of('error').map(({ timestamp }) => Date.parse(timestamp));
    expect(calls).toBeGreaterThan(2);
    expect(told.length).toBeGreaterThanOrEqual(2);
    for (const [i, at] of told.entries()) if (i > 0) expect(at - told[i - 1]!).toBeGreaterThanOrEqual(999);
    await another!.ask('chat:message:send', text('too many'));
    expect(another!.of('error')).toHaveLength(1);
  });
});

describe('Failed authentications per address: 60 in 60,000 ms (`RATE_LIMIT_MAX_CONNECTS`, `0` = off), then HTTP 429 on the handshake', () => {
  const handshake = 'EIO=4&transport=websocket';
  const failAs = async (server: TestServer, address: string) => {
    const one = client(server.url, '/', { token: freshId('bad'), extraHeaders: { 'x-forwarded-for': address } });
    await one.next('disconnect');
    return one.all.map(({ event }) => event);
  };

  test('60 by default, and over both transports', async () => {
    const server = await startOwn({ TRUST_PROXY: '1' });
    const address = '192.0.2.1';
    const failures = await Promise.all(Array.from({ length: 60 }, () => failAs(server, address)));
    for (const events of failures) expect(events).toEqual(['connect', 'error', 'disconnect']);
    const refused = rawSocket(server.url, { headers: { 'x-forwarded-for': address } });
    const { status, headers } = await refused.next('refused');
    expect(status).toBe(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    const polling = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers: { 'x-forwarded-for': address } });
    expect(polling.status).toBe(429);
    expect(Number(polling.headers.get('retry-after'))).toBeGreaterThan(0);
    // A good token does not help from there, and another address has nothing to do with it.
    await server.createUser('amal');
    const good = rawSocket(server.url, { headers: { 'x-forwarded-for': address, authorization: `Bearer ${server.token('amal')}` } });
    expect((await good.next('refused')).status).toBe(429);
    await connected(server.url, '/', { token: server.token('amal'), extraHeaders: { 'x-forwarded-for': '192.0.2.2' } });
  });

  test.each([`${handshake}&sid=`, `${handshake}&sid=x&sid=`, `sid=&${handshake}`])(
    'a query that only looks like an open connection’s: %s',
    async (query) => {
      const server = await startOwn({ RATE_LIMIT_MAX_CONNECTS: '1', TRUST_PROXY: '1' });
      const headers = { 'x-forwarded-for': '192.0.2.1' };
      await failAs(server, '192.0.2.1');
      expect((await rawSocket(server.url, { headers, query }).next('refused')).status).toBe(429);
      expect((await fetch(`${server.url}/socket.io/?${query.replace('websocket', 'polling')}`, { headers })).status).toBe(429);
    },
  );

  test('connections that are open are not disturbed', async () => {
    const { server, amal } = await startChat({ RATE_LIMIT_MAX_CONNECTS: '1' });
    const sockets = await Promise.all(
      [['websocket'], ['polling'], ['polling', 'websocket']].map((transports) =>
        connected(server.url, '/', { token: server.token(amal), transports }),
      ),
    );
    await client(server.url, '/', { token: 'bad' }).next('disconnect');
    expect((await rawSocket(server.url).next('refused')).status).toBe(429);
    for (const socket of sockets) expect(await socket.ask('ping')).toEqual({ status: 'ok' });
  });

  test('one connection cannot try on past the limit', async () => {
    const server = await startOwn({ RATE_LIMIT_MAX_CONNECTS: '3' });
    const raw = rawSocket(server.url);
    await raw.next('open');
    for (let i = 0; i < 50; i++) raw.send(`40${JSON.stringify({ token: `guess ${i}` })}`);
    await raw.next('close');
    expect(raw.of('error').length).toBeLessThanOrEqual(3);
    expect((await rawSocket(server.url).next('refused')).status).toBe(429);
  });

  test('`0` = off', async () => {
    const server = await startOwn({ RATE_LIMIT_MAX_CONNECTS: '0' });
    for (const events of await Promise.all(Array.from({ length: 70 }, () => failAs(server, '')))) {
      expect(events).toEqual(['connect', 'error', 'disconnect']);
    }
  });

  test('A forwarded address is used only with `TRUST_PROXY`; seeing the header without it is warned of once', async () => {
    const server = await startOwn({ RATE_LIMIT_MAX_CONNECTS: '2' });
    await failAs(server, '192.0.2.1');
    await failAs(server, '192.0.2.2');
    expect((await rawSocket(server.url, { headers: { 'x-forwarded-for': '192.0.2.3' } }).next('refused')).status).toBe(429);
    expect(server.logs().filter(({ level, msg }) => level === 'warn' && msg?.includes('TRUST_PROXY'))).toHaveLength(1);
  });
});

describe('A frame over 1 MiB, or 45 s without joining a namespace, ends the connection', () => {
  test('a WebSocket frame, and not one of exactly 1 MiB', async () => {
    const { server, amal } = await startChat();
    const raw = await rawConnected(server.url, { token: server.token(amal) });
    const head = '42["ping","';
    raw.send(`${head}${'x'.repeat(LIMITS.frameBytes - head.length - 2)}"]`);
    await raw.next('pong');
    raw.send(`${head}${'x'.repeat(LIMITS.frameBytes - head.length - 1)}"]`);
    expect(await raw.next('close')).toBe(1009);
  });

  test('fragments are counted together', async () => {
    const { server, amal } = await startChat();
    const raw = await rawConnected(server.url, { token: server.token(amal) });
    for (let i = 0; i < 9; i++) raw.ws.send('x'.repeat(131_072), { fin: false });
    expect(await raw.next('close')).toBe(1009);
  });

  test('what is small on the wire and large in truth', async () => {
    const { server, amal } = await startChat();
    const raw = await rawConnected(server.url, { token: server.token(amal) }, { perMessageDeflate: true });
    raw.send(`42["ping","${'x'.repeat(2 * LIMITS.frameBytes)}"]`);
    expect(await raw.next('close')).toBe(1009);
  });

  test('a polling client’s POST', async () => {
    const server = await startOwn();
    const polling = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(polling)).text()).slice(1)) as { sid: string };
    const post = (length: number) =>
      fetch(`${polling}&sid=${sid}`, { method: 'POST', body: `4${'x'.repeat(length - 1)}` }).catch(() => undefined);
    await post(LIMITS.frameBytes + 1);
    await vi.waitUntil(async () => (await fetch(`${polling}&sid=${sid}`)).status === 400);
  });
});

describe('JSON nested deeper than 32 levels is `INVALID_DATA`', () => {
  const nested = (levels: number) => `${'{"a":['.repeat(levels / 2)}0${']}'.repeat(levels / 2)}`;

  test('32 levels are not, 33 and 100,000 are', async () => {
    const { server, amal, bashir, text } = await startChat();
    const one = await rawConnected(server.url, { token: server.token(amal) });
    const other = await connected(server.url, '/', { token: server.token(bashir) });
    // The payload is the first level, `metadata` the second.
    const send = (id: number, content: string, metadata: string) =>
      one.send(`42${id}["chat:message:send",${JSON.stringify(text(content)).slice(0, -1)},"metadata":{"m":${metadata}}}]`);
    send(30, 'deep', nested(30));
    expect(await one.next('ack', ([id]) => id === 30)).toMatchObject([30, { status: 'sent' }]);
    for (const levels of [32, 5_000, 100_000]) {
      send(levels, 'too deep', nested(levels));
      const [, answer] = await one.next('ack', ([id]) => id === levels);
      expect(answer.error).toMatchObject({ code: 'INVALID_DATA', details: { problem: 'is nested deeper than 32 levels' } });
      expect(answer.error.details.field).toMatch(/^metadata\.m\./);
    }
    one.send(`42["ping",${'['.repeat(500_000)}${']'.repeat(500_000)}]`);
    expect(await one.next('error', ({ event }) => event === 'ping')).toMatchObject({ code: 'INVALID_DATA' });
    await one.ask('chat:message:send', text('the barrier'));
    const { metadata } = await other.next('chat:message:new', ({ content }) => content === 'deep');
    expect(metadata).toEqual({ m: JSON.parse(nested(30)) });
    await other.next('chat:message:new', ({ content }) => content === 'the barrier');
    expect(other.of('chat:message:new')).toHaveLength(2);
  });
});

describe('A socket that does not read is cut off when 1 MiB waits for it (`SOCKET_MAX_BUFFERED_BYTES`); it catches up with `sync`', () => {
  test.each([
    ['a WebSocket', async (server: TestServer, token: string) => rawConnected(server.url, { token })],
    [
      'a WebSocket that negotiated compression',
      async (server: TestServer, token: string) => rawConnected(server.url, { token }, { perMessageDeflate: true }),
    ],
  ])('%s', async (_, connect) => {
    const { server, amal, bashir, chat_id, text } = await startChat({
      SOCKET_MAX_BUFFERED_BYTES: '65536',
      RATE_LIMIT_MAX_EVENTS: '100000',
      RATE_LIMIT_MAX_LIGHT: '100000',
    });
    const token = server.token(bashir);
    const slow = await connect(server, token);
    const quick = await connected(server.url, '/', { token: server.token(bashir) });
    const sender = await connected(server.url, '/', { token: server.token(amal) });
    slow.freeze();
    let sent = 0;
    // What the two kernels hold for a peer differs from machine to machine, so messages are sent until the server has had enough.
    while ((await metric(server, 'websocket_cut_off_total')) === 0) {
      const noise = () => Array.from({ length: 4_000 }, () => String.fromCharCode(0x4e00 + Math.random() * 20_000)).join('');
      await Promise.all(Array.from({ length: 50 }, () => sender.ask('chat:message:send', text(noise()))));
      sent += 50;
      expect(sent).toBeLessThan(5_000);
    }
    // Nobody else was held up, and the memory of the slow one is free.
    await quick.count('chat:message:new', sent);
    slow.thaw();
    await slow.next('close');
    const seen = slow.of('chat:message:new').map(({ version }) => version as number);
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i + seen[0]!));
    expect(seen.length).toBeLessThan(sent);

    const back = await connected(server.url, '/', { token });
    expect(await back.next('sync:required')).toMatchObject({ reason: 'reconnection' });
    const stream = `chat:${chat_id}`;
    let version = seen.at(-1) ?? 0;
    for (let more = true; more;) {
      const page = (await back.ask('sync', { cursors: { [stream]: version } })).streams[stream];
      for (const event of page.events) seen.push(event.version);
      ({ version, has_more: more } = page);
    }
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => i + seen[0]!));
    expect(seen.at(-1)).toBe(quick.of('chat:message:new').at(-1).version);
  });

  test('a polling client that asks no more', async () => {
    const { server, amal, bashir, text } = await startChat({ SOCKET_MAX_BUFFERED_BYTES: '65536', RATE_LIMIT_MAX_EVENTS: '100000' });
    const polling = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(polling)).text()).slice(1)) as { sid: string };
    await fetch(`${polling}&sid=${sid}`, { method: 'POST', body: `40${JSON.stringify({ token: server.token(bashir) })}` });
    const sender = await connected(server.url, '/', { token: server.token(amal) });
    for (let sent = 0; (await metric(server, 'websocket_cut_off_total')) === 0; sent++) {
      await sender.ask('chat:message:send', text('x'.repeat(4_000)));
      expect(sent).toBeLessThan(40);
    }
    expect((await fetch(`${polling}&sid=${sid}`)).status).toBe(400);
    expect(await sender.ask('ping')).toEqual({ status: 'ok' });
  });
});
