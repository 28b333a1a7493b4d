import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBalancer, type Balancer } from '../support/balancer.ts';
import { expectNothingLost, history, Listener, RECONNECTING, Writer, type Ack } from '../support/burst.ts';
import { makeGroup, makeUsers } from '../support/chats.ts';
import { apiOf, type Api, type SpawnedServer } from '../support/server.ts';
import { closeClients, connected } from '../support/sockets.ts';
import { CLUSTER_MISSING, startCluster, type Cluster } from './cluster.ts';

const WRITERS = 6;
// One message of each at a time, so that what is refused and sent again keeps its place.
const LOAD = { messages: Infinity, inFlight: 1 };

describe.skipIf(CLUSTER_MISSING)('a rolling restart of two nodes under traffic', () => {
  let cluster: Cluster;
  let nodes: SpawnedServer[];
  let balancer: Balancer;

  beforeAll(async () => {
    cluster = await startCluster({ LOG_LEVEL: 'warn' });
    nodes = [await cluster.spawn(), await cluster.spawn()];
    balancer = await startBalancer(nodes.map(({ url }) => url));
  });
  afterAll(async () => {
    closeClients();
    await balancer?.close();
    await cluster?.stop();
  });

  /** A backend that posts one message after the other, each until it is taken. */
  function backend(server: Api, sender: string, chatId: string) {
    const over = new AbortController();
    const acks = new Map<string, Ack>();
    const failures: unknown[] = [];
    const post = async (id: string): Promise<void> => {
      for (;;) {
        const body = { type: 'text', content: `text of ${id}`, client_message_id: id };
        try {
          const answer = await server.api('POST', `/api/v2/chats/${chatId}/messages`, { as: sender, body });
          const { id: message_id, created_at, seq } = answer.body;
          if (answer.status < 300) return void acks.set(id, { message_id, created_at, seq });
          failures.push(answer.body.code);
        } catch (error) {
          failures.push((error as Error).message);
        }
        await delay(20);
      }
    };
    const done = (async () => {
      for (let i = 0; !over.signal.aborted; i++) await post(`backend-${i}`);
    })();
    const finish = () => {
      over.abort();
      return done;
    };
    return {
      acks,
      failures,
      finish,
      contradictions: [],
      get ids() {
        return [...acks.keys()];
      },
    };
  }

  test(
    'nothing fails that a retry does not mend: stock clients come back by themselves, and nothing acknowledged is lost, doubled or out of order',
    { timeout: 90_000 },
    async () => {
      const through = apiOf(balancer.url);
      const [anna, boris] = await makeUsers(through, 'Anna', 'Boris');
      const { id: chatId } = await makeGroup(through, anna, boris);
      const join = (user: string) => connected(balancer.url, '/', { token: through.token(user), ...RECONNECTING });
      const listeners = await Promise.all([boris, boris].map(async (user) => new Listener(await join(user), chatId)));
      const clients = await Promise.all(Array.from({ length: WRITERS }, () => join(anna)));
      const writers = clients.map((client, i) => new Writer(client, chatId, `writer${i}`, LOAD));
      const rest = backend(through, boris, chatId);
      const everyone = [...clients, ...listeners.map(({ client }) => client)];
      const acknowledged = () => writers.reduce((sum, { acks }) => sum + acks.size, 0);
      const more = async () => {
        const [sent, posted] = [acknowledged(), rest.acks.size];
        await expect.poll(() => Math.min(acknowledged() - sent, 10 * (rest.acks.size - posted)), { timeout: 20_000 }).toBeGreaterThan(50);
      };

      for (const [i, node] of nodes.entries()) {
        await more();
        expect(await node.kill('SIGTERM')).toBe(0);
        // On one node.
        await more();
        nodes[i] = await cluster.spawn({ PORT: new URL(node.url).port });
        await expect.poll(async () => (await nodes[i]!.api('GET', '/health/ready')).status).toBe(200);
      }
      await more();

      await Promise.all([...writers.map((writer) => writer.finish()), rest.finish()]);
      // Everybody was on a node that went, and is back.
      for (const client of everyone) {
        expect(client.of('disconnect').length).toBeGreaterThan(0);
        for (const reason of client.of('disconnect')) expect(reason).toMatch(/^transport (close|error)$/);
        expect(client.of('error')).toEqual([]);
        await client.until(() => client.socket.connected || undefined);
      }
      for (const { refusals } of writers) expect(refusals.filter((code) => code !== 'UNAVAILABLE')).toEqual([]);
      for (const failure of rest.failures) expect(failure).toMatch(/^(UNAVAILABLE|fetch failed)$/);

      for (const listener of listeners) await listener.catchUp();
      expectNothingLost(await history(through, boris, chatId), [...writers, rest], listeners);
    },
  );
});
