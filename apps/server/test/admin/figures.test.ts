import { describe, expect, test } from 'vitest';
import { quantileMs, serverFigures, type NodeFigures } from '../../src/features/admin/figures.ts';

const figures = (fields: Partial<NodeFigures>): NodeFigures => ({
  node: 'a',
  at: 0,
  sockets: {},
  events: 0,
  deliveries: 0,
  errors: {},
  latency: [
    { seconds: 0.1, count: 0 },
    { seconds: Infinity, count: 0 },
  ],
  memoryBytes: 0,
  eventLoopDelayP99Ms: 0,
  ...fields,
});

describe('the figures of all nodes', () => {
  test('are added up; rates are of each node’s own time, and latencies of what happened in it', () => {
    const a = {
      before: figures({
        at: 1_000,
        events: 10,
        deliveries: 100,
        latency: [
          { seconds: 0.1, count: 5 },
          { seconds: Infinity, count: 5 },
        ],
      }),
      now: figures({
        at: 3_000,
        events: 30,
        deliveries: 500,
        sockets: { '/': 2, '/admin': 1 },
        errors: { RATE_LIMIT: 2 },
        latency: [
          { seconds: 0.1, count: 15 },
          { seconds: Infinity, count: 15 },
        ],
        memoryBytes: 7,
        eventLoopDelayP99Ms: 3,
      }),
    };
    const b = {
      before: figures({ node: 'b', at: 500, events: 1 }),
      now: figures({
        node: 'b',
        at: 1_500,
        events: 6,
        sockets: { '/': 4 },
        errors: { RATE_LIMIT: 1, CONFLICT: 1 },
        memoryBytes: 5,
        eventLoopDelayP99Ms: 9,
      }),
    };
    // One that has just been heard of has no rates yet.
    const c = {
      before: undefined,
      now: figures({
        node: 'c',
        events: 1_000_000,
        latency: [
          { seconds: 0.1, count: 9 },
          { seconds: Infinity, count: 9 },
        ],
      }),
    };
    expect(serverFigures([a, b, c])).toEqual({
      connections: 7,
      connectionsByNamespace: { '/': 6, '/admin': 1 },
      connectionsByNode: { a: 3, b: 4, c: 0 },
      eventsPerSecond: 15,
      deliveriesPerSecond: 200,
      latencyP50Ms: 50,
      latencyP99Ms: 99,
      errorsByCode: { RATE_LIMIT: 3, CONFLICT: 1 },
      rateLimited: 3,
      memoryBytes: 12,
      eventLoopDelayP99Ms: 9,
    });
  });

  test('a quantile lies within its bucket; above the last bound at that bound; of nothing there is none', () => {
    const buckets = [
      { seconds: 0.001, count: 50 },
      { seconds: 0.01, count: 90 },
      { seconds: Infinity, count: 100 },
    ];
    expect([0.25, 0.5, 0.7, 0.9, 0.99].map((quantile) => quantileMs(buckets, quantile))).toEqual([0.5, 1, 5.5, 10, 10]);
    expect(
      quantileMs(
        buckets.map(({ seconds }) => ({ seconds, count: 0 })),
        0.5,
      ),
    ).toBeNull();
    expect(quantileMs([], 0.5)).toBeNull();
  });
});
