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
import { peers, type Gathering } from './peers.ts';
import { processCpuMicroseconds, processResidentBytes } from './process-usage.ts';
import { percentile } from './scenarios.ts';
import type { RunningServer } from './server-process.ts';
import type { Measurement, Seat } from './traffic.ts';

interface Scenario {
  title: string;
  gathering: Gathering;
  /** Paced, and far from what the machine can do: what is asked is the cost, and latency says nothing where all processes share two cores. */
  messagesPerSecond: number;
}

const SCENARIOS: Scenario[] = [
  { title: 'one to one', gathering: { chats: 200, membersPerChat: 2, sendersPerChat: 1 }, messagesPerSecond: 400 },
  { title: 'one to one, busier', gathering: { chats: 200, membersPerChat: 2, sendersPerChat: 1 }, messagesPerSecond: 1_600 },
  { title: 'rooms of 20', gathering: { chats: 20, membersPerChat: 20, sendersPerChat: 2 }, messagesPerSecond: 400 },
  { title: 'a room of 200', gathering: { chats: 1, membersPerChat: 200, sendersPerChat: 2 }, messagesPerSecond: 50 },
];
const IDLE_CONNECTIONS = 1_000;
// One round of pings.
const IDLE_MS = 25_000;
const WARM_UP_MS = 3_000;
const MEASURE_MS = 6_000;
const DRAIN_MS = 15_000;

interface Cpu {
  nodes: number[];
  database: number;
  redis: number;
}

/** What the figures are per second of, and the processor time that each part took, in microseconds. */
interface Row extends Cpu {
  title: string;
  elapsedMs: number;
  measurement?: Measurement;
  note?: string;
}

const { DATABASE_URL, REDIS_URL } = process.env;
if (!DATABASE_URL || !REDIS_URL) {
  console.error('DATABASE_URL and REDIS_URL must be set');
  process.exit(2);
}
const admin = new pg.Client(DATABASE_URL);
const redis = new Redis(REDIS_URL);
await admin.connect();

/** Processes of the database that are there at both readings: pools are filled by then. */
async function databaseCpu(): Promise<Map<number, number>> {
  const { rows } = await admin.query<{ pid: number }>('select pid from pg_stat_activity where pid <> pg_backend_pid()');
  return new Map(rows.map(({ pid }) => [pid, processCpuMicroseconds(pid)]));
}

async function redisCpu(): Promise<number> {
  const info = await redis.info('cpu');
  const seconds = ['used_cpu_sys', 'used_cpu_user'].map((name) => Number(new RegExp(`^${name}:(.+)$`, 'm').exec(info)![1]));
  return seconds.reduce((sum, one) => sum + one, 0) * 1e6;
}

/** Runs `work`, and reads what everybody used from `afterMs` on for `forMs`. */
async function cpuDuring<T>(nodes: RunningServer[], afterMs: number, forMs: number, work: () => Promise<T>) {
  const read = async () => ({
    at: performance.now(),
    nodes: nodes.map(({ pid }) => processCpuMicroseconds(pid)),
    database: await databaseCpu(),
    redis: await redisCpu(),
  });
  const reading = (async () => {
    await delay(afterMs);
    const before = await read();
    await delay(forMs);
    return { before, after: await read() };
  })();
  const [result, { before, after }] = await Promise.all([work(), reading]);
  let database = 0;
  for (const [pid, used] of after.database) database += used - (before.database.get(pid) ?? used);
  const used: Cpu & { elapsedMs: number } = {
    nodes: after.nodes.map((value, i) => value - before.nodes[i]!),
    database,
    redis: after.redis - before.redis,
    elapsedMs: after.at - before.at,
  };
  return { result, used };
}

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
    return await work(nodes, load);
  } finally {
    await load.stop();
    await Promise.all(nodes.map((node) => node.stop()));
    await admin.query(`drop database ${name} with (force)`);
    rmSync(directory, { recursive: true });
  }
}

/** Neighbours in a chat on different nodes: with two nodes every one-to-one message crosses, and half of each room's copies. */
const seatsOf = (seats: Seat[], node: number, nodes: number) => seats.filter((_, i) => i % nodes === node);

function measureTraffic({ title, gathering, messagesPerSecond }: Scenario, count: number): Promise<Row> {
  return withNodes(count, async (nodes, load) => {
    const seats = await peers.majlis.prepare(nodes[0]!, gathering);
    const expectations = peers.majlis.expectations(gathering);
    for (const [i, { port }] of nodes.entries()) await load.connect(port, seatsOf(seats, i, count), expectations);
    const phase = {
      load: { kind: 'paced', messagesPerSecond } as const,
      warmUpMs: WARM_UP_MS,
      measureMs: MEASURE_MS,
      drainMs: DRAIN_MS,
      serverPid: nodes[0]!.pid,
    };
    const { result: measurement, used } = await cpuDuring(nodes, WARM_UP_MS, MEASURE_MS, () => load.run(phase));
    return { title, ...used, measurement };
  });
}

function measureIdle(count: number): Promise<Row> {
  return withNodes(count, async (nodes, load) => {
    const seats = await peers.majlis.prepareIdle(nodes[0]!, IDLE_CONNECTIONS);
    const expectations = peers.majlis.expectations({ chats: 0, membersPerChat: 0, sendersPerChat: 0 });
    const residentBefore = nodes.map(({ pid }) => processResidentBytes(pid));
    const before = nodes.map(({ pid }) => processCpuMicroseconds(pid));
    for (const [i, { port }] of nodes.entries()) await load.connect(port, seatsOf(seats, i, count), expectations);
    await delay(WARM_UP_MS);
    const connected = nodes.reduce((sum, { pid }, i) => sum + processCpuMicroseconds(pid) - before[i]!, 0);
    const { used } = await cpuDuring(nodes, 0, IDLE_MS, async () => undefined);
    await load.check();
    const resident = nodes.reduce((sum, { pid }, i) => sum + processResidentBytes(pid) - residentBefore[i]!, 0);
    return {
      title: `${IDLE_CONNECTIONS} idle connections`,
      ...used,
      note: `connecting ${(connected / IDLE_CONNECTIONS).toFixed(0)} µs each, ${(resident / IDLE_CONNECTIONS / 1024).toFixed(0)} KiB each`,
    };
  });
}

const fixed = (value: number, digits = 0) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

function line({ title, elapsedMs, nodes, database, redis: carrier, measurement, note }: Row): string {
  const messages = measurement ? (measurement.messages / measurement.elapsedMs) * elapsedMs : 0;
  const per = (cpu: number) => (messages ? fixed(cpu / messages, 1) : `${fixed(cpu / elapsedMs / 10, 2)} %`);
  const all = nodes.reduce((sum, one) => sum + one, 0);
  const m = measurement;
  const cells = [
    title,
    nodes.length,
    m ? fixed((m.messages / m.elapsedMs) * 1000) : '–',
    m ? fixed((m.deliveries / m.elapsedMs) * 1000) : '–',
    per(all),
    nodes.map(per).join(' + '),
    per(database),
    per(carrier),
    m ? `${fixed(percentile(m.latencies, 0.5), 1)} / ${fixed(percentile(m.latencies, 0.99), 1)}` : (note ?? ''),
  ];
  return `| ${cells.join(' | ')} |`;
}

console.log('Processor time in µs per message (idle: per cent of a core).\n');
console.log('| what | nodes | messages/s | deliveries/s | all nodes | each node | PostgreSQL | Redis | p50 / p99 ms |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
console.log(line(await measureIdle(1)));
for (const scenario of SCENARIOS) for (const count of [1, 2]) console.log(line(await measureTraffic(scenario, count)));
redis.disconnect();
await admin.end();
