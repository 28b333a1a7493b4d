import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import type { Socket } from 'socket.io';
import { afterEach, expect, test } from 'vitest';
import { Traffic } from '../src/traffic.ts';
import type { Load, Phase } from '../src/traffic.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Answer {
  status: string;
  seq: number;
}

/** What a server does with the message `seq`: how it delivers it to each of its members, and how it answers the sender. */
interface Behaviour {
  deliver: (members: Socket[], message: { seq: number; chat_id: string }) => void;
  answer: (acknowledge: (answer: Answer) => void, seq: number, socket: Socket) => void;
}

const right: Behaviour = {
  deliver: (members, message) => members.forEach((member) => member.emit('chat:message:new', message)),
  answer: (acknowledge, seq) => acknowledge({ status: 'sent', seq }),
};

/** The message with which a behaviour goes wrong: late enough for the run to be under way. */
const wrongSeq = 40;

const faults: [what: string, wrong: Partial<Behaviour>, complaint: RegExp][] = [
  [
    'misses a message',
    { deliver: (members, message) => right.deliver(message.seq === wrongSeq ? members.slice(1) : members, message) },
    /seq 41 came after 39/,
  ],
  [
    'misses every message from one on',
    { deliver: (members, message) => right.deliver(message.seq >= wrongSeq ? members.slice(1) : members, message) },
    /has 39 of \d+ acknowledged messages/,
  ],
  [
    'gets a message twice',
    { deliver: (members, message) => right.deliver(message.seq === wrongSeq ? [...members, members[0]!] : members, message) },
    /seq 40 came after 40/,
  ],
  [
    'gets a message of another chat',
    { deliver: (members, message) => right.deliver(members, message.seq >= wrongSeq ? { ...message, chat_id: 'other' } : message) },
    /not what was sent/,
  ],
  [
    'is refused a message',
    { answer: (acknowledge, seq) => acknowledge({ status: seq === wrongSeq ? 'error' : 'sent', seq }) },
    /a message was answered \[\{"status":"error"/,
  ],
  [
    'gets no acknowledgement',
    { answer: (acknowledge, seq) => seq !== wrongSeq && acknowledge({ status: 'sent', seq }) },
    /1 acknowledgements are missing|acknowledged messages/,
  ],
  [
    'gets an error event',
    {
      answer: (acknowledge, seq, socket) => {
        if (seq === wrongSeq) socket.emit('error', { code: 'RATE_LIMIT' });
        right.answer(acknowledge, seq, socket);
      },
    },
    /an error event: .*RATE_LIMIT/,
  ],
  [
    'is cut off',
    {
      answer: (acknowledge, seq, socket) => {
        if (seq === wrongSeq) socket.conn.close();
        else right.answer(acknowledge, seq, socket);
      },
    },
    /the server closed the connection/,
  ],
];

async function serve({ deliver, answer }: Behaviour): Promise<number> {
  const http = createServer();
  const io = new Server(http);
  closers.push(() => io.close());
  const members: Socket[] = [];
  let seq = 0;
  io.on('connection', (socket) => {
    socket.on('chat:join', (_payload: unknown, acknowledge: (answer: object) => void) => {
      members.push(socket);
      acknowledge({ status: 'joined' });
    });
    socket.on('chat:message:send', (message: { chat_id: string }, acknowledge: (answer: Answer) => void) => {
      seq++;
      answer(acknowledge, seq, socket);
      deliver(members, { ...message, seq });
    });
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return (http.address() as AddressInfo).port;
}

const chatId = 'chat';
const members = 5;

async function connected(behaviour: Behaviour, receiptsPerMessage = 0): Promise<Traffic> {
  const port = await serve(behaviour);
  const traffic = new Traffic({ ownCopy: true, receiptsPerMessage });
  closers.push(() => traffic.close());
  await traffic.connect(
    port,
    Array.from({ length: members }, (_, index) => ({ auth: '{}', chatId, sends: index < 2 })),
  );
  return traffic;
}

const phase = (load: Load): Phase => ({ load, warmUpMs: 50, measureMs: 300, drainMs: 500, serverPid: process.pid });
const closed: Load = { kind: 'closed', window: 4 };

test.each<[string, Load]>([
  ['a closed loop', closed],
  ['a fixed rate', { kind: 'paced', messagesPerSecond: 500 }],
])('%s counts a delivery to each member for each message', async (_what, load) => {
  const traffic = await connected(right);
  const { messages, deliveries, latencies } = await traffic.run(phase(load));
  expect(messages).toBeGreaterThan(0);
  expect(Math.abs(deliveries / messages - members)).toBeLessThan(1);
  expect(latencies.length).toBeGreaterThan(0);
});

test.each(faults)('a run in which a member %s fails', async (_what, wrong, complaint) => {
  const traffic = await connected({ ...right, ...wrong });
  await expect(traffic.run(phase(closed))).rejects.toThrow(complaint);
});

test('a run in which a delivered receipt is missing fails', async () => {
  const complete: Behaviour = {
    ...right,
    answer: (acknowledge, seq, socket) => {
      right.answer(acknowledge, seq, socket);
      socket.emit('chat:message:delivered', { message_id: 'a' });
    },
  };
  await (await connected(complete, 1)).run(phase(closed));
  const traffic = await connected(complete, 2);
  await expect(traffic.run(phase(closed))).rejects.toThrow(/of \d+ delivered receipts/);
});
