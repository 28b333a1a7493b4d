/** Several nodes on one PostgreSQL and one Redis, with what hurts them. */
import { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { REDIS_LINK } from '../../src/cluster/cluster.module.ts';
import type { RedisLink } from '../../src/cluster/redis-link.ts';
import { UNLIMITED } from '../support/chats.ts';
import { POSTGRES_SERVER, temporaryDatabase } from '../support/engines.ts';
import { spawnServer, startServer, type SpawnedServer, type TestServer } from '../support/server.ts';
import { startRedis, type StartedServer } from '../support/servers.ts';

/** What a cluster needs is not installed here; vitest's set-up has said what. */
export const CLUSTER_MISSING = POSTGRES_SERVER === undefined || process.env['TEST_REDIS_URL'] === undefined;

type Environment = Record<string, string>;

/** A Redis server of a test's own. */
export interface TestRedis extends Pick<StartedServer, 'url' | 'crash' | 'restart'> {
  /** Stops it without a word, as a hanging machine does. */
  freeze(): void;
  thaw(): void;
  /** Cuts the clients' connections: of those that listen (`pubsub`), of all others (`normal`). */
  cut(type: 'normal' | 'pubsub'): Promise<void>;
  /** From now on nobody may subscribe to anything, or everybody again; who has subscribed stays so. */
  allowSubscriptions(allowed: boolean): Promise<void>;
}

export interface Cluster {
  /** The database of all nodes. */
  readonly databaseUrl: string;
  readonly redis: TestRedis;
  /** Starts one more node in this process. */
  start(overrides?: Environment): Promise<TestServer>;
  /** Starts one more node as a process of its own, which can be killed. */
  spawn(overrides?: Environment): Promise<SpawnedServer>;
  /** Stops all nodes, and removes the database and the Redis server. */
  stop(): Promise<void>;
}

/** An empty cluster: a database, a Redis server, no node yet. Rate limits are off. */
export async function startCluster(settings: Environment = {}): Promise<Cluster> {
  const [database, server] = await Promise.all([temporaryDatabase(POSTGRES_SERVER!), startRedis()]);
  const nodes: { stop(): Promise<void> }[] = [];
  const environment = (overrides: Environment) => ({
    ...UNLIMITED,
    DATABASE_URL: database.url,
    REDIS_URL: server!.url,
    ...settings,
    ...overrides,
  });
  const started = async <Node extends { stop(): Promise<void> }>(node: Promise<Node>): Promise<Node> => {
    nodes.push(await node);
    return node;
  };
  return {
    databaseUrl: database.url,
    redis: testRedis(server!),
    start: (overrides = {}) => started(startServer(environment(overrides))),
    spawn: (overrides = {}) => started(spawnServer(environment(overrides))),
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
      await server!.stop();
      await database.drop();
    },
  };
}

function testRedis(server: StartedServer): TestRedis {
  const admin = async (command: string, ...args: string[]) => {
    const redis = new Redis(server.url);
    await redis.call(command, ...args);
    redis.disconnect();
  };
  return {
    url: server.url,
    async crash() {
      // A stopped process takes no signal but this one.
      process.kill(server.pid, 'SIGCONT');
      await server.crash();
    },
    restart: () => server.restart(),
    freeze: () => void process.kill(server.pid, 'SIGSTOP'),
    thaw: () => void process.kill(server.pid, 'SIGCONT'),
    cut: (type) => admin('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'),
    allowSubscriptions: (allowed) => admin('ACL', 'SETUSER', 'default', allowed ? '+ssubscribe' : '-ssubscribe'),
  };
}

/** The connection to Redis of a node in this process. */
export const linkOf = (node: TestServer): RedisLink => node.app.get(REDIS_LINK);

/** Resolves when the nodes of this process hear each other over Redis. */
export async function linked(...nodes: TestServer[]): Promise<void> {
  const links = nodes.map(linkOf);
  const hear = (link: RedisLink) => link.up && links.every(({ nodeId }) => nodeId === link.nodeId || link.peers.has(nodeId));
  while (!links.every(hear)) await delay(5);
}

/** Resolves when a node of this process has noticed that Redis is away. */
export async function cutOff(node: TestServer): Promise<void> {
  while (linkOf(node).up) await delay(5);
}
