/** What nodes count, and the figures of the whole server made of it. Pure, so that any node can work out any other's. */
import type { MetricTotals } from '../../realtime/metrics.ts';

/** What one node has counted by now. Rates and latencies come from two of these, so a node need not know who asks, or how often. */
export interface NodeFigures extends MetricTotals {
  node: string;
  /** When it was counted, in milliseconds of that node's monotonic clock. */
  at: number;
  /** Sockets by namespace. */
  sockets: Record<string, number>;
  memoryBytes: number;
  /** Since the figures before these were asked for. */
  eventLoopDelayP99Ms: number;
}

/** The figures of all nodes together. */
export interface ServerFigures {
  connections: number;
  connectionsByNamespace: Record<string, number>;
  connectionsByNode: Record<string, number>;
  eventsPerSecond: number;
  deliveriesPerSecond: number;
  latencyP50Ms: number | null;
  latencyP99Ms: number | null;
  errorsByCode: Record<string, number>;
  rateLimited: number;
  memoryBytes: number;
  eventLoopDelayP99Ms: number;
}

/** Two counts of one node. Of a node that has just been heard of for the first time there is only one: it has no rates yet. */
export interface Span {
  before: NodeFigures | undefined;
  now: NodeFigures;
}

/** Adds up what the nodes counted. */
export function serverFigures(spans: readonly Span[]): ServerFigures {
  const nodes = spans.map(({ now }) => now);
  const errors = sums(nodes.map(({ errors }) => errors));
  const latency = addedLatency(spans);
  const byNamespace = sums(nodes.map(({ sockets }) => sockets));
  return {
    connections: total(Object.values(byNamespace)),
    connectionsByNamespace: byNamespace,
    connectionsByNode: Object.fromEntries(nodes.map(({ node, sockets }) => [node, total(Object.values(sockets))])),
    eventsPerSecond: rate(spans, ({ events }) => events),
    deliveriesPerSecond: rate(spans, ({ deliveries }) => deliveries),
    latencyP50Ms: quantileMs(latency, 0.5),
    latencyP99Ms: quantileMs(latency, 0.99),
    errorsByCode: errors,
    rateLimited: errors['RATE_LIMIT'] ?? 0,
    memoryBytes: total(nodes.map(({ memoryBytes }) => memoryBytes)),
    eventLoopDelayP99Ms: Math.max(0, ...nodes.map(({ eventLoopDelayP99Ms }) => eventLoopDelayP99Ms)),
  };
}

const total = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0);

function sums(all: readonly Readonly<Record<string, number | undefined>>[]): Record<string, number> {
  const added: Record<string, number> = {};
  for (const one of all) for (const [key, count] of Object.entries(one)) added[key] = (added[key] ?? 0) + (count ?? 0);
  return added;
}

function rate(spans: readonly Span[], count: (figures: NodeFigures) => number): number {
  const perSecond = spans.map(({ before, now }) => {
    const seconds = before ? (now.at - before.at) / 1000 : 0;
    return before && seconds > 0 ? (count(now) - count(before)) / seconds : 0;
  });
  return rounded(total(perSecond));
}

/** The events of these spans: how many took at most so long. */
function addedLatency(spans: readonly Span[]): MetricTotals['latency'] {
  const [first] = spans;
  return (first?.now.latency ?? []).map(({ seconds }, i) => ({
    seconds,
    count: total(spans.map(({ before, now }) => (before ? now.latency[i]!.count - before.latency[i]!.count : 0))),
  }));
}

/**
 * A quantile of a cumulative histogram as Prometheus estimates it: evenly spread within a bucket, and what lies above the last bound
 * at that bound. Null where nothing was observed.
 */
export function quantileMs(histogram: MetricTotals['latency'], quantile: number): number | null {
  const all = histogram.at(-1)?.count ?? 0;
  if (all === 0) return null;
  const rank = quantile * all;
  const i = histogram.findIndex(({ count }) => count >= rank);
  const lower = histogram[i - 1] ?? { seconds: 0, count: 0 };
  const upper = histogram[i]!;
  if (!Number.isFinite(upper.seconds)) return rounded(lower.seconds * 1000);
  const share = upper.count === lower.count ? 1 : (rank - lower.count) / (upper.count - lower.count);
  return rounded((lower.seconds + share * (upper.seconds - lower.seconds)) * 1000);
}

const rounded = (value: number) => Math.round(value * 1000) / 1000;
