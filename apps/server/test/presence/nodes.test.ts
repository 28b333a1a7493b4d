import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { NodeBus } from '../../src/cluster/node-bus.ts';
import { Presence } from '../../src/features/users/presence.ts';
import { makeUsers, ok, v2Client } from '../support/chats.ts';
import type { Api, SpawnedServer, TestServer } from '../support/server.ts';
import { closeClients, type Client } from '../support/sockets.ts';
import { CLUSTER_MISSING, cutOff, linked, linkOf, startCluster, type Cluster } from '../cluster/cluster.ts';
import { heardOf, offline, online } from './listening.ts';

const LEASE_MS = 3_500;
const GRACE_MS = 200;

describe.skipIf(CLUSTER_MISSING)('presence, all nodes counted together', () => {
  let cluster: Cluster;
  let nodes: [TestServer, TestServer];

  beforeAll(async () => {
    cluster = await startCluster({ PRESENCE_GRACE_MS: `${GRACE_MS}`, PRESENCE_LEASE_MS: `${LEASE_MS}` });
    nodes = [await cluster.start(), await cluster.start()];
    await linked(...nodes);
  });
  afterAll(() => cluster.stop());
  afterEach(closeClients);

  /** Users with a listener on each of both nodes. */
  async function listening() {
    const [anna, boris, clara, dora] = await makeUsers(nodes[0], 'Anna', 'Boris', 'Clara', 'Dora');
    const listeners = [await v2Client(nodes[0], clara), await v2Client(nodes[1], dora)] as const;
    await Promise.all([online(listeners[0], dora), knows(nodes[1], clara)]);
    return { anna, boris, clara, dora, listeners };
  }
  const everywhere = <T>(listeners: readonly Client[], wait: (listener: Client) => Promise<T>) => Promise.all(listeners.map(wait));
  /** Resolves when a node holds a user to be online. */
  async function knows(node: TestServer, userId: string): Promise<void> {
    await expect.poll(() => node.app.get(Presence).isOnline(userId), { timeout: 10_000, interval: 5 }).toBe(true);
  }
  const states = async (listener: Client, ...user_ids: string[]) =>
    (await listener.ask('presence:get', { user_ids })).users.map((user: { online: boolean }) => user.online) as boolean[];

  test('what happens on one node is told on all, with the same times; `presence:get` and REST know it', async () => {
    const { anna, listeners } = await listening();
    const annas = await v2Client(nodes[0], anna);
    const [here, there] = await everywhere(listeners, (one) => online(one, anna));
    expect(there).toEqual(here);
    for (const listener of listeners) expect(await states(listener, anna, 'nobody')).toEqual([true, false]);
    expect(ok(await nodes[1].api('GET', `/api/v2/users/${anna}`, { key: true }))).toMatchObject({
      online: true,
      last_seen: here!.last_seen,
    });
    annas.close();
    const [gone, goneThere] = await everywhere(listeners, (one) => offline(one, anna));
    expect(goneThere).toEqual(gone);
    for (const listener of listeners) expect(await states(listener, anna)).toEqual([false]);
  });

  test('a user who is connected to two nodes is online once, and goes offline once, after the last socket of all', async () => {
    const { anna, boris, listeners } = await listening();
    const first = await v2Client(nodes[0], anna);
    await everywhere(listeners, (one) => online(one, anna));
    const second = await v2Client(nodes[1], anna);
    // Boris comes behind Anna's second socket on the way between the nodes, and goes behind Anna's first.
    const boriss = await v2Client(nodes[1], boris);
    await everywhere(listeners, (one) => online(one, boris));
    first.close();
    boriss.close();
    await everywhere(listeners, (one) => offline(one, boris));
    for (const listener of listeners) expect(heardOf(listener, anna)).toEqual(['user:online']);
    second.close();
    await everywhere(listeners, (one) => offline(one, anna));
    for (const listener of listeners) expect(heardOf(listener, anna)).toEqual(['user:online', 'user:offline']);
  });

  test('who moves from one node to another within the grace time was never away', async () => {
    const { anna, boris, listeners } = await listening();
    const first = await v2Client(nodes[0], anna);
    const boriss = await v2Client(nodes[0], boris);
    await everywhere(listeners, (one) => online(one, boris));
    first.close();
    await v2Client(nodes[1], anna);
    boriss.close();
    await everywhere(listeners, (one) => offline(one, boris));
    for (const listener of listeners) expect(heardOf(listener, anna)).toEqual(['user:online']);
  });

  test('a node that joins later knows who is online, and tells nobody of them', async () => {
    const { anna, boris, listeners } = await listening();
    await v2Client(nodes[0], anna);
    await everywhere(listeners, (one) => online(one, anna));
    const third = await cluster.start();
    await linked(...nodes, third);
    await knows(third, anna);
    const thirds = await v2Client(third, boris);
    await everywhere(listeners, (one) => online(one, boris));
    expect(heardOf(thirds, anna)).toEqual([]);
    // A node that goes takes its users with it: at once, since it says so.
    await third.stop();
    await everywhere(listeners, (one) => offline(one, boris));
  });

  test('what got lost between nodes is noticed at the next beat, and asked for', async () => {
    const { anna, listeners } = await listening();
    const bus = nodes[0].app.get(NodeBus);
    const publish = bus.publish.bind(bus);
    let lost = 0;
    bus.publish = (kind, payload) => (kind.name === 'presence.facts' ? void lost++ : publish(kind, payload));
    const annas = await v2Client(nodes[0], anna);
    await expect.poll(() => lost, { timeout: 10_000, interval: 5 }).toBe(1);
    bus.publish = publish;
    await everywhere(listeners, (one) => online(one, anna));
    annas.close();
    await everywhere(listeners, (one) => offline(one, anna));
  });

  test('Redis away: what a node knows itself goes on, nobody else goes offline, and what was missed is told when it is back', async () => {
    const { anna, boris, clara, dora, listeners } = await listening();
    await cluster.redis.crash();
    await Promise.all(nodes.map(cutOff));
    const annas = await v2Client(nodes[0], anna);
    await online(listeners[0], anna);
    // Longer than the lease.
    const until = performance.now() + LEASE_MS * 1.3;
    while (performance.now() < until) await listeners[0].ask('presence:get', { user_ids: [anna] });
    expect(await states(listeners[0], anna, clara, dora)).toEqual([true, true, true]);
    expect(await states(listeners[1], anna, clara, dora)).toEqual([false, true, true]);
    await cluster.redis.restart();
    await online(listeners[1], anna);
    await v2Client(nodes[1], boris);
    await everywhere(listeners, (one) => online(one, boris));
    annas.close();
    await everywhere(listeners, (one) => offline(one, anna));
    for (const listener of listeners) for (const user of [clara, dora]) expect(heardOf(listener, user)).not.toContain('user:offline');
  });

  describe("a dead node's users go offline within 30 s", () => {
    let spawned: SpawnedServer;
    beforeAll(async () => {
      spawned = await cluster.spawn();
    });
    const at = (): Api => spawned;

    test('stopped for longer than its lease, and continued: they are back', async () => {
      const { anna, listeners } = await listening();
      const annas = await v2Client(at(), anna);
      await everywhere(listeners, (one) => online(one, anna));
      void spawned.kill('SIGSTOP');
      await everywhere(listeners, (one) => offline(one, anna));
      void spawned.kill('SIGCONT');
      await everywhere(listeners, (one) => one.count('user:online', one.of('user:online').length + 1));
      for (const listener of listeners) expect(heardOf(listener, anna)).toEqual(['user:online', 'user:offline', 'user:online']);
      expect(annas.of('disconnect')).toEqual([]);
    });

    test('killed: offline once, seen last when the node was; who is connected elsewhere too stays', async () => {
      const { anna, boris, listeners } = await listening();
      await v2Client(at(), anna);
      await v2Client(at(), boris);
      await everywhere(listeners, (one) => online(one, boris));
      await v2Client(nodes[1], boris);
      const killed = Date.now();
      await spawned.kill('SIGKILL');
      const [gone] = await everywhere(listeners, (one) => offline(one, anna));
      expect(Math.abs(Date.parse(gone!.last_seen) - killed)).toBeLessThan(LEASE_MS);
      await expect
        .poll(async () => ok(await nodes[0].api('GET', `/api/v2/users/${anna}`, { key: true })).last_seen, { timeout: 10_000 })
        .toBe(gone!.last_seen);
      for (const listener of listeners) {
        expect(heardOf(listener, anna)).toEqual(['user:online', 'user:offline']);
        expect(heardOf(listener, boris)).toEqual(['user:online']);
      }
      expect(linkOf(nodes[0]).up).toBe(true);
    });
  });
});
