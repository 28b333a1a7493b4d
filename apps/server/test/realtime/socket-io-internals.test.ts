import { Server as EngineServer } from 'engine.io';
import { createServer } from 'node:http';
import { Socket as NetSocket, type AddressInfo } from 'node:net';
import { Server, type Socket } from 'socket.io';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import {
  EngineWire,
  connectionOf,
  cutTransport,
  dropRequest,
  interceptEvents,
  openConnection,
  openConnections,
  type InboundPacket,
} from '../../src/realtime/socket-io-internals.ts';
import { closeRawSockets, rawSocket, type RawSocket } from '../support/raw-socket.ts';
import { client, closeClients } from '../support/sockets.ts';

// Socket.IO, Engine.IO and ws alone, put together as the server does it: where a new version fails here, it has moved what is used.
let engine: EngineServer;
let url: string;
let sockets: Promise<Socket>[];

beforeEach(async () => {
  engine = new EngineServer({
    wsEngine: WebSocketServer,
    perMessageDeflate: { threshold: 1_024, serverNoContextTakeover: true, clientNoContextTakeover: true },
  });
  const io = new Server({ serveClient: false });
  io.bind(engine);
  const { promise, resolve } = Promise.withResolvers<Socket>();
  sockets = [promise];
  io.on('connection', resolve);
  const http = createServer((request, response) => engine.handleRequest(request, response));
  http.on('upgrade', (request, socket, head) => engine.handleUpgrade(request, socket, head));
  http.listen(0, '127.0.0.1');
  await new Promise((listening) => http.once('listening', listening));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  onTestFinished(() => {
    engine.close();
    http.close();
  });
});
afterEach(() => {
  closeClients();
  closeRawSockets();
});

/** A connected WebSocket client, and its socket on the server. */
async function connect(options: Parameters<typeof rawSocket>[1] = {}): Promise<{ raw: RawSocket; socket: Socket }> {
  const raw = rawSocket(url, options);
  await raw.next('open');
  await raw.join({});
  return { raw, socket: (await sockets[0])! };
}

/** An event packet as the outbox writes it. */
const packet = (name: string, argument = '') => `42${JSON.stringify([name, argument])}`;

test('`connectionOf`: the Engine.IO connection, with all that is used of it', async () => {
  const { socket } = await connect();
  const connection = connectionOf(socket);
  expect(connection).toMatchObject({
    id: expect.any(String),
    readyState: 'open',
    remoteAddress: '127.0.0.1',
    request: { headers: { host: expect.any(String) }, socket: expect.any(NetSocket) },
    transport: {
      name: 'websocket',
      writable: true,
      socket: { readyState: 1, _socket: expect.any(NetSocket), _sender: { _queue: [], _state: 0 } },
    },
    writeBuffer: [],
    write: expect.any(Function),
    close: expect.any(Function),
    once: expect.any(Function),
  });
  expect(socket.client.request).toBe(connection.request);
});

test('`openConnections` and `openConnection` find it, and only while it is there', async () => {
  const { raw, socket } = await connect();
  const { id } = connectionOf(socket);
  expect(openConnections(engine)).toEqual([connectionOf(socket)]);
  expect(openConnection(engine, id)).toBe(connectionOf(socket));
  for (const none of ['__proto__', 'constructor', 'nobody', '']) expect(openConnection(engine, none)).toBeUndefined();
  const closed = new Promise((resolve) => connectionOf(socket).once('close', resolve));
  raw.close();
  await closed;
  expect(openConnections(engine)).toEqual([]);
});

test('`interceptEvents` gets every event packet with its id, binary and badly named ones too, and Socket.IO none', async () => {
  const { raw, socket } = await connect();
  const received: InboundPacket[] = [];
  const listener = vi.fn<() => void>();
  socket.onAny(listener);
  socket.on('error', listener);
  interceptEvents(socket, (one) => received.push(one));
  raw.send('427["with an id",{"a":1}]');
  raw.send('42["error"]');
  raw.send('42[5,6]');
  raw.send('42');
  raw.send('451-["binary",{"_placeholder":true,"num":0}]');
  raw.send(Buffer.from('x'));
  await vi.waitUntil(() => received.length === 5);
  expect(received.map(({ id, data }) => ({ id, data }))).toEqual([
    { id: 7, data: ['with an id', { a: 1 }] },
    { id: undefined, data: ['error'] },
    { id: undefined, data: [5, 6] },
    { id: undefined, data: undefined },
    { id: undefined, data: ['binary', Buffer.from('x')] },
  ]);
  expect(listener).not.toHaveBeenCalled();
});

test('a malformed packet ends its connection; without a listener of ours nothing throws, and nothing is written to stderr', async () => {
  const { raw } = await connect();
  const stderr = vi.spyOn(process.stderr, 'write');
  onTestFinished(() => stderr.mockRestore());
  raw.send('42["connect"]');
  await raw.next('close');
  expect(stderr).not.toHaveBeenCalled();
});

test('`direct` is the network socket under an idle WebSocket: what is written there reaches the client', async () => {
  const { raw, socket } = await connect();
  const direct = new EngineWire(connectionOf(socket)).direct();
  expect(direct).toBeInstanceOf(NetSocket);
  const text = packet('direct');
  direct!.write(Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]));
  await raw.next('direct');
});

test('`write` goes through Engine.IO, with the packet’s own type', async () => {
  const { raw, socket } = await connect();
  new EngineWire(connectionOf(socket)).write(packet('by the library'));
  await raw.next('by the library');
});

test('`direct` is undefined while ws compresses what came before', async () => {
  const { raw, socket } = await connect({ perMessageDeflate: true });
  const wire = new EngineWire(connectionOf(socket));
  expect(wire.direct()).toBeDefined();
  wire.write(packet('large', 'x'.repeat(100_000)));
  expect(connectionOf(socket).transport.socket!._sender._state).not.toBe(0);
  expect(wire.direct()).toBeUndefined();
  await raw.next('large');
  await vi.waitUntil(() => wire.direct() !== undefined);
});

test('`direct` is undefined while Engine.IO holds anything back, and `waitingBytes` counts both', async () => {
  const { raw, socket } = await connect();
  const wire = new EngineWire(connectionOf(socket));
  expect(wire.waitingBytes()).toBe(0);
  raw.freeze();
  const large = 'x'.repeat(1_000_000);
  // The network takes some of it at once.
  for (let i = 0; i < 50 && connectionOf(socket).transport.writable; i++) {
    wire.write(packet('large', large));
    await new Promise(setImmediate);
  }
  const inSocket = wire.waitingBytes();
  expect(inSocket).toBeGreaterThan(0);
  wire.write(packet('held back', large));
  expect(wire.waitingBytes()).toBeGreaterThanOrEqual(inSocket + large.length);
  expect(wire.direct()).toBeUndefined();
  raw.thaw();
  await raw.next('held back');
  await vi.waitUntil(() => wire.direct() !== undefined && wire.waitingBytes() === 0);
});

test.each([
  [false, undefined],
  [true, true],
  [{ serverMaxWindowBits: 15 }, true],
  [{ serverMaxWindowBits: 10 }, false],
])('`compresses` of a client that offers %j', async (perMessageDeflate, expected) => {
  const { raw, socket } = await connect({ perMessageDeflate });
  expect(raw.ws.extensions.includes('permessage-deflate')).toBe(expected !== undefined);
  expect(new EngineWire(connectionOf(socket)).compresses()).toBe(expected ?? false);
});

test('`direct`, `compresses` and `waitingBytes` of a polling connection, and after its upgrade', async () => {
  const one = client(url, '/', { transports: ['polling', 'websocket'], upgrade: true });
  const socket = (await sockets[0])!;
  const wire = new EngineWire(connectionOf(socket));
  expect(connectionOf(socket).transport.name).toBe('polling');
  expect(wire.direct()).toBeUndefined();
  expect(wire.compresses()).toBe(false);
  wire.write(packet('while polling'));
  expect(wire.waitingBytes()).toBeGreaterThan(0);
  await one.next('connect');
  await vi.waitUntil(() => wire.direct() !== undefined);
  expect(connectionOf(socket).transport.name).toBe('websocket');
  wire.write(packet('after the upgrade'));
  await one.next('after the upgrade');
  expect(one.all.map(({ event }) => event)).toEqual(['connect', 'while polling', 'after the upgrade']);
});

test('`cutTransport` of a WebSocket does not wait for the peer', async () => {
  const { raw, socket } = await connect();
  raw.freeze();
  cutTransport(connectionOf(socket));
  await vi.waitUntil(() => openConnections(engine).length === 0);
  raw.thaw();
  // No closing handshake.
  expect(await raw.next('close')).toBe(1006);
});

test('`cutTransport` of a polling connection: at once, although no request of the client waits for an answer', async () => {
  const polling = `${url}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(polling)).text()).slice(1)) as { sid: string };
  await fetch(`${polling}&sid=${sid}`, { method: 'POST', body: '40' });
  cutTransport(connectionOf((await sockets[0])!));
  expect(openConnections(engine)).toEqual([]);
  expect((await fetch(`${polling}&sid=${sid}`)).status).toBe(400);
});

test.each([['websocket'], ['polling']])(
  '`cutTransport` over %s: the client sees a transport that closed, and no goodbye',
  async (transport) => {
    const one = client(url, '/', { transports: [transport] });
    const socket = (await sockets[0])!;
    await one.next('connect');
    cutTransport(connectionOf(socket));
    expect(await one.next('disconnect')).toMatch(/^transport (?:close|error)$/);
  },
);

test('`dropRequest` leaves what the next CONNECT on the connection needs, and no token', async () => {
  const { raw, socket } = await connect({ headers: { 'accept-language': 'ar', 'x-secret': 'x' } });
  dropRequest(socket);
  expect(socket.handshake).toMatchObject({ auth: {}, query: {} });
  expect(connectionOf(socket).request.headers).toEqual({ host: expect.any(String), 'accept-language': 'ar' });
  const next = new Promise<Socket>((resolve) => socket.nsp.server.of('/next').on('connection', resolve));
  await raw.join({ token: 'another' }, '/next');
  const { handshake } = await next;
  expect(handshake.headers['accept-language']).toBe('ar');
  expect(handshake.auth).toEqual({ token: 'another' });
  expect(handshake.address).toBe('127.0.0.1');
});

test('`dropRequest` leaves a polling connection alone, whose transport works on its requests', async () => {
  const one = client(url, '/', { transports: ['polling'] });
  const socket = (await sockets[0])!;
  const { request } = connectionOf(socket);
  dropRequest(socket);
  expect(connectionOf(socket).request).toBe(request);
  await one.next('connect');
  interceptEvents(socket, () => socket.emit('answer', 'x'));
  one.tell('question');
  await one.next('answer');
});
