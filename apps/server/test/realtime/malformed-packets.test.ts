import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UNLIMITED } from '../support/chats.ts';
import { seededRandom, type Random } from '../support/random.ts';
import { rawConnected, rawSocket } from '../support/raw-socket.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { connected, type Client } from '../support/sockets.ts';
import { expectUndisturbed, makeChat, metric, stopQuietly, type Chat } from './chat-server.ts';

let server: TestServer;
let chat: Chat;
beforeAll(async () => {
  server = await startServer({ ...UNLIMITED, RATE_LIMIT_MAX_CONNECTS: '0' });
  chat = await makeChat(server);
});
afterAll(() => stopQuietly(server));

/** Another's connection, which is to notice nothing of all this. */
let witness: Client;
beforeEach(async () => {
  witness = await connected(server.url, '/', { token: server.token(chat.bashir) });
});
afterEach(() => expectUndisturbed(witness, chat));

const connect = () => rawConnected(server.url, { token: server.token(chat.amal) });
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('a packet that cannot be read ends its connection', () => {
  test.each<[string, (string | Buffer)[]]>([
    ['JSON that breaks off', ['42{']],
    ['a list that breaks off', ['42["a"']],
    ['an empty list', ['42[]']],
    ['an object for a list', ['42{"event":"ping"}']],
    ['a text for a list', ['42"ping"']],
    ['a name that is a list', ['42[["ping"]]']],
    ['a name that is null', ['42[null]']],
    ['an id without a list', ['4217x']],
    ['an Engine.IO packet of no type', ['99']],
    ['an empty frame', ['']],
    ['a message without a packet', ['4']],
    ['a Socket.IO packet of no type', ['47']],
    ['a letter for a type', ['4x["ping"]']],
    ['a heartbeat in the wrong direction', ['2']],
    ['a second CONNECT', ['40{}']],
    ['a CONNECT that is a list', ['40[]']],
    ['a CONNECT_ERROR, which only servers send', ['44{"message":"x"}']],
    ['a DISCONNECT with a payload', ['41{}']],
    ['an acknowledgement that is no list', ['430{}']],
    ['a namespace that was not joined', ['42/nowhere,["ping"]']],
    ['a namespace of a million characters', [`42/${'x'.repeat(1_000_000)},["ping"]`]],
    ['binary without a packet before it', [Buffer.from('x')]],
    ['base64 without a packet before it', ['bAAAA']],
    ['attachments that never come', ['451-["ping",{"_placeholder":true,"num":0}]', '42["ping"]']],
    ['no attachments in a binary packet', ['450-["ping"]']],
    ['too many attachments', ['4511-["ping"]']],
    ['attachments that are no number', ['45x-["ping"]']],
    ['attachments without a dash', ['451["ping"]']],
    ['a placeholder beyond the attachments', ['451-["ping",{"_placeholder":true,"num":9}]', Buffer.from('x')]],
    ['attachments of a packet nested 100,000 deep', [`451-["ping",${nested(100_000)}]`, Buffer.from('x')]],
    ['close', ['1']],
    ['another open packet', ['0{"sid":"x"}']],
    ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'].map((name): [string, string[]] => [
      `Socket.IO’s own name ${name}`,
      [`42["${name}",{}]`],
    ]),
  ])('%s', async (_, packets) => {
    const raw = await connect();
    for (const packet of packets) raw.send(packet);
    // An open or a close packet is nobody's business on a WebSocket; what follows tells.
    if (packets[0] === '1' || String(packets[0]).startsWith('0')) raw.send('x');
    await raw.next('close');
    expect(raw.of('error')).toEqual([]);
  });

  test('text that is not UTF-8', async () => {
    const raw = await connect();
    raw.ws.send(Buffer.from([0x34, 0x32, 0xff, 0xfe]), { binary: false });
    expect(await raw.next('close')).toBe(1007);
  });

  test('a frame that is not masked, and one of no kind', async () => {
    for (const bytes of [
      [0x81, 0x01, 0x34],
      [0x8f, 0x80, 0, 0, 0, 0],
      [0xf1, 0x80, 0, 0, 0, 0],
    ]) {
      const raw = await connect();
      (raw.ws as unknown as { _socket: { write(data: Buffer): void } })._socket.write(Buffer.from(bytes));
      expect(await raw.next('close')).toBe(1002);
    }
  });

  test('events before CONNECT, and instead of it', async () => {
    for (const packet of ['42["ping"]', '420["ping"]', '430[]', '41']) {
      const raw = rawSocket(server.url);
      await raw.next('open');
      raw.send(packet);
      raw.send(`40${JSON.stringify({ token: server.token(chat.amal) })}`);
      await raw.next('close');
      expect(raw.all.map(({ event }) => event)).toEqual(['open', 'packet', 'close']);
    }
  });

  test('two CONNECTs in one breath leave nothing behind', async () => {
    const before = await metric(server, 'websocket_connections{namespace="/"}');
    const raw = rawSocket(server.url);
    await raw.next('open');
    for (let i = 0; i < 2; i++) raw.send(`40${JSON.stringify({ token: server.token(chat.amal) })}`);
    await raw.next('connected');
    await raw.ask('chat:join', { chat_id: chat.chat_id });
    raw.close();
    await expect.poll(() => metric(server, 'websocket_connections{namespace="/"}')).toBe(before);
  });

  test('a namespace that does not exist is refused, and the connection stays', async () => {
    const raw = await connect();
    for (const name of ['/nowhere', '/__proto__', '/constructor', '/%00', `/${'x'.repeat(1_000)}`]) {
      raw.send(`40${name},{"token":"x"}`);
      expect(await raw.next('packet', (packet) => packet.startsWith(`44${name},`))).toBe(`44${name},{"message":"Invalid namespace"}`);
    }
    expect(await raw.ask('ping')).toEqual([{ status: 'ok' }]);
  });
});

describe('what can be read and means nothing is answered, and the socket stays', () => {
  test.each<[string, string, string]>([
    ['a number for a name', '421[1,{}]', 'UNKNOWN_EVENT'],
    ['a number that is not whole', '421[1.5]', 'UNKNOWN_EVENT'],
    ['the name `error`', '421["error",{}]', 'UNKNOWN_EVENT'],
    ['a name that the server sends', '421["connected",{}]', 'UNKNOWN_EVENT'],
    ['a message that the server sends', '421["chat:message:new",{}]', 'UNKNOWN_EVENT'],
    ['no data at all', '421', 'UNKNOWN_EVENT'],
    ['nested 100,000 deep', `421["chat:join",${nested(100_000)}]`, 'INVALID_DATA'],
    ['duplicate keys, of which the last counts', '421["chat:join",{"chat_id":7,"chat_id":null}]', 'INVALID_DATA'],
    ['a hundred thousand arguments', `421["chat:join",7${',7'.repeat(100_000)}]`, 'INVALID_DATA'],
  ])('%s', async (_, packet, code) => {
    const raw = await connect();
    raw.send(packet);
    const [id, answer] = await raw.next('ack');
    expect({ id, status: answer.status, code: answer.error.code }).toEqual({ id: 1, status: 'error', code });
    expect(await raw.next('error')).toEqual(answer.error);
    expect(await raw.ask('ping')).toEqual([{ status: 'ok' }]);
  });

  test.each(['43', '430[]', '43999["x"]', '6', '3', '461-["x"]'])('%s is for nobody, and ignored', async (packet) => {
    const raw = await connect();
    raw.send(packet);
    if (packet.startsWith('46')) raw.send(Buffer.from('x'));
    expect(await raw.ask('ping')).toEqual([{ status: 'ok' }]);
    expect(raw.of('error')).toEqual([]);
  });

  test('acknowledgement ids as large as they come', async () => {
    const raw = await connect();
    for (const id of [0, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
      raw.send(`42${id}["chat:join",{}]`);
      await raw.next('ack', (ack) => ack[0] === id);
    }
    // One that no number can hold is the client's own loss.
    raw.send(`42${'9'.repeat(400)}["chat:join",{}]`);
    expect(await raw.ask('ping')).toEqual([{ status: 'ok' }]);
  });

  test('one id for many questions: each is answered', async () => {
    const raw = await connect();
    for (let i = 0; i < 5; i++) raw.send('423["chat:join",{}]');
    await raw.count('ack', 5);
  });
});

describe('over long-polling', () => {
  const polling = () => `${server.url}/socket.io/?EIO=4&transport=polling`;
  const open = async () => {
    const { sid } = JSON.parse((await (await fetch(polling())).text()).slice(1)) as { sid: string };
    const url = `${polling()}&sid=${sid}`;
    await fetch(url, { method: 'POST', body: `40${JSON.stringify({ token: server.token(chat.amal) })}` });
    return url;
  };

  test.each(['42{', '\x1e\x1e\x1e', '99', '', '42["ping"]\x1e42{', 'b!!!!', '4'.repeat(1_000)])('%j ends the connection', async (body) => {
    const url = await open();
    await fetch(url, { method: 'POST', body }).catch(() => undefined);
    let status;
    do ({ status } = await fetch(url));
    while (status === 200);
    expect(status).toBe(400);
  });

  test.each<[string, (url: string) => Promise<Response>, number]>([
    ['an unknown sid', (url) => fetch(`${url}x`), 400],
    ['no transport', () => fetch(`${server.url}/socket.io/?EIO=4`), 400],
    ['a transport of no name', () => fetch(`${server.url}/socket.io/?EIO=4&transport=__proto__`), 400],
    ['another method', () => fetch(polling(), { method: 'DELETE' }), 400],
    ['a POST that opens', () => fetch(polling(), { method: 'POST', body: '40' }), 400],
    ['binary', (url) => fetch(url, { method: 'POST', body: 'x', headers: { 'content-type': 'application/octet-stream' } }), 400],
  ])('%s is refused', async (_, ask, status) => {
    const url = await open();
    expect((await ask(url)).status).toBe(status);
    await fetch(url, { method: 'POST', body: '1' }).catch(() => undefined);
  });

  test('two requests at once that each want the answer end the connection', async () => {
    const url = await open();
    while (!(await (await fetch(url)).text()).includes('sync:required'));
    const statuses = (await Promise.all([fetch(url), fetch(url)])).map(({ status }) => status);
    expect(statuses).toContain(400);
  });
});

describe('whatever is sent', () => {
  const random = seededRandom();

  test(`thousands of packets, good, bent and made up (SEED=${random.seed})`, { timeout: 60_000 }, async () => {
    const CONNECTIONS = 200;
    const PACKETS = 60;
    for (let i = 0; i < CONNECTIONS; i++) {
      const raw = await connect();
      for (let j = 0; j < PACKETS && raw.of('close').length === 0; j++) raw.send(anyPacket(random, chat));
      raw.send('4299999["chat:join",{}]');
      await raw.until(
        () => raw.of('close').length > 0 || raw.of('ack').some(([id]) => id === 99_999) || undefined,
        `an end, SEED=${random.seed}`,
      );
      for (const { event, arguments: count } of raw.all) if (event !== 'packet' && event !== 'ack') expect(count).toBe(1);
      for (const [, answer, ...more] of raw.of('ack')) expect([typeof answer, more]).toEqual(['object', []]);
      for (const { code } of raw.of('error')) expect(code).not.toBe('SOCKET_ERROR');
      raw.close();
    }
    await expectUndisturbed(witness, chat);
  });
});

const VALUES = [
  'null',
  'true',
  '0',
  '-1',
  '1e400',
  '7.5',
  '""',
  '"x"',
  '"\\u0000"',
  '"\\ud800"',
  '[]',
  '{}',
  '[[]]',
  '{"__proto__":{}}',
  '{"_placeholder":true,"num":0}',
  '"مرحبا"',
];
const NAMES = [
  'chat:join',
  'chat:leave',
  'chat:message:send',
  'chat:typing',
  'chat:message:read',
  'chat:message:edit',
  'chat:message:delete',
  'chat:message:react',
  'chat:sync',
  'sync',
  'auth:refresh',
  'ping',
  'error',
  'nonsense',
];
const KEYS = [
  'chat_id',
  'message_id',
  'type',
  'content',
  'metadata',
  'client_message_id',
  'reply_to',
  'is_typing',
  'emoji',
  'on',
  'chats',
  'cursors',
  'token',
  'width',
  '__proto__',
];

/** JSON of the shapes that the contract knows, with anything in them. */
function anyJson(random: Random, { chat_id }: Chat, depth = 0): string {
  const pick = (list: readonly string[]) => list[random.below(list.length)]!;
  const kind = random.below(10);
  if (kind < 2) return `"${chat_id}"`;
  if (kind < 6 || depth > 3) return pick(VALUES);
  const items = Array.from({ length: random.below(6) }, () => anyJson(random, { chat_id } as Chat, depth + 1));
  return kind === 6 ? `[${items.join()}]` : `{${items.map((item) => `"${pick(KEYS)}":${item}`).join()}}`;
}

function anyPacket(random: Random, of: Chat): string | Buffer {
  const name = NAMES[random.below(NAMES.length)]!;
  const good = `42${random.below(2) ? random.below(1_000) : ''}["${name}",${anyJson(random, of)}]`;
  const at = () => random.below(good.length + 1);
  switch (random.below(100)) {
    case 0:
      return good.slice(0, at());
    case 1:
      return good.slice(at());
    case 2:
      return good.slice(0, at()) + String.fromCharCode(random.below(0xd800)) + good.slice(at());
    case 3:
      return `4${random.below(10)}${good.slice(2)}`;
    case 4:
      return `45${random.below(4)}-${good.slice(2)}`;
    case 5:
      return Buffer.from(Array.from({ length: random.below(50) }, () => random.below(256)));
    case 6:
      return `${random.below(10)}${good.slice(1)}`;
    case 7:
      return `42/${NAMES[random.below(NAMES.length)]!},${good.slice(2)}`;
    default:
      return good;
  }
}
