/**
 * What one node and several cost on the same load, in processor time of the nodes, PostgreSQL and Redis: the figures of docs/scaling.md.
 * `DATABASE_URL=postgres://… REDIS_URL=redis://… npm run bench:nodes`, with a user that may create databases, on servers of this machine.
 */
import { Redis } from 'ioredis';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { LoadProcess } from './load-process.ts';
import type { Measurement } from './measurement.ts';
import { peers, type Gathering } from './peers.ts';
import { processCpuMicroseconds, processResidentBytes } from './process-usage.ts';
import { percentile } from './scenarios.ts';
import type { RunningServer } from './server-process.ts';
import type { Load, Seat } from './traffic.ts';

interface Scenario {
  title: string;
  gathering: Gathering;
  load: Load;
}

const PAIRS: Gathering = { chats: 200, membersPerChat: 2, sendersPerChat: 1 };
const ROOMS: Gathering = { chats: 20, membersPerChat: 20, sendersPerChat: 2 };
const paced = (messagesPerSecond: number): Load => ({ kind: 'paced', messagesPerSecond });

// What is asked is the cost. Latency says little where nodes, database, Redis and load generator share a few cores, and so does the
// rate of those that go as fast as they can; the cost of a message while they do is what a full node pays.
const SCENARIOS: Scenario[] = [
  { title: 'one to one', gathering: PAIRS, load: paced(400) },
  { title: 'one to one, as fast as it goes', gathering: PAIRS, load: { kind: 'closed', window: 4 } },
  { title: 'rooms of 20', gathering: ROOMS, load: paced(400) },
  { title: 'rooms of 20, as fast as it goes', gathering: ROOMS, load: { kind: 'closed', window: 16 } },
  { title: 'a room of 200', gathering: { chats: 1, membersPerChat: 200, sendersPerChat: 2 }, load: paced(50) },
];
const IDLE_CONNECTIONS = 500;
// One round of pings.
const IDLE_MS = 25_000;
const WARM_UP_MS = 2_000;
const MEASURE_MS = 5_000;
const DRAIN_MS = 15_000;

/** The processor time that each part took, in microseconds. */
interface Row {
  title: string;
  nodes: number[];
  database: number;
  redis: number;
  measurement: Measurement;
}

const { DATABASE_URL, REDIS_URL } = process.env;
if (!DATABASE_URL || !REDIS_URL) {
  console.error('DATABASE_URL and REDIS_URL must be set');
  process.exit(2);
}
const admin = new pg.Client(DATABASE_URL);
const redis = new Redis(REDIS_URL);
await admin.connect();

/** The processes of the database: its connections, which the nodes keep, and those that write its log and its pages. */
async function databasePids(): Promise<number[]> {
  const { rows } = await admin.query<{ pid: number }>('select pid from pg_stat_activity where pid <> pg_backend_pid()');
  return rows.map(({ pid }) => pid);
}

const redisPid = Number(/^process_id:(\d+)/m.exec(await redis.info('server'))![1]);

/** Starts `count` nodes on a database of their own, and takes it away afterwards. */
async function withNodes<T>(count: number, work: (nodes: RunningServer[], load: LoadProcess) => Promise<T>): Promise<T> {
  const name = `majlis_bench_${process.pid}_${Date.now()}`;
  await admin.query(`create database ${name}`);
  const url = new URL(DATABASE_URL!);
  url.pathname = `/${name}`;
  process.env['DATABASE_URL'] = url.href;
  const directory = mkdtempSync(join(tmpdir(), 'majlis-bench-'));
  const nodes: RunningServer[] = [];
  const load = new LoadProcess();
  try {
    for (let node = 0; node < count; node++) {
      const place = join(directory, String(node));
      mkdirSync(place);
      nodes.push(await peers.majlis.start(place));
    }
    const result = await work(nodes, load);
    rmSync(directory, { recursive: true });
    return result;
  } catch (error) {
    console.error(`The servers' logs are in ${directory}`);
    throw error;
  } finally {
    await load.stop();
    await Promise.all(nodes.map((node) => node.stop()));
    await admin.query(`drop database ${name} with (force)`);
  }
}

/** Neighbours in a chat on different nodes: with two nodes every one-to-one message crosses, and half of each room's copies. */
const seatsOf = (seats: Seat[], node: number, nodes: number) => seats.filter((_, i) => i % nodes === node);

function measureTraffic({ title, gathering, load: pace }: Scenario, count: number): Promise<Row> {
  return withNodes(count, async (nodes, load) => {
    const seats = await peers.majlis.prepare(nodes[0]!, gathering);
    const expectations = peers.majlis.expectations(gathering);
    for (const [i, { port }] of nodes.entries()) await load.connect(port, seatsOf(seats, i, count), expectations);
    // A moment's traffic, after which the pools of connections have the size that they keep.
    const phase = { load: pace, warmUpMs: WARM_UP_MS, drainMs: DRAIN_MS, serverPid: nodes[0]!.pid };
    await load.run({ ...phase, measureMs: 0 });
    const database = await databasePids();
    const alongside = [...nodes.map(({ pid }) => pid), redisPid, ...database];
    const measurement = await load.run({ ...phase, measureMs: MEASURE_MS, alongside });
    const used = measurement.alongside;
    const sum = (values: number[]) => values.reduce((total, one) => total + one, 0);
    return { title, nodes: used.slice(0, count), redis: used[count]!, database: sum(used.slice(count + 1)), measurement };
  });
}

/** What a connection costs one node: to be made, to be kept for a while, and in memory. */
async function measureIdle(): Promise<string> {
  return withNodes(1, async ([node], load) => {
    const { port, pid } = node!;
    const seats = await peers.majlis.prepareIdle(node!, 2 * IDLE_CONNECTIONS);
    const expectations = peers.majlis.expectations({ chats: 0, membersPerChat: 0, sendersPerChat: 0 });
    // The first ones warm up, so that what the second ones add is theirs.
    await load.connect(port, seats.slice(0, IDLE_CONNECTIONS), expectations);
    const [cpu, resident] = [processCpuMicroseconds(pid), processResidentBytes(pid)];
    await load.connect(port, seats.slice(IDLE_CONNECTIONS), expectations);
    const connecting = (processCpuMicroseconds(pid) - cpu) / IDLE_CONNECTIONS;
    const before = processCpuMicroseconds(pid);
    await delay(IDLE_MS);
    await load.check();
    const idle = (processCpuMicroseconds(pid) - before) / IDLE_MS / 10;
    const each = (processResidentBytes(pid) - resident) / IDLE_CONNECTIONS / 1024;
    return `Connecting takes ${fixed(connecting)} µs each; ${2 * IDLE_CONNECTIONS} idle connections and the node itself ${fixed(idle, 1)} % of a core; ${fixed(each)} KiB each.`;
  });
}

const fixed = (value: number, digits = 0) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

function line({ title, nodes, database, redis: carrier, measurement: m }: Row): string {
  const per = (cpu: number) => fixed(cpu / m.messages);
  const cells = [
    title,
    nodes.length,
    fixed((m.messages / m.elapsedMs) * 1000),
    fixed((m.deliveries / m.elapsedMs) * 1000),
    nodes.map(per).join(' + '),
    per(database),
    per(carrier),
    fixed(percentile(m.latencies, 0.5)),
  ];
  return `| ${cells.join(' | ')} |`;
}

console.log('Processor time in µs per message, of each node, of PostgreSQL and of Redis.\n');
console.log('| what | nodes | messages/s | deliveries/s | nodes, µs | PostgreSQL, µs | Redis, µs | p50 ms |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const scenario of SCENARIOS) for (const count of [1, 2]) console.log(line(await measureTraffic(scenario, count)));
console.log(`\n${await measureIdle()}`);
redis.disconnect();
await admin.end();
