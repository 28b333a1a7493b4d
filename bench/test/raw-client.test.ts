import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WebSocketServer, type ServerOptions } from 'ws';
import { RawClient } from '../src/raw-client.ts';
import { inbox } from '../src/raw-websocket.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A repeatable sequence of numbers from 0 to 1 (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Passes everything on to `port`; what comes back is cut into pieces of `pieceBytes()` each, every one in a packet of its own. */
async function cuttingProxy(port: number, pieceBytes: () => number): Promise<number> {
  return listening(
    createServer((client: Socket) => {
      client.setNoDelay(true);
      const upstream = connect(port, '127.0.0.1');
      closers.push(() => upstream.destroy());
      client.on('error', () => {});
      client.pipe(upstream);
      const cut = async (): Promise<void> => {
        for await (const chunk of upstream as AsyncIterable<Buffer>) {
          for (let at = 0; at < chunk.length;) {
            const end = at + pieceBytes();
            client.write(chunk.subarray(at, end));
            at = end;
            await new Promise(setImmediate);
          }
        }
      };
      cut().catch(() => {});
    }),
  );
}

/** A peer that speaks Engine.IO's and Socket.IO's handshake, and records what it is sent. */
async function peer(options: ServerOptions = {}): Promise<{ port: number; sockets: WebSocketServer; received: string[] }> {
  const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  await once(sockets, 'listening');
  closers.push(() => sockets.close());
  const received: string[] = [];
  sockets.on('connection', (socket) => {
    socket.send('0{"sid":"a"}');
    socket.on('message', (data: Buffer) => {
      received.push(data.toString());
      if (data.toString().startsWith('40')) socket.send('40{"sid":"b"}');
    });
  });
  return { port: (sockets.address() as AddressInfo).port, sockets, received };
}

function record(port: number, compressed = false): { client: RawClient; events: string[]; acknowledgements: string[]; failures: string[] } {
  const recorded = { events: [] as string[], acknowledgements: [] as string[], failures: [] as string[] };
  const client = new RawClient(
    port,
    '{"user_id":"a"}',
    {
      event: (start, end) => recorded.events.push(inbox.text(start, end)),
      acknowledgement: (start, end) => recorded.acknowledgements.push(inbox.text(start, end)),
      failed: (reason) => recorded.failures.push(reason.message),
    },
    compressed,
  );
  closers.push(() => client.close());
  return { client, ...recorded };
}

test.each([1, 2, 3])('no packet is lost wherever the bytes are cut (seed %i)', async (seed) => {
  const chance = random(seed);
  const { port, sockets } = await peer();
  const small = (): number => 1 + Math.floor(chance() * 9);
  const large = (): number => 1 + Math.floor(chance() * 40_000);
  const cut = await cuttingProxy(port, () => (chance() < 0.9 ? small() : large()));
  const { client, events, failures } = record(cut);
  await client.connected;

  const lengths = [2, 124, 125, 126, 127, 65_535, 65_536, 70_000, ...Array.from({ length: 300 }, () => 2 + Math.floor(chance() * 600))];
  const sent = lengths.map((length, index) => `42${index}`.padEnd(length, '.'));
  for (const socket of sockets.clients) for (const packet of sent) socket.send(packet);
  await expect.poll(() => events.length + failures.length, { timeout: 15_000 }).toBe(sent.length);
  expect(failures).toEqual([]);
  expect(events).toEqual(sent);
});

test('what it sends is what a WebSocket server reads, in order, and pings are answered', async () => {
  const { port, sockets, received } = await peer();
  const { client } = record(port);
  await client.connected;
  const sent = [0, 1, 125, 126, 127, 4000, 65_535].map((length) => '420'.padEnd(length, 'x'));
  for (const packet of sent) client.send(packet);
  client.flush();
  for (const socket of sockets.clients) socket.send('2');
  await expect.poll(() => received.at(-1)).toBe('3');
  expect(received).toEqual(['40{"user_id":"a"}', ...sent, '3']);
});

test.each([
  ['a Socket.IO DISCONNECT', '41'],
  ['a CONNECT_ERROR', '44{"message":"no"}'],
  ['a binary frame', Buffer.from('42["a"]')],
])('%s is a failure', async (_what, packet) => {
  const { port, sockets } = await peer();
  const { client, failures } = record(port);
  await client.connected;
  for (const socket of sockets.clients) socket.send(packet);
  await expect.poll(() => failures.length).toBe(1);
});

const withoutContext = { threshold: 1024, serverNoContextTakeover: true, clientNoContextTakeover: true };

test('compressed packets are read as they were before, the same one again among others, and count as what was on the wire', async () => {
  const { port, sockets } = await peer({ perMessageDeflate: withoutContext });
  const frameBytes: number[] = [];
  const events: string[] = [];
  const client = new RawClient(
    port,
    '{"user_id":"a"}',
    {
      event(start, end) {
        events.push(inbox.text(start, end));
        frameBytes.push(inbox.frameBytes);
      },
      acknowledgement() {},
      failed(reason) {
        throw reason;
      },
    },
    true,
  );
  closers.push(() => client.close());
  await client.connected;
  const chance = random(7);
  const large = Array.from({ length: 20 }, (_, index) => `42${index}`.padEnd(1100 + Math.floor(chance() * 60_000), 'abcdefg'));
  const sent = large.flatMap((packet) => [packet, '42["short"]', packet, packet]);
  for (const socket of sockets.clients) for (const packet of sent) socket.send(packet);
  await expect.poll(() => events.length, { timeout: 15_000 }).toBe(sent.length);
  expect(events).toEqual(sent);
  for (const [index, packet] of sent.entries()) {
    if (packet.length < 1024) expect(frameBytes[index]).toBe(packet.length + 2);
    else expect(frameBytes[index]).toBeLessThan(packet.length / 3);
  }
});

test('a server that does not compress, or with a context per connection, is a failure', async () => {
  for (const perMessageDeflate of [false, { threshold: 1024 }]) {
    const { port } = await peer({ perMessageDeflate });
    const { client, failures } = record(port, true);
    await expect(client.connected).rejects.toThrow(/compression was answered/);
    expect(failures).toHaveLength(1);
  }
});
