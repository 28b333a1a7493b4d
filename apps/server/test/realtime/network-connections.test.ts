import { LIMITS } from '@majlis/contract';
import { Socket } from 'socket.io';
import { queryObjects } from 'node:v8';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { EngineWire } from '../../src/realtime/socket-io-internals.ts';
import { SocketServer } from '../../src/realtime/socket-server.ts';
import { rawConnected, rawSocket } from '../support/raw-socket.ts';
import { TEST_NAMESPACE, metric, startChat, startOwn } from './chat-server.ts';

describe('45 s without joining a namespace ends the connection', () => {
  // Real time, only less of it.
  const shortened = async (overrides = {}) => {
    const limits = LIMITS as { connectTimeoutMs: number; pingIntervalMs: number };
    const { connectTimeoutMs, pingIntervalMs } = limits;
    expect(connectTimeoutMs).toBe(45_000);
    Object.assign(limits, { connectTimeoutMs: 300, pingIntervalMs: 100 });
    onTestFinished(() => void Object.assign(limits, { connectTimeoutMs, pingIntervalMs }));
    return startChat(overrides);
  };

  test('one that never joins; one that has joined stays', async () => {
    const { server, amal } = await shortened();
    const joined = await rawConnected(server.url, { token: server.token(amal) });
    const idle = rawSocket(server.url);
    await idle.next('close');
    expect(await joined.ask('ping')).toEqual([{ status: 'ok' }]);
  });

  test('one that was refused, or left again, and keeps the connection', async () => {
    const { server, amal } = await shortened();
    const refused = rawSocket(server.url);
    await refused.next('open');
    refused.send('40{"token":"bad"}');
    const left = await rawConnected(server.url, { token: server.token(amal) });
    left.send('41');
    const back = await rawConnected(server.url, { token: server.token(amal) });
    back.send('41');
    // Socket.IO takes no DISCONNECT and CONNECT in one breath; the answer to a third thing parts them.
    back.send('40/nowhere,');
    await back.next('packet', (packet) => packet.startsWith('44/nowhere,'));
    back.send(`40${JSON.stringify({ token: server.token(amal) })}`);
    await back.count('connected', 2);
    await Promise.all([refused.next('close'), left.next('close')]);
    expect(await back.ask('ping')).toEqual([{ status: 'ok' }]);
  });

  test('one that asked for a session by long-polling, and asks no more', async () => {
    const { server } = await shortened();
    await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`);
    const sockets = server.app.get(SocketServer);
    expect(sockets.clients).toBe(1);
    await vi.waitUntil(() => sockets.clients === 0, { timeout: 5_000 });
  });
});

describe('A socket that does not read is cut off when 1 MiB waits for it (`SOCKET_MAX_BUFFERED_BYTES`)', () => {
  test('also where only the libraries write to it: one that joins nothing and does not read why not', async () => {
    const server = await startOwn({ SOCKET_MAX_BUFFERED_BYTES: '65536' });
    const raw = rawSocket(server.url);
    await raw.next('open');
    raw.freeze();
    let sent = 0;
    while ((await metric(server, 'websocket_cut_off_total')) === 0) {
      for (let i = 0; i < 10; i++) raw.send(`40/${'x'.repeat(100_000)},`);
      expect(++sent).toBeLessThan(500);
    }
    raw.thaw();
    await raw.next('close');
  });

  test('and one that floods it with protocol-level pings and does not read their answers', async () => {
    const { server, amal } = await startChat();
    const raw = await rawConnected(server.url, { token: server.token(amal) });
    raw.freeze();
    const state = () => {
      for (let i = 0; i < 1_000; i++) raw.ws.ping('x'.repeat(125));
      return raw.ws.readyState;
    };
    await expect.poll(state, { timeout: 10_000 }).not.toBe(raw.ws.OPEN);
  });
});

describe('Everything else closes the transport, so that stock clients reconnect', () => {
  test('and nothing of a CONNECT that was so refused stays in memory', async () => {
    const { server, amal } = await startChat({ RATE_LIMIT_MAX_LIGHT: '1' });
    await rawConnected(server.url, { token: server.token(amal) });
    const sockets = () => queryObjects(Socket, { format: 'count' });
    const before = sockets();
    for (let i = 0; i < 10; i++) {
      const raw = rawSocket(server.url);
      await raw.next('open');
      raw.send(`40${TEST_NAMESPACE},${JSON.stringify({ token: server.token(amal) })}`);
      await raw.next('close');
    }
    await vi.waitUntil(() => sockets() <= before, { timeout: 5_000, interval: 100 });
  });

  test('nor of one whose client left before it was answered', async () => {
    const server = await startOwn({ RATE_LIMIT_MAX_CONNECTS: '0' });
    const wires = () => queryObjects(EngineWire, { format: 'count' });
    const before = wires();
    for (let i = 0; i < 10; i++) {
      const raw = rawSocket(server.url);
      await raw.next('open');
      raw.send(`40${JSON.stringify({ token: server.token(`nobody ${i}`) })}`);
      raw.close();
    }
    await vi.waitUntil(() => server.app.get(SocketServer).clients === 0);
    await vi.waitUntil(() => wires() <= before, { timeout: 5_000, interval: 100 });
  });

  test('one connection cannot ask for sockets without end before any of them is answered', async () => {
    const server = await startOwn({ RATE_LIMIT_MAX_CONNECTS: '0' });
    const raw = rawSocket(server.url);
    await raw.next('open');
    for (let i = 0; i < 40; i++) raw.send(`40${TEST_NAMESPACE},`);
    await raw.next('close');
    expect(raw.of('packet').filter((packet: string) => packet.startsWith('44'))).toEqual([]);
  });
});
