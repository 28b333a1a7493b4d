import type { Measurement } from './measurement.ts';
import type { Gathering } from './peers.ts';
import type { Load, MessageForm } from './traffic.ts';

/** What is asked of a figure: the ratio, ours to the bare server's, or a bound that ours must keep by itself. */
export type Target = { ratioAtMost: number } | { ratioAtLeast: number } | { below: number };

/** A figure that the servers are compared by. */
export interface Comparison<Result> {
  label: string;
  figure: (result: Result) => number;
  /** Decimal places to print. */
  digits: number;
  /** Absent where a figure is only told. */
  target: Target | undefined;
}

/** What one idle connection adds to a server's resident memory, in bytes. */
export interface MemoryResult {
  settled: number;
  /** The same after a full garbage collection: what connections hold, without what making them left behind. */
  collected: number;
}

/** What a storm of connections did to a server. */
export interface StormResult {
  /** 99th percentile of the event loop's delay, as the server itself measures it, in milliseconds. */
  loopDelayP99Ms: number;
  /** Presence events that arrived. */
  deliveries: number;
  /** Processor time of the server in microseconds. */
  serverCpu: number;
}

interface Described {
  name: string;
  title: string;
}

/** Messages between connected users. */
export interface TrafficScenario extends Described {
  kind: 'traffic';
  gathering: Gathering;
  load: Load;
  /** Absent: short messages, not compressed. */
  form?: MessageForm;
  comparisons: Comparison<Measurement>[];
}

/** Connections that do nothing: what `connections` more cost where `warmUp` are there already. */
export interface IdleScenario extends Described {
  kind: 'idle';
  warmUp: number;
  connections: number;
  comparisons: Comparison<MemoryResult>[];
}

/** Orders that come to many screens of the raw feed at once, evenly at a fixed rate. */
export interface FeedScenario extends Described {
  kind: 'feed';
  listeners: number;
  ordersPerSecond: number;
  comparisons: Comparison<Measurement>[];
}

/** Users who all connect within a short time: what telling others who is online costs. A bare server has no presence. */
export interface StormScenario extends Described {
  kind: 'storm';
  users: number;
  connectMs: number;
  /** Who is told: everyone, or in groups of this size each other's contacts. */
  audience: { kind: 'everyone' } | { kind: 'contacts'; groupSize: number };
  comparisons: Comparison<StormResult>[];
}

export type Scenario = TrafficScenario | FeedScenario | IdleScenario | StormScenario;

/** The value below which `share` (0 to 1) of the values lie; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const deliveriesPerSecond = ({ deliveries, elapsedMs }: Measurement): number => (deliveries / elapsedMs) * 1000;
const cpuPerMessage = ({ serverCpu, messages }: Measurement): number => serverCpu / messages;
const cpuPerDelivery = ({ serverCpu, deliveries }: Measurement): number => serverCpu / deliveries;

/** Enough in flight to keep the bare server busy all the time: it is, with any number above a few. */
const saturating: Load = { kind: 'closed', window: 32 };
const pacedDeliveriesPerSecond = 20_000;

const room = (members: number): Gathering => ({ chats: 1, membersPerChat: members, sendersPerChat: 5 });

const saturatedRoom = (members: number): TrafficScenario => ({
  kind: 'traffic',
  name: `room-${members}`,
  title: `room of ${members.toLocaleString('en')}, closed loop`,
  gathering: room(members),
  load: saturating,
  comparisons: [{ label: 'deliveries/s', figure: deliveriesPerSecond, digits: 0, target: { ratioAtLeast: 5 } }],
});

const pacedRoom = (members: number): TrafficScenario => ({
  kind: 'traffic',
  name: `room-${members}-paced`,
  title: `room of ${members.toLocaleString('en')}, ${pacedDeliveriesPerSecond.toLocaleString('en')} deliveries/s`,
  gathering: room(members),
  load: { kind: 'paced', messagesPerSecond: pacedDeliveriesPerSecond / members },
  comparisons: [
    { label: 'CPU µs per delivery', figure: cpuPerDelivery, digits: 2, target: { ratioAtMost: 1.2 } },
    { label: 'p99 latency, ms', figure: ({ latencies }) => percentile(latencies, 0.99), digits: 1, target: { below: 50 } },
  ],
});

/** About 4 KiB each, to a thousand sockets. */
const largeMessages = (name: string, compressed: boolean, comparisons: Comparison<Measurement>[]): TrafficScenario => ({
  kind: 'traffic',
  name,
  title: `4 KiB to 1,000 sockets, ${compressed ? 'compressed' : 'not compressed'}`,
  gathering: room(1000),
  load: { kind: 'paced', messagesPerSecond: 3 },
  form: { characters: 3700, compressed },
  comparisons: [
    ...comparisons,
    {
      label: 'bytes per delivery on the wire',
      figure: ({ wireBytes, deliveries }) => wireBytes / deliveries,
      digits: 0,
      target: { ratioAtMost: 1.05 },
    },
  ],
});

const storm = (users: number, audience: StormScenario['audience']): StormScenario => ({
  kind: 'storm',
  name: `storm-${audience.kind}`,
  title: `${users.toLocaleString('en')} users connecting in 10 s, presence to ${audience.kind}`,
  users,
  connectMs: 10_000,
  audience,
  comparisons: [
    { label: "event loop's p99 delay, ms", figure: ({ loopDelayP99Ms }) => loopDelayP99Ms, digits: 0, target: { below: 100 } },
    { label: 'presence events delivered', figure: ({ deliveries }) => deliveries, digits: 0, target: undefined },
    { label: 'CPU ms per user', figure: ({ serverCpu }) => serverCpu / 1000 / users, digits: 2, target: undefined },
  ],
});

/** Everything that is compared. A new comparison is a new row. */
export const scenarios: Scenario[] = [
  {
    kind: 'traffic',
    name: 'direct',
    title: 'one to one, 500 pairs, window of 4',
    gathering: { chats: 500, membersPerChat: 2, sendersPerChat: 1 },
    load: { kind: 'closed', window: 4 },
    comparisons: [{ label: 'CPU µs per message', figure: cpuPerMessage, digits: 1, target: { ratioAtMost: 1.75 } }],
  },
  saturatedRoom(100),
  saturatedRoom(1000),
  pacedRoom(100),
  pacedRoom(1000),
  largeMessages('large', false, [{ label: 'CPU µs per delivery', figure: cpuPerDelivery, digits: 2, target: { ratioAtMost: 1.2 } }]),
  largeMessages('large-compressed', true, [
    { label: 'CPU µs per delivery', figure: cpuPerDelivery, digits: 2, target: { ratioAtMost: 1 / 3 } },
    { label: 'resident MiB', figure: ({ residentBytes }) => residentBytes / 2 ** 20, digits: 0, target: { ratioAtMost: 1 } },
  ]),
  {
    kind: 'feed',
    name: 'orders',
    title: 'order feed, 500 screens, 40 orders/s, beside bare ws',
    listeners: 500,
    ordersPerSecond: pacedDeliveriesPerSecond / 500,
    comparisons: [
      { label: 'CPU µs per order', figure: cpuPerMessage, digits: 0, target: { ratioAtMost: 1.5 } },
      { label: 'p99 latency, ms', figure: ({ latencies }) => percentile(latencies, 0.99), digits: 1, target: { below: 50 } },
    ],
  },
  {
    kind: 'idle',
    name: 'idle',
    title: '5,000 idle connections',
    warmUp: 500,
    connections: 5000,
    comparisons: [
      { label: 'resident KiB each', figure: ({ settled }) => settled / 1024, digits: 1, target: { ratioAtMost: 1.5 } },
      {
        label: 'resident KiB each, after a full collection',
        figure: ({ collected }) => collected / 1024,
        digits: 1,
        target: { ratioAtMost: 1.5 },
      },
    ],
  },
  storm(2_000, { kind: 'everyone' }),
  storm(10_000, { kind: 'contacts', groupSize: 20 }),
];
