import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EventBatch, batchItem } from '../../src/realtime/event-batch.ts';
import { client, type Client } from '../support/sockets.ts';
import { startChat, type Chat } from './chat-server.ts';

describe('flushed every 100 ms or at 64 events', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const record = () => {
    const sent: unknown[][] = [];
    return { sent, batch: new EventBatch((json) => sent.push(JSON.parse(json) as unknown[])) };
  };
  const item = (i: number) => batchItem('chat:typing', JSON.stringify({ i }));

  test('100 ms after the first event, whatever came after it', () => {
    const { sent, batch } = record();
    batch.add(item(1));
    vi.advanceTimersByTime(99);
    batch.add(item(2));
    expect(sent).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(sent).toEqual([
      [
        { event: 'chat:typing', data: { i: 1 } },
        { event: 'chat:typing', data: { i: 2 } },
      ],
    ]);
    vi.advanceTimersByTime(10_000);
    expect(sent).toHaveLength(1);
    batch.add(item(3));
    vi.advanceTimersByTime(100);
    expect(sent).toHaveLength(2);
  });

  test('at the 64th event at once, and the next begins its own 100 ms', () => {
    const { sent, batch } = record();
    for (let i = 0; i < 50; i++) batch.add(item(i));
    vi.advanceTimersByTime(60);
    for (let i = 50; i < 65; i++) batch.add(item(i));
    expect(sent.map(({ length }) => length)).toEqual([64]);
    vi.advanceTimersByTime(99);
    expect(sent).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(sent.map(({ length }) => length)).toEqual([64, 1]);
  });

  test('what is flushed by hand is not sent again', () => {
    const { sent, batch } = record();
    batch.flush();
    batch.add(item(1));
    batch.flush();
    vi.advanceTimersByTime(1_000);
    expect(sent).toHaveLength(1);
  });
});

describe('a client that connects with `auth.batch: true` receives events other than acknowledgements as `batch [{event, data}, …]`', () => {
  const batched = ({ server }: Chat, user: string, options: object = {}, claims = {}) =>
    client(server.url, '/', { auth: { token: server.token(user, claims), batch: true }, ...options });
  const plain = ({ server }: Chat, user: string) => client(server.url, '/', { token: server.token(user) });

  interface Item {
    event: string;
    // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of it is what the test says
    data: any;
  }
  const items = (one: Client): Item[] => one.of('batch').flat() as Item[];
  const names = (one: Client) => items(one).map(({ event }) => event);
  const until = (one: Client, event: string, count = 1) =>
    one.until(() => (names(one).filter((name) => name === event).length >= count ? true : undefined), `${count} × ${event} in batches`);
  /** Nothing but batches, each with one argument. */
  const expectOnlyBatches = (one: Client) => {
    const received = one.all.filter(({ event }) => !['connect', 'disconnect'].includes(event));
    for (const { event, arguments: count, data } of received) {
      expect([event, count]).toEqual(['batch', 1]);
      expect(data.length).toBeGreaterThan(0);
      expect(data.length).toBeLessThanOrEqual(64);
      for (const one of data) expect(Object.keys(one)).toEqual(['event', 'data']);
    }
  };

  test('the greeting, what it asked for, what others do, errors: all in the order in which a plain socket gets it', async () => {
    const chat = await startChat();
    const { bashir, amal, chat_id, text } = chat;
    const [one, other, sender] = [batched(chat, bashir), plain(chat, bashir), plain(chat, amal)];
    await Promise.all([until(one, 'sync:required'), other.next('sync:required'), sender.next('sync:required')]);
    expect(names(one).slice(0, 2)).toEqual(['connected', 'sync:required']);

    // Acknowledgements do not wait: it is there before the event that was sent first.
    const [pong, answer] = [one.ask('ping'), one.ask('chat:message:send', text('mine'))];
    expect(await pong).toEqual({ status: 'ok' });
    expect(await answer).toMatchObject({ status: 'sent', seq: 1 });
    one.tell('nonsense', {});
    await sender.ask('chat:typing', { chat_id, is_typing: true });
    const { message_id } = await sender.ask('chat:message:send', text('theirs'));
    await sender.ask('chat:message:edit', { chat_id, message_id, content: 'edited' });
    await sender.ask('chat:message:react', { chat_id, message_id, emoji: '👍', on: true });
    await sender.ask('chat:message:delete', { chat_id, message_id });
    await Promise.all([until(one, 'chat:message:deleted'), other.next('chat:message:deleted')]);

    expectOnlyBatches(one);
    // What belongs to the one socket alone aside: its pong, its error, its own connection.
    const shared = ({ event }: Item) => /^chat:(?:message|typing)/.test(event) && event !== 'chat:message:delivered';
    const direct = other.all.map(({ event, data }) => ({ event, data })).filter(shared);
    expect(items(one).filter(shared)).toEqual(direct);
    expect(direct.length).toBe(6);
    expect(names(one)).toContain('pong');
    expect(items(one).find(({ event }) => event === 'error')!.data).toMatchObject({ code: 'UNKNOWN_EVENT' });
    expect(other.of('batch')).toEqual([]);
  });

  test.each([[['websocket']], [['polling']]])(
    'a burst comes in few batches of up to 64, each event once and in order: %j',
    async (transports) => {
      const chat = await startChat({ RATE_LIMIT_MAX_EVENTS: '1000' });
      const { bashir, amal, text } = chat;
      const [one, sender] = [batched(chat, bashir, { transports }), plain(chat, amal)];
      await Promise.all([until(one, 'sync:required'), sender.next('sync:required')]);
      const COUNT = 500;
      await Promise.all(Array.from({ length: COUNT }, (_, i) => sender.ask('chat:message:send', text(`${i}`))));
      await until(one, 'chat:message:new', COUNT);
      expectOnlyBatches(one);
      const versions = items(one)
        .filter(({ event }) => event === 'chat:message:new')
        .map(({ data }) => data.version as number);
      expect(versions).toEqual(Array.from({ length: COUNT }, (_, i) => i + 1));
      expect(one.of('batch').length).toBeLessThan(COUNT / 8);
      expect(one.of('batch').some(({ length }) => length === 64)).toBe(true);
    },
  );

  test('what is told before the server disconnects comes before the disconnection', async () => {
    const chat = await startChat();
    const { server, amal } = chat;
    const expiring = batched(chat, amal, {}, { exp: Math.floor(Date.now() / 1000) + 2 });
    await until(expiring, 'sync:required');
    await expiring.next('disconnect');
    expectOnlyBatches(expiring);
    expect(items(expiring).at(-1)).toMatchObject({ event: 'error', data: { code: 'UNAUTHORIZED', message: 'Invalid or expired token' } });

    const refused = client(server.url, '/', { auth: { token: 'bad', batch: true } });
    await refused.next('disconnect');
    expectOnlyBatches(refused);
    expect(items(refused)).toMatchObject([{ event: 'error', data: { code: 'UNAUTHORIZED', message: 'Invalid token' } }]);
  });

  test.each(['true', 1, {}, false, null])('`auth.batch: %j` is not `true`', async (batch) => {
    const { server, amal } = await startChat();
    const one = client(server.url, '/', { auth: { token: server.token(amal), batch } });
    await one.next('sync:required');
    expect(one.all.map(({ event }) => event)).toEqual(['connect', 'connected', 'sync:required']);
  });

  test('a socket that is gone while a batch waits is of no matter', async () => {
    const chat = await startChat();
    const { bashir, amal, text } = chat;
    const [one, other, sender] = [batched(chat, bashir), batched(chat, bashir), plain(chat, amal)];
    await Promise.all([until(one, 'sync:required'), until(other, 'sync:required'), sender.next('sync:required')]);
    await sender.ask('chat:message:send', text('on its way'));
    one.cut();
    await until(other, 'chat:message:new');
    await sender.ask('chat:message:send', text('after'));
    await until(other, 'chat:message:new', 2);
    expectOnlyBatches(other);
  });
});
