import { describe, expect, test } from 'vitest';
import { rawConnected } from '../support/raw-socket.ts';
import { client, connected } from '../support/sockets.ts';
import { metric, startChat, type Chat } from './chat-server.ts';

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;

const connect = ({ server, amal }: Chat, options: object = {}) => connected(server.url, '/', { token: server.token(amal), ...options });
const eventLines = ({ server }: Chat) => server.logs().filter(({ msg }) => msg === 'WebSocket Event');

describe("one line 'WebSocket Event' `{userId, event, timestamp, ip}` for each inbound event, never content", () => {
  test('good ones, refused ones, and unknown ones as `unknown`', async () => {
    const chat = await startChat({ TRUST_PROXY: '1' });
    const one = await connect(chat, { extraHeaders: { 'x-forwarded-for': '192.0.2.7' } });
    await one.ask('chat:message:send', { ...chat.text('the content'), metadata: { secret: 'in metadata' } });
    await one.ask('chat:message:send', { ...chat.text('the refused content'), type: 'nonsense' });
    await one.ask('the unknown event', { content: 'and its content' });
    await one.ask('ping', 'a payload that nobody asked for');
    expect(eventLines(chat)).toEqual(
      ['chat:message:send', 'chat:message:send', 'unknown', 'ping'].map((event) => ({
        level: 'info',
        time: TIME,
        userId: chat.amal,
        event,
        timestamp: TIME,
        ip: '192.0.2.7',
        msg: 'WebSocket Event',
      })),
    );
    const log = JSON.stringify(chat.server.logs());
    for (const content of ['content', 'metadata', 'the unknown event', 'nobody asked']) expect(log).not.toContain(content);
    expect(log).not.toContain(chat.server.token(chat.amal).split('.')[2]);
  });

  test('what is limited is logged as well', async () => {
    const chat = await startChat({ RATE_LIMIT_MAX_EVENTS: '1' });
    const one = await connect(chat);
    for (let i = 0; i < 5; i++) await one.ask('chat:message:send', chat.text('x'));
    expect(eventLines(chat)).toHaveLength(5);
  });

  test('a user id that would break out of a line', async () => {
    const chat = await startChat();
    const strange = '"}\\\u2028 مرحبا ';
    await chat.server.createUser(strange);
    const one = await connect({ ...chat, amal: strange });
    await one.ask('ping');
    expect(eventLines(chat)).toMatchObject([{ userId: strange, event: 'ping' }]);
  });

  test('`LOG_EVENTS=false`, or a level above: none', async () => {
    for (const setting of [{ LOG_EVENTS: 'false' }, { LOG_LEVEL: 'warn' }]) {
      const chat = await startChat(setting);
      await (await connect(chat)).ask('ping');
      expect(eventLines(chat)).toEqual([]);
    }
  });
});

describe('Tokens never appear in a log line, metric, trace or error', () => {
  test('good ones, bad ones, wherever they are shown', async () => {
    const chat = await startChat();
    const { server, amal } = chat;
    const bad = `${server.token(amal)}-that-is-bad`;
    const expired = server.token(amal, { exp: 1 });
    const good = server.token(amal);
    const errors: unknown[] = [];
    for (const token of [bad, expired, `Bearer ${bad}`]) {
      const refused = client(server.url, '/', { token, query: { token } });
      await refused.next('disconnect');
      errors.push(refused.of('error'));
    }
    const one = await connect(chat, { extraHeaders: { authorization: `Bearer ${good}` } });
    errors.push(
      await one.ask('auth:refresh', { token: bad }),
      await one.ask('auth:refresh', { token: expired }),
      await one.ask('auth:refresh', { token: good }),
    );
    errors.push((await server.api('GET', `/api/v2/me?token=${bad}`, { bearer: bad })).body);
    const told = JSON.stringify([errors, server.logs(), (await server.api('GET', '/metrics')).body]);
    for (const token of [bad, expired, good]) for (const part of token.split('.').slice(1)) expect(told).not.toContain(part);
  });
});

describe('`GET /metrics` (Prometheus)', () => {
  test('`websocket_connections` by namespace, `websocket_connected_clients`', async () => {
    const chat = await startChat();
    expect(await metric(chat.server, 'websocket_connected_clients')).toBe(0);
    const [one, two] = await Promise.all([connect(chat), connect(chat, { transports: ['polling'] })]);
    // Who is refused, or has not joined yet, is none.
    await client(chat.server.url, '/', { token: 'bad' }).next('disconnect');
    expect(await metric(chat.server, 'websocket_connections{namespace="/"}')).toBe(2);
    expect(await metric(chat.server, 'websocket_connected_clients')).toBe(2);
    one.close();
    await expect.poll(() => metric(chat.server, 'websocket_connections{namespace="/"}')).toBe(1);
    two.close();
    await expect.poll(() => metric(chat.server, 'websocket_connected_clients')).toBe(0);
  });

  test('`websocket_events_total{event}`, `websocket_messages_total{event,status}`, `websocket_errors_total{code}`; names that are not in the contract count as `unknown`', async () => {
    const chat = await startChat();
    const one = await connect(chat);
    await one.ask('chat:message:send', chat.text('x'));
    await one.ask('chat:message:send', chat.text('x'));
    await one.ask('chat:message:send', chat.text(''));
    for (const name of ['nonsense', 'more nonsense', '__proto__']) await one.ask(name);
    const value = (name: string) => metric(chat.server, name);
    expect(await value('websocket_events_total{event="chat:message:send"}')).toBe(3);
    expect(await value('websocket_events_total{event="unknown"}')).toBe(3);
    expect(await value('websocket_messages_total{event="chat:message:send",status="ok"}')).toBe(2);
    expect(await value('websocket_messages_total{event="chat:message:send",status="error"}')).toBe(1);
    expect(await value('websocket_errors_total{code="INVALID_DATA"}')).toBe(1);
    expect(await value('websocket_errors_total{code="UNKNOWN_EVENT"}')).toBe(3);
    // Scraping counts nothing twice.
    expect(await value('websocket_events_total{event="unknown"}')).toBe(3);
    expect((await chat.server.api('GET', '/metrics')).body).not.toContain('nonsense');
  });

  test('`websocket_message_latency_seconds` (buckets 0.1, 0.5, 1, 2, 5 and finer ones below)', async () => {
    const chat = await startChat();
    const one = await connect(chat);
    for (let i = 0; i < 3; i++) await one.ask('chat:message:send', chat.text('x'));
    await one.ask('nonsense');
    expect(await metric(chat.server, 'websocket_message_latency_seconds_count')).toBe(3);
    const buckets = [
      ...(await chat.server.api('GET', '/metrics')).body.matchAll(/^websocket_message_latency_seconds_bucket\{le="([^"]+)"/gm),
    ].map(([, le]) => le);
    expect(buckets).toEqual(expect.arrayContaining(['0.1', '0.5', '1', '2', '5', '+Inf']));
    expect(buckets.filter((le) => Number(le) < 0.1).length).toBeGreaterThan(3);
  });

  test('`websocket_reconnections_total`', async () => {
    const chat = await startChat();
    const token = chat.server.token(chat.amal);
    const first = await rawConnected(chat.server.url, { token });
    await first.ask('chat:message:send', chat.text('the barrier'));
    first.close();
    await rawConnected(chat.server.url, { token });
    expect(await metric(chat.server, 'websocket_reconnections_total')).toBe(1);
  });
});
