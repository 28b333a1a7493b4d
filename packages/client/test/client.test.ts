import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startServer, type TestServer } from '../../../apps/server/test/support/server.ts';
import { startTcpProxy, type TcpProxy } from '../../../apps/server/test/support/tcp-proxy.ts';
import { MajlisError, type Chat, type Storage, type TokenRequest } from '../src/index.ts';
import { startDeafProxy } from './support/deaf-proxy.ts';
import { connectedSdk, contents, messages, pair, sdk } from './support/sdk.ts';

let server: TestServer;
let proxy: TcpProxy;
/** The server by way of the proxy. */
let url: string;

beforeAll(async () => {
  server = await startServer({ RATE_LIMIT_MAX_EVENTS: '100000', RATE_LIMIT_MAX_LIGHT: '100000' });
  proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
  url = `http://127.0.0.1:${proxy.port}`;
});
afterAll(async () => {
  await proxy.close();
  await server.stop();
});

const numbered = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => `${from + at}`);

async function sendByRest(chatId: string, as: string, texts: string[]): Promise<void> {
  for (const content of texts) {
    const { status } = await server.api('POST', `/api/v2/chats/${chatId}/messages`, { as, body: { type: 'text', content } });
    expect(status).toBe(201);
  }
}

async function history(chatId: string, as: string): Promise<string[]> {
  const { body } = await server.api('GET', `/api/v2/chats/${chatId}/messages?limit=200`, { as });
  return body.data.map((message: { content: string }) => message.content);
}

describe('conversation', () => {
  it('sends, and hands on what is sent, to both sides', async () => {
    const { anna, omar, chatId } = await pair(server, 'talk');
    const [a, o] = await Promise.all([connectedSdk(server, url, anna), connectedSdk(server, url, omar)]);
    const ack = await a.majlis.send(chatId, { type: 'text', content: 'مرحبا' });
    expect(ack).toMatchObject({ status: 'sent', seq: 1 });
    const received = await o.seen.next('chat:message:new');
    expect(received).toMatchObject({ id: ack.message_id, content: 'مرحبا', sender_id: anna });
    await a.seen.next('chat:message:delivered', (event) => event.message_id === ack.message_id && event.delivered_to === omar);

    await o.majlis.read(chatId, ack.message_id);
    await a.seen.next('chat:message:read', (event) => event.read_by === omar);
    await o.majlis.react(chatId, ack.message_id, '👍', true);
    await a.seen.next('chat:message:reaction', (event) => event.emoji === '👍' && event.count === 1);
    await a.majlis.edit(chatId, ack.message_id, 'أهلا');
    await o.seen.next('chat:message:updated', (message) => message.content === 'أهلا');
    await a.majlis.remove(chatId, ack.message_id);
    await o.seen.next('chat:message:deleted', (event) => event.message_id === ack.message_id);
  });

  it('tells typing as often as it takes, and its end', async () => {
    const { anna, omar, chatId } = await pair(server, 'typing');
    const [a, o] = await Promise.all([connectedSdk(server, url, anna), connectedSdk(server, url, omar)]);
    for (let key = 0; key < 20; key++) a.majlis.typing(chatId, true);
    a.majlis.typing(chatId, false);
    a.majlis.typing(chatId, false);
    await o.seen.count('chat:typing', 2);
    await a.majlis.send(chatId, { type: 'text', content: 'barrier' });
    await messages(o.seen, chatId, 1);
    expect(o.seen.of('chat:typing').map((event) => event.is_typing)).toEqual([true, false]);
  });

  it('reports what the server refuses with its code, and goes on', async () => {
    const { anna, omar, chatId } = await pair(server, 'refused');
    const { majlis, seen } = await connectedSdk(server, url, anna);
    const refused = majlis.send(chatId, { type: 'text', content: '' });
    const sent = majlis.send(chatId, { type: 'text', content: 'next' });
    await expect(refused).rejects.toMatchObject({ name: 'MajlisError', code: 'INVALID_DATA' });
    await sent;
    await expect(majlis.edit(chatId, 'nonsense', 'x')).rejects.toBeInstanceOf(MajlisError);
    await expect(majlis.rest.chat('nonsense')).rejects.toMatchObject({ code: 'CHAT_NOT_FOUND' });
    expect(seen.of('error'), 'what a promise has rejected with is not told twice').toEqual([]);
    expect(await history(chatId, omar)).toEqual(['next']);
  });

  it('takes grouped events one by one', async () => {
    const { anna, omar, chatId } = await pair(server, 'batch');
    const { seen } = await connectedSdk(server, url, omar, { batch: true });
    await sendByRest(chatId, anna, numbered(1, 30));
    expect(await messages(seen, chatId, 30)).toEqual(numbered(1, 30));
  });

  it('reads by REST page by page, with the types of the contract', async () => {
    const { anna, omar, chatId } = await pair(server, 'rest');
    await sendByRest(chatId, anna, numbered(1, 5));
    const { rest } = sdk(server, url, omar).majlis;
    const page = await rest.messages(chatId, { limit: 2 });
    expect(page.data.map((message) => message.content)).toEqual(['4', '5']);
    const before = await rest.messages(chatId, { limit: 2, before_seq: page.data[0]?.seq });
    expect(before.data.map((message) => message.content)).toEqual(['2', '3']);
    expect((await rest.chats()).data.map((chat: Chat) => chat.id)).toEqual([chatId]);
    expect((await rest.users({ q: 'rest-anna' })).data.map((user) => user.id)).toEqual([anna]);
    expect((await rest.me()).id).toBe(omar);
  });
});

describe('cut off and back', () => {
  it('what was sent while away arrives once and in order, more than one page of it', async () => {
    const { anna, omar, chatId } = await pair(server, 'away');
    const { majlis, seen } = await connectedSdk(server, url, omar);
    await sendByRest(chatId, anna, numbered(1, 3));
    await messages(seen, chatId, 3);
    proxy.refuse();
    await seen.next('state', (change) => change.state === 'reconnecting');
    await sendByRest(chatId, anna, numbered(4, 260));
    proxy.accept();
    await seen.until(() => (seen.of('synced').length === 2 ? true : undefined), 'the second synced');
    expect(contents(seen, chatId)).toEqual(numbered(1, 260));
    await sendByRest(chatId, anna, ['live']);
    expect(await messages(seen, chatId, 261)).toEqual([...numbered(1, 260), 'live']);
    expect(majlis.state).toBe('connected');
  });

  it('what comes live during the catch-up takes its turn', async () => {
    const { anna, omar, chatId } = await pair(server, 'turn');
    const { seen } = await connectedSdk(server, url, omar);
    for (let round = 0; round < 3; round++) {
      proxy.refuse();
      await seen.until(
        () => (seen.of('state').filter((change) => change.state === 'reconnecting').length > round ? true : undefined),
        'lost',
      );
      const sending = sendByRest(chatId, anna, numbered(round * 100 + 1, round * 100 + 100));
      proxy.accept();
      await sending;
      await messages(seen, chatId, round * 100 + 100);
    }
    expect(contents(seen, chatId)).toEqual(numbered(1, 300));
  });

  it('what one sends while away is sent once and in order', async () => {
    const { anna, omar, chatId } = await pair(server, 'queue');
    const { majlis, seen } = await connectedSdk(server, url, anna);
    proxy.refuse();
    await seen.next('state', (change) => change.state === 'reconnecting');
    const sending = numbered(1, 20).map((content) => majlis.send(chatId, { type: 'text', content }));
    expect(majlis.pending(chatId)).toHaveLength(20);
    proxy.accept();
    const acks = await Promise.all(sending);
    expect(acks.map((ack) => ack.seq)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    expect(await history(chatId, omar)).toEqual(numbered(1, 20));
    expect(majlis.pending()).toEqual([]);
  });

  it('an acknowledgement that is lost does not make a second message', async () => {
    const { anna, omar, chatId } = await pair(server, 'lost-ack');
    const deaf = await startDeafProxy(Number(new URL(server.url).port));
    onTestFinished(() => deaf.close());
    const { majlis, seen } = await connectedSdk(server, `http://127.0.0.1:${deaf.port}`, anna);
    deaf.loseAnswers();
    const sending = numbered(1, 3).map((content) => majlis.send(chatId, { type: 'text', content }));
    await seen.next('state', (change) => change.state === 'reconnecting' && change.reason === 'ack timeout');
    await Promise.all(sending);
    expect(await history(chatId, omar)).toEqual(numbered(1, 3));
    expect(await messages(seen, chatId, 3)).toEqual(numbered(1, 3));
  });

  it('a connection that went silent is replaced as soon as something is asked of it', async () => {
    const { anna, omar, chatId } = await pair(server, 'silent');
    const { majlis, seen } = await connectedSdk(server, url, anna);
    proxy.forsake();
    await majlis.send(chatId, { type: 'text', content: 'still here' });
    expect(seen.of('state').map((change) => change.state)).toEqual(['connecting', 'connected', 'reconnecting', 'connected']);
    expect(await history(chatId, omar)).toEqual(['still here']);
  });

  it('tells of chats that one came into while away, and follows them', async () => {
    const { anna, omar } = await pair(server, 'invited');
    const { seen } = await connectedSdk(server, url, omar);
    proxy.refuse();
    await seen.next('state', (change) => change.state === 'reconnecting');
    const { body: group } = await server.api('POST', '/api/v2/chats', {
      as: anna,
      body: { type: 'group', member_ids: [omar], title: 'New' },
    });
    await sendByRest(group.id, anna, ['before']);
    proxy.accept();
    await seen.next('chat:created', (chat) => chat.id === group.id);
    await seen.until(() => (seen.of('synced').length === 2 ? true : undefined), 'the second synced');
    await sendByRest(group.id, anna, ['after']);
    await seen.next('chat:message:new', (message) => message.content === 'after');
    await server.api('DELETE', `/api/v2/chats/${group.id}/members/${omar}`, { as: anna });
    await seen.next('chat:removed', (event) => event.chat_id === group.id);
  });

  it('a snapshot by REST and the events after it leave no hole', async () => {
    const { anna, omar, chatId } = await pair(server, 'snapshot');
    await sendByRest(chatId, anna, numbered(1, 3));
    const { majlis, seen } = sdk(server, url, omar);
    const { data } = await majlis.rest.chats();
    expect(data[0]?.last_seq).toBe(3);
    await sendByRest(chatId, anna, numbered(4, 6));
    await majlis.connect();
    expect(await messages(seen, chatId, 3)).toEqual(numbered(4, 6));
  });

  it('says reset where the server can no longer tell what happened', async () => {
    const { anna, omar, chatId } = await pair(server, 'reset');
    const { seen } = await connectedSdk(server, url, omar, { cursors: { [`chat:${chatId}`]: 1_000_000 } });
    expect(seen.of('reset')).toEqual([{ stream: `chat:${chatId}` }]);
    await sendByRest(chatId, anna, ['goes on']);
    expect(await messages(seen, chatId, 1)).toEqual(['goes on']);
  });

  it('keeps what was not sent for the next session', async () => {
    const { anna, omar, chatId } = await pair(server, 'session');
    const items = new Map<string, string>();
    const storage: Storage = { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) };
    const first = await connectedSdk(server, url, anna, { storage });
    proxy.refuse();
    await first.seen.next('state', (change) => change.state === 'reconnecting');
    const unsent = first.majlis.send(chatId, { type: 'text', content: 'before the reload' });
    first.majlis.close();
    await expect(unsent).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(first.majlis.send(chatId, { type: 'text', content: 'no' })).rejects.toMatchObject({ code: 'CLOSED' });
    proxy.accept();

    const second = sdk(server, url, anna, { storage });
    const sent = second.majlis.send(chatId, { type: 'text', content: 'after it' });
    await second.majlis.connect();
    await sent;
    expect(await history(chatId, omar)).toEqual(['before the reload', 'after it']);
  });
});

describe('tokens', () => {
  const soon = (userId: string, seconds: number) => server.token(userId, { exp: Math.floor(Date.now() / 1000) + seconds });

  it('a refused token is replaced at once', async () => {
    const { anna } = await pair(server, 'refused-token');
    const ended = soon(anna, -10);
    const asked: TokenRequest[] = [];
    const { majlis, seen } = sdk(server, url, anna, {
      getToken: (request) => {
        asked.push(request);
        return request.reason === 'refused' ? server.token(anna) : ended;
      },
    });
    await majlis.connect();
    expect(asked).toEqual([
      { reason: 'needed', previous: null },
      { reason: 'refused', previous: ended },
    ]);
    expect(await seen.next('sync:required')).toMatchObject({ reason: 'token_refresh' });
    expect(seen.of('error')).toMatchObject([{ code: 'UNAUTHORIZED' }]);
  });

  it('without any token left it closes and says so', async () => {
    const { anna } = await pair(server, 'no-token');
    const { majlis, seen } = sdk(server, url, anna, { getToken: ({ reason }) => (reason === 'refused' ? null : 'not a token') });
    await expect(majlis.connect()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(seen.of('state').at(-1)).toEqual({ state: 'closed', previous: 'connecting', reason: 'no token' });
  });

  it('a provider that fails is asked again', async () => {
    const { anna } = await pair(server, 'flaky');
    let failures = 2;
    const { majlis } = sdk(server, url, anna, {
      getToken: () => {
        if (failures-- > 0) throw new Error('the network is down');
        return server.token(anna);
      },
    });
    await majlis.connect();
    expect(majlis.state).toBe('connected');
  });

  it('a token is replaced before it ends, time and again, and the connection outlives them', async () => {
    const { anna, omar, chatId } = await pair(server, 'renewed');
    const reasons: string[] = [];
    const { majlis, seen } = await connectedSdk(server, url, omar, {
      getToken: ({ reason }) => {
        reasons.push(reason);
        return reasons.length < 3 ? soon(omar, 3) : server.token(omar);
      },
      refreshBeforeMs: 1_000,
    });
    await seen.count('sync:required', 3);
    await sendByRest(chatId, anna, ['x']);
    await messages(seen, chatId, 1);
    expect(reasons).toEqual(['needed', 'expiring', 'expiring']);
    expect(seen.of('state').map((change) => change.state)).toEqual(['connecting', 'connected']);
    expect(majlis.state).toBe('connected');
  });

  it('one that ended all the same is replaced by way of a reconnection', async () => {
    const { anna, omar, chatId } = await pair(server, 'ended');
    const { seen } = await connectedSdk(server, url, omar, {
      // Nothing better is offered in time.
      getToken: ({ reason, previous }) => (reason === 'refused' ? server.token(omar) : (previous ?? soon(omar, 2))),
    });
    await seen.next('state', (change) => change.state === 'reconnecting' && change.reason === 'token refused');
    await sendByRest(chatId, anna, ['after']);
    expect(await messages(seen, chatId, 1)).toEqual(['after']);
  });

  it('REST asks for another token once, and then reports', async () => {
    const { anna } = await pair(server, 'rest-token');
    const { majlis } = sdk(server, url, anna, { getToken: ({ reason }) => (reason === 'refused' ? server.token(anna) : 'not a token') });
    expect((await majlis.rest.me()).id).toBe(anna);
    const hopeless = sdk(server, url, anna, { getToken: ({ reason }) => `${reason} is not a token` });
    await expect(hopeless.majlis.rest.me()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('does not come back when the server has ended it for good', async () => {
    const { anna } = await pair(server, 'disabled');
    const { majlis, seen } = await connectedSdk(server, url, anna);
    await server.createUser(anna, { disabled: true });
    await seen.next('state', (change) => change.state === 'closed');
    await expect(majlis.send('any', { type: 'text', content: 'x' })).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
