import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { SupportService } from '../../src/features/support/support.service.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { following, newOrder, newStaff, closeFeeds } from '../orders/feed-client.ts';
import { expectNothingLost, history, Listener, RECONNECTING, Writer } from '../support/burst.ts';
import { makeGroup, makeUsers, ok, say, v2Client } from '../support/chats.ts';
import type { Api, SpawnedServer, TestServer } from '../support/server.ts';
import { closeClients } from '../support/sockets.ts';
import { makeTicket, send, supportClient } from '../tickets/tickets.ts';
import { CLUSTER_MISSING, cutOff, linked, startCluster, type Cluster } from './cluster.ts';

// One message of each at a time, so that what is refused and sent again keeps its place.
const LOAD = { messages: Infinity, inFlight: 1 };

interface Fault {
  what: string;
  begin(cluster: Cluster): Promise<void>;
  end(cluster: Cluster): Promise<void>;
  /** Redis is there again before anybody may have noticed. */
  short?: true;
}

const FAULTS: Fault[] = [
  { what: 'killed and restarted', begin: ({ redis }) => redis.crash(), end: ({ redis }) => redis.restart() },
  { what: 'frozen (SIGSTOP)', begin: async ({ redis }) => redis.freeze(), end: async ({ redis }) => redis.thaw() },
  {
    what: 'there again, and the subscriptions are not',
    begin: async ({ redis }) => {
      await redis.allowSubscriptions(false);
      await redis.cut('pubsub');
    },
    end: ({ redis }) => redis.allowSubscriptions(true),
  },
  {
    what: 'cut off from everybody, again and again',
    short: true,
    begin: async ({ redis }) => {
      for (let i = 0; i < 5; i++) {
        await redis.cut(i % 2 ? 'normal' : 'pubsub');
        await delay(50);
      }
    },
    end: async () => undefined,
  },
];

/** One who sends on each node, and those who listen there. */
async function traffic(nodes: readonly Api[]) {
  const [anna, boris] = await makeUsers(nodes[0]!, 'Anna', 'Boris');
  const { id: chatId } = await makeGroup(nodes[0]!, anna, boris);
  // Before anything is said.
  const listen = async (node: Api) => new Listener(await v2Client(node, boris, RECONNECTING), chatId);
  const listeners = await Promise.all(nodes.map(listen));
  const writers = await Promise.all(
    nodes.map(async (node, i) => new Writer(await v2Client(node, anna, RECONNECTING), chatId, `writer${i}`, LOAD)),
  );
  const acknowledged = () => writers.reduce((sum, { acks }) => sum + acks.size, 0);
  /** Resolves when so many more have been acknowledged, and everybody who listens has had them. */
  const more = async (count: number) => {
    const target = acknowledged() + count;
    await expect.poll(acknowledged, { timeout: 20_000 }).toBeGreaterThanOrEqual(target);
    await expect.poll(() => Math.min(...listeners.map(({ changes }) => changes.size)), { timeout: 20_000 }).toBeGreaterThanOrEqual(target);
  };
  return {
    listeners,
    more,
    listen,
    refusals: () => writers.flatMap((writer) => writer.refusals),
    /** All is said: whoever stayed has had every message live, in order, once; nobody lacks anything. */
    async finish(returned: readonly Listener[] = [], stayed = listeners) {
      await Promise.all(writers.map((writer) => writer.finish()));
      const versions = Array.from({ length: acknowledged() }, (_, i) => i + 1);
      for (const { lived } of stayed) await expect.poll(() => lived.flat(), { timeout: 20_000 }).toEqual(versions);
      for (const listener of [...returned, ...listeners]) await listener.catchUp();
      expectNothingLost(await history(nodes[0]!, boris, chatId), writers, [...listeners, ...returned]);
    },
  };
}

describe.skipIf(CLUSTER_MISSING)('Redis fails under traffic, on three nodes', () => {
  let cluster: Cluster;
  let nodes: [TestServer, TestServer, SpawnedServer];

  beforeAll(async () => {
    cluster = await startCluster({ LOG_LEVEL: 'warn' });
    const first = await cluster.start();
    nodes = [first, ...(await Promise.all([cluster.start(), cluster.spawn()]))];
  });
  afterAll(() => cluster?.stop());
  afterEach(() => {
    closeClients();
    closeFeeds();
  });
  const here = () => [nodes[0], nodes[1]] as const;

  test.for(FAULTS)(
    'Redis is $what: nobody is refused, zero acknowledged messages lost, duplicated or reordered for a client that stays and for one that returns',
    { timeout: 60_000 },
    async ({ begin, end, short }) => {
      await linked(...here());
      const { more, listen, finish, refusals } = await traffic(nodes);
      const returning = await listen(nodes[1]);
      await more(20);
      await begin(cluster);
      if (!short) await Promise.all(here().map(cutOff));
      // Gone while Redis is, and back meanwhile: the connection does not need it.
      returning.client.cut();
      await more(20);
      await returning.catchUp();
      await end(cluster);
      await linked(...here());
      await more(20);
      await finish([returning]);
      expect(refusals()).toEqual([]);
    },
  );

  test('while Redis is away what other nodes do comes from the database: orders, notifications, new chats, receipts, and who is disabled is out', async () => {
    await linked(...here());
    const [a, b] = here();
    const staff = await newStaff(a);
    const [user, other] = await makeUsers(a, 'User', 'Other');
    const screens = await Promise.all([following(a, staff), following(b, staff)]);
    const [users, others] = [await v2Client(b, user), await v2Client(b, other)];
    cluster.redis.freeze();
    try {
      await Promise.all(here().map(cutOff));
      // Who connects now does not need Redis either.
      const late = await v2Client(b, user);
      const { order_id } = await newOrder(a);
      ok(
        await a.api('POST', '/api/v2/notifications', {
          key: true,
          body: { user_id: user, type: 'mention', title: 'T', body: 'B', data: {} },
        }),
      );
      for (const screen of screens) await screen.until(() => screen.created().includes(order_id) || undefined);
      for (const client of [users, late]) await client.next('notification:new');
      const chat = await makeGroup(a, user, other);
      const senders = await v2Client(a, user);
      const { message_id } = await say(senders, chat.id, 'hello');
      expect(await senders.next('chat:message:delivered')).toMatchObject({ message_id, delivered_to: other });
      await others.ask('chat:message:read', { chat_id: chat.id, message_id });
      expect(await senders.next('chat:message:read')).toMatchObject({ message_id, read_by: other });
      await others.next('chat:created', ({ id }) => id === chat.id);
      await a.createUser(other, { disabled: true });
      await others.next('error', ({ code }) => code === 'UNAUTHORIZED');
    } finally {
      cluster.redis.thaw();
    }
  });

  test.for([
    { what: 'stopped and continued', signal: 'SIGSTOP' },
    { what: 'killed and started again', signal: 'SIGKILL' },
  ] as const)(
    'a node is $what: the others go on, and nothing acknowledged is lost, duplicated or reordered',
    { timeout: 90_000 },
    async ({ signal }) => {
      await linked(...here());
      const { more, finish, listeners } = await traffic(nodes);
      await more(20);
      const [first, second, third] = nodes;
      if (signal === 'SIGKILL') await third.kill(signal);
      else process.kill(third.pid, signal);
      const stayed = listeners.slice(0, 2);
      const heard = () => Math.min(...stayed.map(({ changes }) => changes.size));
      const before = heard();
      await expect.poll(heard, { timeout: 30_000 }).toBeGreaterThan(before + 20);
      if (signal === 'SIGKILL') nodes = [first, second, await cluster.spawn({ PORT: new URL(third.url).port })];
      else process.kill(third.pid, 'SIGCONT');
      if (signal === 'SIGKILL') await listeners[2]!.client.until(() => (listeners[2]!.lived.length > 1 ? true : undefined));
      await listeners[2]!.catchUp();
      await more(20);
      await finish([], signal === 'SIGKILL' ? stayed : listeners);
    },
  );

  test('while Redis is away an internal note comes from the database too, in a ticket of long ago, and only what changed is read', async () => {
    await linked(...here());
    const [a, b] = here();
    const { agent, id } = await makeTicket(a);
    const quiet = await makeTicket(a);
    const { db } = a.app.get<Storage>(STORAGE, { strict: false });
    await db
      .updateTable('stream_log')
      .set({ created_at: Date.now() - 3_600_000 })
      .where('stream', 'like', 'ticket-staff:%')
      .execute();
    const reads = vi.spyOn(b.app.get(SupportService, { strict: false }), 'staffVersions');
    const agents = await supportClient(b, agent);
    cluster.redis.freeze();
    try {
      await Promise.all(here().map(cutOff));
      await send(a, agent, id, 'a note', { isInternal: true });
      await agents.next('support:new-message', ({ message }) => message.message === 'a note');
      const read = await Promise.all(reads.mock.results.map(({ value }) => value));
      expect(read[0]!.has(`ticket-staff:${quiet.id}`)).toBe(true);
      expect(new Set(read.slice(1).flatMap((versions) => [...versions.keys()]))).toEqual(new Set([`ticket-staff:${id}`]));
    } finally {
      cluster.redis.thaw();
      reads.mockRestore();
    }
  });
});
