import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { collectGarbage } from './garbage-collection.ts';
import { LoadProcess } from './load-process.ts';
import type { Measurement } from './measurement.ts';
import { peers, prepareStorm, startStorm } from './peers.ts';
import type { Gathering, PeerName } from './peers.ts';
import { processResidentBytes } from './process-usage.ts';
import { percentile } from './scenarios.ts';
import type { FeedScenario, IdleScenario, MemoryResult, StormResult, StormScenario, TrafficScenario } from './scenarios.ts';
import type { RunningServer } from './server-process.ts';
import type { Seat } from './traffic.ts';

/** How long things are measured. */
export interface Timing {
  /** Each server is measured this many times, the servers in turn, because a machine's speed drifts from minute to minute. */
  rounds: number;
  firstWarmUpMs: number;
  /** Instead, where messages come slowly: 500 of them leave code half compiled, and the figure is the compiler's (8 to 17 µs in turn). */
  pacedWarmUpMs: number;
  warmUpMs: number;
  measureMs: number;
  /** Before memory is read. The default ping interval is 25 s, and the first pings take memory too. */
  settleMs: number;
}

/** What was measured on each server, round by round. */
export type ByPeer<Result> = Partial<Record<PeerName, Result[]>>;

/** A server and the load generator that is connected to it. */
interface Stand {
  peer: PeerName;
  server: RunningServer;
  load: LoadProcess;
}

interface IdleStand extends Stand {
  seats: Seat[];
}

const drainMs = 15_000;
const nobody: Gathering = { chats: 0, membersPerChat: 0, sendersPerChat: 0 };

/** What is measured round by round. */
interface Rounds {
  start(peer: PeerName, directory: string): Promise<RunningServer>;
  connect(stand: Stand): Promise<void>;
  run(stand: Stand, warmUpMs: number): Promise<Measurement>;
}

/** Sends messages on the peers, round by round in turn. Rejects where a message is missing, repeated or out of order. */
export function measureTraffic(
  scenario: TrafficScenario,
  names: PeerName[],
  timing: Timing,
  directory: string,
): Promise<ByPeer<Measurement>> {
  const { gathering, load, form } = scenario;
  const { measureMs } = timing;
  const firstWarmUpMs = load.kind === 'paced' ? timing.pacedWarmUpMs : timing.firstWarmUpMs;
  return measureRounds(names, { ...timing, firstWarmUpMs }, directory, {
    start: (peer, place) => peers[peer].start(place, form?.compressed),
    async connect({ peer, server, load: generator }) {
      const seats = await peers[peer].prepare(server, gathering);
      await generator.connect(server.port, seats, peers[peer].expectations(gathering), form);
    },
    run: ({ server, load: generator }, warmUpMs) => generator.run({ load, warmUpMs, measureMs, drainMs, serverPid: server.pid }),
  });
}

/** Makes orders on the peers, round by round in turn. Rejects where an order is missing, repeated or out of order on any screen. */
export function measureFeed(scenario: FeedScenario, names: PeerName[], timing: Timing, directory: string): Promise<ByPeer<Measurement>> {
  const { listeners, ordersPerSecond } = scenario;
  const { measureMs } = timing;
  return measureRounds(names, timing, directory, {
    start: (peer, place) => peers[peer].startFeed(place),
    connect: async ({ peer, server, load }) => load.connectFeed(server.port, await peers[peer].prepareFeed(server, listeners)),
    run: ({ server, load }, warmUpMs) => load.runFeed({ ordersPerSecond, warmUpMs, measureMs, drainMs, serverPid: server.pid }),
  });
}

/** Lets users connect all at once, and reads what it did to the server's event loop. Rejects where anybody is not told of somebody. */
export async function measureStorm({ users, connectMs, audience }: StormScenario, directory: string): Promise<StormResult> {
  const server = await startStorm(made(directory), audience.kind);
  const load = new LoadProcess();
  try {
    const seats = await prepareStorm(server, users, audience.kind === 'contacts' ? audience.groupSize : null);
    // The server's measurement begins anew with each reading.
    await loopDelayP99Ms(server);
    const storm = await load.storm(server.port, seats, { connectMs, drainMs, serverPid: server.pid });
    return { ...storm, loopDelayP99Ms: await loopDelayP99Ms(server) };
  } finally {
    await load.stop();
    await server.stop();
  }
}

async function loopDelayP99Ms({ port }: RunningServer): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^nodejs_eventloop_lag_p99_seconds (?<seconds>\S+)$/m.exec(metrics)?.groups?.['seconds']) * 1000;
}

async function measureRounds(names: PeerName[], timing: Timing, directory: string, rounds: Rounds): Promise<ByPeer<Measurement>> {
  const stands: Stand[] = [];
  const measured: ByPeer<Measurement> = {};
  try {
    for (const peer of names) {
      const stand = { peer, server: await rounds.start(peer, made(join(directory, peer))), load: new LoadProcess() };
      stands.push(stand);
      await rounds.connect(stand);
    }
    for (let round = 0; round < timing.rounds; round++) {
      // Back and forth (A B, B A), so that a steady drift falls on both alike.
      for (const stand of round % 2 === 0 ? stands : stands.toReversed()) {
        const measurement = await rounds.run(stand, round === 0 ? timing.firstWarmUpMs : timing.warmUpMs);
        (measured[stand.peer] ??= []).push(measurement);
      }
    }
    for (const { load } of stands) await load.check();
    return measured;
  } finally {
    await stopAll(stands);
  }
}

/** Measures what idle connections add to the resident memory of each peer; the peers settle side by side, which needs no processor time. */
export async function measureIdle(
  scenario: IdleScenario,
  names: PeerName[],
  timing: Timing,
  directory: string,
): Promise<ByPeer<MemoryResult>> {
  const stands: IdleStand[] = [];
  try {
    for (const peer of names) stands.push(await idleStand(scenario, peer, made(join(directory, peer))));
    const before = await connectAndRead(stands, (seats) => seats.slice(0, scenario.warmUp), timing);
    const after = await connectAndRead(stands, (seats) => seats.slice(scenario.warmUp), timing);
    const each = (figure: keyof MemoryResult, index: number): number =>
      (after[index]![figure] - before[index]![figure]) / scenario.connections;
    return Object.fromEntries(
      names.map((peer, index) => [peer, [{ settled: each('settled', index), collected: each('collected', index) }]]),
    );
  } finally {
    await stopAll(stands);
  }
}

async function idleStand(scenario: IdleScenario, peer: PeerName, directory: string): Promise<IdleStand> {
  const preparing = await peers[peer].start(directory);
  let seats: Seat[];
  try {
    seats = await peers[peer].prepareIdle(preparing, scenario.warmUp + scenario.connections);
  } finally {
    await preparing.stop();
  }
  // Started anew, so that what making the users left in memory does not serve connections for nothing.
  const server = await peers[peer].start(directory);
  return { peer, server, load: new LoadProcess(), seats };
}

async function connectAndRead(stands: IdleStand[], choose: (seats: Seat[]) => Seat[], timing: Timing): Promise<MemoryResult[]> {
  for (const { peer, server, load, seats } of stands) {
    await load.connect(server.port, choose(seats), peers[peer].expectations(nobody));
  }
  await delay(timing.settleMs);
  return Promise.all(
    stands.map(async ({ server, load }) => {
      await load.check();
      const settled = await residentBytes(server);
      await collectGarbage(server);
      return { settled, collected: await residentBytes(server) };
    }),
  );
}

/** The median of several readings. */
async function residentBytes({ pid }: RunningServer): Promise<number> {
  const readings: number[] = [];
  for (let reading = 0; reading < 5; reading++) {
    readings.push(processResidentBytes(pid));
    await delay(200);
  }
  return percentile(readings, 0.5);
}

async function stopAll(stands: Stand[]): Promise<void> {
  for (const { load, server } of stands) {
    await load.stop();
    await server.stop();
  }
}

function made(directory: string): string {
  mkdirSync(directory, { recursive: true });
  return directory;
}
