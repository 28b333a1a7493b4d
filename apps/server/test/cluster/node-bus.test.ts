import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { redisOptions } from '../../src/cluster/cluster.module.ts';
import { busKind, NodeBus } from '../../src/cluster/node-bus.ts';
import { loadSettings } from '../../src/config/settings.ts';
import { caughtUp, makeGroup, makeUsers, say as sayInChat, v2Client, v2Clients } from '../support/chats.ts';
import { freshId, JWT_SECRET, startServer, type TestServer } from '../support/server.ts';
import { closeClients, connected } from '../support/sockets.ts';
import { CLUSTER_MISSING, cutOff, linked, linkOf, startCluster, type Cluster } from './cluster.ts';

const REDIS_URL = process.env['TEST_REDIS_URL'];
const WORD = busKind<{ word: string | number }>('test.word');

/** What a node hears on the bus from now on. */
function heardOn(node: TestServer): { from: string; word: string | number }[] {
  const heard: { from: string; word: string | number }[] = [];
  node.app.get(NodeBus).on(WORD, ({ word }, from) => void heard.push({ from, word }));
  return heard;
}

const say = (node: TestServer, word: string | number) => node.app.get(NodeBus).publish(WORD, { word });

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !holds(); await delay(5)) if (Date.now() > end) throw new Error(`waited for ${String(holds)}`);
}

describe.skipIf(CLUSTER_MISSING)('what passes between nodes', () => {
  let cluster: Cluster;
  let nodes: [TestServer, TestServer, TestServer];

  beforeAll(async () => {
    cluster = await startCluster();
    // The first migrates.
    const first = await cluster.start();
    nodes = [first, ...(await Promise.all([cluster.start(), cluster.start()]))] as typeof nodes;
    await linked(...nodes);
  });
  afterAll(() => cluster.stop());
  afterEach(closeClients);

  test('every other node hears a message once, in order, and the node itself does not', async () => {
    const heard = nodes.map(heardOn);
    const words = Array.from({ length: 200 }, (_, i) => i);
    for (const word of words) say(nodes[0], word);
    await until(() => heard[1]!.length >= 200 && heard[2]!.length >= 200);
    say(nodes[1], 'last');
    await until(() => heard[0]!.length > 0 && heard[2]!.length > 200);
    const from = linkOf(nodes[0]).nodeId;
    expect(heard[1]).toEqual(words.map((word) => ({ from, word })));
    expect(heard[2]!.slice(0, 200)).toEqual(heard[1]);
    expect(heard[0]).toEqual([{ from: linkOf(nodes[1]).nodeId, word: 'last' }]);
  });

  test.each([
    ['restarted', () => cluster.redis.crash().then(() => cluster.redis.restart())],
    ['frozen', async () => cluster.redis.freeze()],
  ])('Redis is %s: nobody waits, what is said meanwhile is lost, and after that the bus works again', async (_, hurt) => {
    const heard = heardOn(nodes[1]);
    await hurt();
    await cutOff(nodes[0]);
    say(nodes[0], 'into the void');
    cluster.redis.thaw();
    await linked(...nodes);
    say(nodes[0], 'again');
    await until(() => heard.length > 0);
    expect(heard.map(({ word }) => word)).toEqual(['again']);
  });

  test.each(['normal', 'pubsub'] as const)('the %s connections are cut: they are made anew, and listen to the same', async (type) => {
    const heard = heardOn(nodes[1]);
    await cluster.redis.cut(type);
    await cutOff(nodes[0]);
    await linked(...nodes);
    say(nodes[0], 'again');
    await until(() => heard.length > 0);
    expect(heard.map(({ word }) => word)).toEqual(['again']);
  });

  test('a node that is stopped properly is no peer any more', async () => {
    const leaving = await cluster.start();
    await linked(...nodes, leaving);
    const { nodeId } = linkOf(leaving);
    await leaving.stop();
    await until(() => nodes.every((node) => !linkOf(node).peers.has(nodeId)));
  });

  test('"Redis is never needed to connect": a node that starts without it serves', async () => {
    const alone = await cluster.start({ REDIS_URL: 'redis://127.0.0.1:1' });
    const [anna] = await makeUsers(alone, 'Anna');
    const chat = await makeGroup(alone, anna);
    const annas = await v2Client(alone, anna);
    await sayInChat(annas, chat.id, 'hello');
    await annas.next('chat:message:new');
    say(alone, 'to nobody');
    expect(linkOf(alone).up).toBe(false);
  });

  test('typing in a chat: to the members’ sockets on every node, once, and its end', async () => {
    const [anna, boris, clara] = await Promise.all(
      ['Anna', 'Boris', 'Clara'].map(async (name) => {
        const id = freshId(name);
        await nodes[0].createUser(id, { name });
        return id;
      }),
    );
    const chat = await makeGroup(nodes[0], anna!, boris!, clara!);
    const annas = await v2Client(nodes[0], anna!);
    const others = [await v2Client(nodes[1], boris!), await v2Client(nodes[2], clara!), ...(await v2Clients(nodes[0], boris!))];
    const typing = (is_typing: boolean) => ({ chat_id: chat.id, user_id: anna, user_name: 'Anna', is_typing });
    await annas.ask('chat:typing', { chat_id: chat.id, is_typing: true });
    await annas.ask('chat:typing', { chat_id: chat.id, is_typing: false });
    for (const client of others) await client.count('chat:typing', 2);
    await annas.ask('chat:typing', { chat_id: chat.id, is_typing: true });
    for (const client of others) await client.count('chat:typing', 3);
    annas.close();
    for (const client of others) {
      expect(await client.count('chat:typing', 4)).toEqual([typing(true), typing(false), typing(true), typing(false)]);
      await caughtUp(client);
    }
  });

  test('typing in a ticket', async () => {
    const [owner, agent] = [freshId('owner'), freshId('agent')];
    await nodes[0].createUser(owner);
    await nodes[1].createUser(agent, { role: 'employee' });
    const { body: ticket } = await nodes[0].api('POST', '/api/v1/support/tickets', { as: owner, body: { subject: 's', message: 'm' } });
    const owners = await connected(nodes[0].url, '/support', { token: nodes[0].token(owner) });
    const agents = await connected(nodes[1].url, '/support', { token: nodes[1].token(agent) });
    await agents.ask('join-ticket', { ticketId: ticket.id });
    await owners.ask('join-ticket', { ticketId: ticket.id });
    await owners.ask('typing', { ticketId: ticket.id, isTyping: true });
    expect(await agents.next('user-typing')).toEqual({ ticketId: ticket.id, userId: owner, isTyping: true });
    await agents.ask('typing', { ticketId: ticket.id, isTyping: true });
    expect(await owners.next('user-typing')).toEqual({ ticketId: ticket.id, userId: agent, isTyping: true });
  });
});

test('on one node, without Redis, the bus takes what is said and tells nobody', async () => {
  const node = await startServer();
  const heard = heardOn(node);
  say(node, 'to nobody');
  await node.stop();
  expect(heard).toEqual([]);
});

test.skipIf(REDIS_URL === undefined)(
  'with Redis and the embedded store it starts, as one node, and keeps the name of its store',
  async () => {
    const DATA_DIR = mkdtempSync(join(tmpdir(), 'majlis-bus-'));
    const channels: string[] = [];
    for (let start = 0; start < 2; start++) {
      const node = await startServer({ DATA_DIR, REDIS_URL });
      await linked(node);
      channels.push(linkOf(node).key('x'));
      await node.stop();
    }
    rmSync(DATA_DIR, { recursive: true });
    expect(channels[0]).toBe(channels[1]);
  },
);

test.each([
  [{}, undefined],
  [{ REDIS_PORT: '6380', REDIS_PASSWORD: 'p' }, undefined],
  [{ REDIS_HOST: 'r' }, { host: 'r', port: 6379 }],
  [
    { REDIS_HOST: 'r', REDIS_PORT: '6380', REDIS_PASSWORD: 'p' },
    { host: 'r', port: 6380, password: 'p' },
  ],
  [
    { REDIS_URL: 'redis://r', REDIS_HOST: 'other' },
    { host: 'r', port: 6379 },
  ],
  [{ REDIS_URL: 'rediss://u%40:p%2F@[::1]:6380/2' }, { host: '::1', port: 6380, username: 'u@', password: 'p/', db: 2, tls: {} }],
])('`REDIS_URL` (or `REDIS_HOST`, `REDIS_PORT`, `REDIS_PASSWORD`): %j', (env, options) => {
  expect(redisOptions(loadSettings({ JWT_SECRET, ...env }, tmpdir()))).toEqual(options);
});
