import { LIMITS, v2 } from '@majlis/contract';
import { describe, expect, test } from 'vitest';
import { rawConnected, rawSocket } from '../support/raw-socket.ts';
import { freshId } from '../support/server.ts';
import { client, connected, type Client } from '../support/sockets.ts';
import { startChat, startOwn, type Chat } from './chat-server.ts';

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('On all Socket.IO namespaces: `pingTimeout` 60,000, `pingInterval` 25,000', () => {
  test.each(['websocket', 'polling'])('as the open packet says over %s', async (transport) => {
    const server = await startOwn();
    const open =
      transport === 'polling'
        ? await (await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`)).text()
        : ((await rawSocket(server.url).next('packet')) as string);
    expect(open[0]).toBe('0');
    expect(JSON.parse(open.slice(1))).toEqual({
      sid: expect.any(String),
      upgrades: transport === 'polling' ? ['websocket'] : [],
      pingInterval: 25_000,
      pingTimeout: 60_000,
      maxPayload: LIMITS.frameBytes,
    });
    if (transport === 'polling') {
      const sid = (JSON.parse(open.slice(1)) as { sid: string }).sid;
      await fetch(`${server.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: '1' });
    }
  });

  test.each(['websocket', 'polling'])('protocol 3 is refused over %s', async (transport) => {
    const server = await startOwn();
    const query = `EIO=3&transport=${transport}`;
    if (transport === 'polling') {
      const answer = await fetch(`${server.url}/socket.io/?${query}`);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ message: 'Unsupported protocol version' });
    } else {
      const raw = rawSocket(server.url, { query });
      await raw.next('close');
      expect(raw.of('packet')).toEqual([]);
    }
  });
});

describe('Origins: `FRONTEND_URL` and `CLIENT_URL` together', () => {
  const settings = { FRONTEND_URL: 'https://app.test,https://admin.test', CLIENT_URL: 'capacitor://localhost' };
  const poll = (url: string, origin: string | undefined, init: { method?: string; headers?: Record<string, string> } = {}) =>
    fetch(`${url}/socket.io/?EIO=4&transport=polling`, { ...init, headers: { ...(origin && { origin }), ...init.headers } });
  const leave = async (url: string, answer: Response) => {
    const { sid } = JSON.parse((await answer.text()).slice(1)) as { sid: string };
    await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: '1' });
  };

  test.each(['https://app.test', 'https://admin.test', 'capacitor://localhost'])(
    '%s, credentials allowed, over both transports',
    async (origin) => {
      const { url } = await startOwn(settings);
      await rawSocket(url, { origin }).next('packet');
      const answer = await poll(url, origin);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
      expect(answer.headers.get('vary')).toMatch(/origin/i);
      await leave(url, answer);
      const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
      const preflight = await poll(url, origin, { method: 'OPTIONS', headers: asked });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
      expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
      expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
    },
  );

  test.each(['https://evil.test', 'https://app.test.evil.test', 'http://app.test', 'null'])(
    'another origin is refused on polling and Socket.IO WebSocket alike: %s',
    async (origin) => {
      const { url } = await startOwn(settings);
      expect((await rawSocket(url, { origin }).next('refused')).status).toBe(403);
      const answer = await poll(url, origin);
      expect(answer.status).toBe(403);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect((await poll(url, origin, { method: 'OPTIONS' })).status).toBe(403);
    },
  );

  test('neither on a connection that is open: not its packets, not its upgrade', async () => {
    const { url } = await startOwn(settings);
    const answer = await poll(url, 'https://app.test');
    const { sid } = JSON.parse((await answer.text()).slice(1)) as { sid: string };
    const theirs = { headers: { origin: 'https://evil.test' } };
    expect((await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, theirs)).status).toBe(403);
    expect((await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { ...theirs, method: 'POST', body: '40' })).status).toBe(
      403,
    );
    const upgrade = rawSocket(url, { origin: 'https://evil.test', query: `EIO=4&transport=websocket&sid=${sid}` });
    expect((await upgrade.next('refused')).status).toBe(403);
    await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: '1' });
  });

  test('no `Origin` header: allowed; the server’s own origin: always', async () => {
    const { url } = await startOwn(settings);
    await rawSocket(url).next('packet');
    await rawSocket(url, { origin: url }).next('packet');
    for (const origin of [undefined, url]) {
      const answer = await poll(url, origin);
      expect(answer.status).toBe(200);
      await leave(url, answer);
    }
  });

  test('neither variable set: any origin, without credentials', async () => {
    const { url } = await startOwn();
    await rawSocket(url, { origin: 'https://anywhere.test' }).next('packet');
    const answer = await poll(url, 'https://anywhere.test');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    await leave(url, answer);
  });
});

describe('per-message deflate from 1,024 bytes at level 6 for clients that offer it', () => {
  const sent = async (chat: Chat, contents: string[], metadata: object = {}) => {
    const sender = await connected(chat.server.url, '/', { token: chat.server.token(chat.amal) });
    await Promise.all(contents.map((content) => sender.ask('chat:message:send', { ...chat.text(content), metadata })));
  };

  test('from 1,024 bytes on compressed, below it not, and in their order', async () => {
    const chat = await startChat();
    const raw = await rawConnected(chat.server.url, { token: chat.server.token(chat.bashir) }, { perMessageDeflate: true });
    expect(raw.ws.extensions).toContain('permessage-deflate');
    // Ten first, so that `seq` and `version` have two digits in all that is measured.
    const tiny = upTo(10).map(() => 'x');
    await sent(chat, tiny);
    const others = Buffer.byteLength(await raw.next('packet', (packet) => packet.includes('"seq":10,'))) - 1;
    const around = upTo(20).map((i) => 'x'.repeat(1_024 - others - 10 + i));
    const contents = [...tiny, ...around, ...upTo(40).map((i) => `${i} ${'مرحبا hello привет '.repeat(i % 2 ? 1 : 150)}`)];
    await sent(chat, contents.slice(tiny.length));
    await raw.count('chat:message:new', contents.length);
    expect(raw.of('chat:message:new').map(({ content }) => content as string)).toEqual(contents);

    const packets: string[] = raw.of('packet');
    const frames = raw.frames();
    expect(frames).toHaveLength(packets.length);
    const sizes = packets.map((packet) => Buffer.byteLength(packet));
    expect(sizes).toEqual(expect.arrayContaining([1_023, 1_024]));
    for (const [i, { compressed, bytes }] of frames.entries()) {
      expect({ size: sizes[i], compressed }).toEqual({ size: sizes[i], compressed: sizes[i]! >= 1_024 });
      if (compressed) expect(bytes).toBeLessThan(sizes[i]! / 2);
      else expect(bytes).toBe(sizes[i]);
    }
  });

  test('an acknowledgement of its own likewise', async () => {
    const chat = await startChat();
    await sent(chat, ['x'.repeat(4_000)]);
    const raw = await rawConnected(chat.server.url, { token: chat.server.token(chat.bashir) }, { perMessageDeflate: true });
    const [{ chats }] = await raw.ask('chat:sync', { chats: { [chat.chat_id]: 0 } });
    expect(chats[chat.chat_id].messages[0].content).toBe('x'.repeat(4_000));
    // Somebody else may come online meanwhile: that is small.
    expect(raw.frames().filter(({ compressed }) => compressed)).toHaveLength(1);
  });

  test('a client that does not offer it gets nothing compressed', async () => {
    const chat = await startChat();
    const raw = await rawConnected(chat.server.url, { token: chat.server.token(chat.bashir) });
    const content = 'x'.repeat(4_000);
    await sent(chat, [content]);
    expect((await raw.next('chat:message:new')).content).toBe(content);
    expect(raw.frames().filter(({ compressed }) => compressed)).toEqual([]);
  });

  test.each([
    ['a small window', { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }],
    ['no context takeover', { serverNoContextTakeover: true, clientNoContextTakeover: true }],
  ])('a client that offers it with %s understands everything', async (_, perMessageDeflate) => {
    const chat = await startChat();
    const raw = await rawConnected(chat.server.url, { token: chat.server.token(chat.bashir) }, { perMessageDeflate });
    // What repeats only at a distance is found by a large window alone, and then not understood by a small one.
    const random = upTo(4_000)
      .map(() => String.fromCharCode(33 + Math.random() * 90))
      .join('');
    await sent(
      chat,
      upTo(20).map((i) => `${i} ${random.slice(0, 4_000)}`),
      { again: random },
    );
    await raw.until(() => (raw.of('chat:message:new').length === 20 || raw.of('close').length > 0 ? true : undefined), '20 messages');
    expect(raw.of('chat:message:new').map(({ content }) => content as string)).toEqual(
      upTo(20).map((i) => `${i} ${random.slice(0, 4_000)}`),
    );
  });
});

describe('Every socket gets a stream’s events in `version` order, each once', () => {
  const COUNT = 600;

  /** Sends from two sides at once, now and then a large one, and returns when all are acknowledged. */
  async function load(senders: readonly Client[], { text }: Chat, from = 0): Promise<void> {
    const content = (i: number) => `${i} ${i % 50 === 0 ? 'large '.repeat(600) : ''}`;
    await Promise.all(upTo(COUNT).map((i) => senders[i % senders.length]!.ask('chat:message:send', text(content(from + i)))));
  }

  const connectTo = ({ server }: Chat, user: string, options: object = {}) =>
    connected(server.url, '/', { token: server.token(user), ...options });
  const versions = (one: Client) => one.of('chat:message:new').map(({ version }) => version as number);

  test.each<[string, object]>([
    ['long-polling clients', { transports: ['polling'] }],
    ['WebSocket clients', { transports: ['websocket'] }],
    ['WebSocket clients with compression', { transports: ['websocket'], perMessageDeflate: {} }],
  ])('%s', async (_, options) => {
    const chat = await startChat({ RATE_LIMIT_MAX_EVENTS: '100000', RATE_LIMIT_MAX_LIGHT: '100000' });
    const receivers = await Promise.all([chat.bashir, chat.amal].map((user) => connectTo(chat, user, options)));
    await load(receivers, chat);
    for (const one of receivers) {
      await one.count('chat:message:new', COUNT);
      expect(versions(one)).toEqual(upTo(COUNT));
    }
  });

  test('clients that upgrade from polling to WebSocket in the middle of it', async () => {
    const chat = await startChat({ RATE_LIMIT_MAX_EVENTS: '100000', RATE_LIMIT_MAX_LIGHT: '100000' });
    const senders = await Promise.all([chat.amal, chat.bashir].map((user) => connectTo(chat, user)));
    const upgrading: Client[] = [];
    let upgrades = 0;
    const begun = load(senders, chat);
    for (let i = 0; i < 6; i++) {
      const one = client(chat.server.url, '/', {
        token: chat.server.token(i % 2 ? chat.amal : chat.bashir, { jti: freshId() }),
        transports: ['polling', 'websocket'],
        ...(i % 3 && { perMessageDeflate: { threshold: 1_024 } }),
      });
      one.socket.io.engine.once('upgrade', () => upgrades++);
      upgrading.push(one);
    }
    await Promise.all(upgrading.map((one) => one.next('sync:required')));
    await begun;
    const rounds = [COUNT];
    // On until each has upgraded under load.
    while (upgrades < upgrading.length) {
      await load(senders, chat, COUNT * rounds.length);
      rounds.push(COUNT);
    }
    const last = COUNT * rounds.length;
    for (const one of upgrading) {
      expect(one.socket.io.engine.transport.name).toBe('websocket');
      await one.next('chat:message:new', ({ version }) => version === last);
      const seen = versions(one);
      expect(seen).toEqual(upTo(seen.length).map((i) => i + last - seen.length));
      expect(one.of('disconnect')).toEqual([]);
    }
  });

  test('what was sent before a client has polled waits for it, in order', async () => {
    const chat = await startChat();
    const polling = `${chat.server.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(polling)).text()).slice(1)) as { sid: string };
    await fetch(`${polling}&sid=${sid}`, { method: 'POST', body: `40${JSON.stringify({ token: chat.server.token(chat.bashir) })}` });
    const sender = await connectTo(chat, chat.amal);
    expect(await sender.ask('chat:message:send', chat.text('hello'))).toMatchObject({ seq: 1 });
    let packets: string[] = [];
    while (!packets.some((packet) => packet.includes(v2.serverEvents.messageNew.name))) {
      packets = [...packets, ...(await (await fetch(`${polling}&sid=${sid}`)).text()).split('\x1e')];
    }
    const order = packets.map((packet) => /^42\["([^"]+)/.exec(packet)?.[1] ?? packet.slice(0, 2));
    expect(order).toEqual(['40', 'connected', 'sync:required', 'chat:message:new']);
    await fetch(`${polling}&sid=${sid}`, { method: 'POST', body: '1' });
  });
});
