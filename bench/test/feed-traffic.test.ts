import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { FeedTraffic } from '../src/feed-traffic.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** What a server does with the order of a version: how it sends it to its screens, and how it answers whoever made it. */
interface Behaviour {
  send: (screens: WebSocket[], frame: string, version: number) => void;
  status: (version: number) => number;
}

const right: Behaviour = { send: (screens, frame) => screens.forEach((screen) => screen.send(frame)), status: () => 201 };

/** The order with which a behaviour goes wrong: late enough for the run to be under way. */
const wrongVersion = 40;
const faults: [what: string, wrong: Partial<Behaviour>, complaint: RegExp][] = [
  [
    'misses an order',
    { send: (screens, frame, version) => right.send(version === wrongVersion ? screens.slice(1) : screens, frame, version) },
    /after version 39 came .*"version":41/,
  ],
  [
    'misses every order from one on',
    { send: (screens, frame, version) => right.send(version >= wrongVersion ? screens.slice(1) : screens, frame, version) },
    /1 listeners miss some/,
  ],
  [
    'gets an order twice',
    { send: (screens, frame, version) => right.send(version === wrongVersion ? [...screens, screens[0]!] : screens, frame, version) },
    /after version 40 came .*"version":40/,
  ],
  [
    'gets an error',
    { send: (screens, frame, version) => right.send(screens, version === wrongVersion ? '{"event":"error"}' : frame, version) },
    /came \{"event":"error"/,
  ],
  [
    'is cut off',
    { send: (screens, frame, version) => (version === wrongVersion ? screens[0]!.terminate() : right.send(screens, frame, version)) },
    /the server closed the connection|after version/,
  ],
];

async function connected({ send, status }: Behaviour): Promise<FeedTraffic> {
  let version = 0;
  const http = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      version++;
      send([...sockets.clients], `{"event":"order_created","version":${version},"data":${body}}`, version);
      response.writeHead(status(version)).end(JSON.stringify({ version }));
    });
  });
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket) => {
    socket.send(JSON.stringify({ event: 'connected', data: { version } }));
    // A ping in between is answered and is no fault.
    socket.ping();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  closers.push(() => http.close());
  const traffic = new FeedTraffic();
  closers.push(() => traffic.close());
  await traffic.connect((http.address() as AddressInfo).port, { listeners: Array.from({ length: 5 }, () => '/feed?token=x'), headers: {} });
  return traffic;
}

const phase = { ordersPerSecond: 500, warmUpMs: 50, measureMs: 300, drainMs: 500, serverPid: process.pid };

test('counts a delivery to each screen for each order', async () => {
  const { messages, deliveries, latencies } = await (await connected(right)).run(phase);
  expect(messages).toBeGreaterThan(0);
  expect(Math.abs(deliveries / messages - 5)).toBeLessThan(1);
  expect(latencies.length).toBeGreaterThan(0);
});

test.each(faults)('a run in which a screen %s fails', async (_what, wrong, complaint) => {
  const traffic = await connected({ ...right, ...wrong });
  await expect(traffic.run(phase)).rejects.toThrow(complaint);
});

test('a run in which an order is refused fails', async () => {
  const traffic = await connected({ ...right, status: (version) => (version === wrongVersion ? 429 : 201) });
  await expect(traffic.run(phase)).rejects.toThrow(/an order was answered 429/);
});
