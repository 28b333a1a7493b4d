import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { ErrorCode } from '@majlis/contract';

interface Outcomes {
  succeeded: number;
  failed: number;
}

/** What the metrics ask of the rest of the server when they are scraped. */
export interface MetricSources {
  /** Sockets by namespace. */
  connections(): ReadonlyMap<string, number>;
  /** Network connections. */
  clients(): number;
  /** Events given to sockets since the start. */
  deliveries(): number;
}

/** What has been counted since the start. */
export interface MetricTotals {
  /** Inbound events, the refused ones too. */
  events: number;
  deliveries: number;
  /** Events refused, by code. */
  errors: Partial<Record<ErrorCode, number>>;
  /** Of the events that succeeded: how many took at most so many seconds. The last is all of them. */
  latency: readonly { seconds: number; count: number }[];
}

/**
 * The documents' Prometheus metrics. Counting is plain numbers on the hot path (a labelled increment costs about a microsecond);
 * they become metrics when somebody scrapes.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #outcomes = new Map<string, Outcomes>();
  readonly #errors = new Map<ErrorCode, number>();
  readonly #latency: Histogram;
  readonly #sources: MetricSources;
  #connects = 0;
  #reconnections = 0;
  #cutOffs = 0;

  constructor(sources: MetricSources) {
    this.#sources = sources;
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const outcomes = this.#outcomes;
    const errors = this.#errors;
    const counter = (name: string, help: string, value: () => number) =>
      new Counter({
        name,
        help,
        registers,
        collect(this: Counter) {
          this.reset();
          this.inc(value());
        },
      });

    new Gauge({
      name: 'websocket_connections',
      help: 'Sockets by namespace',
      labelNames: ['namespace'],
      registers,
      collect() {
        for (const [namespace, count] of sources.connections()) this.set({ namespace }, count);
      },
    });
    new Gauge({
      name: 'websocket_connected_clients',
      help: 'Network connections',
      registers,
      collect() {
        this.set(sources.clients());
      },
    });
    new Counter({
      name: 'websocket_events_total',
      help: 'Inbound events',
      labelNames: ['event'],
      registers,
      collect() {
        this.reset();
        for (const [event, { succeeded, failed }] of outcomes) this.inc({ event }, succeeded + failed);
      },
    });
    new Counter({
      name: 'websocket_messages_total',
      help: 'Inbound events by outcome',
      labelNames: ['event', 'status'],
      registers,
      collect() {
        this.reset();
        for (const [event, { succeeded, failed }] of outcomes) {
          this.inc({ event, status: 'ok' }, succeeded);
          this.inc({ event, status: 'error' }, failed);
        }
      },
    });
    new Counter({
      name: 'websocket_errors_total',
      help: 'Errors answered, by code',
      labelNames: ['code'],
      registers,
      collect() {
        this.reset();
        for (const [code, count] of errors) this.inc({ code }, count);
      },
    });
    counter('websocket_connects_total', 'Sockets that were accepted', () => this.#connects);
    counter('websocket_reconnections_total', 'Connections of a device that had been cut off', () => this.#reconnections);
    counter('websocket_deliveries_total', 'Events given to sockets', () => sources.deliveries());
    counter('websocket_cut_off_total', 'Connections cut off because the peer did not read', () => this.#cutOffs);
    this.#latency = new Histogram({
      name: 'websocket_message_latency_seconds',
      help: 'From an event’s arrival to its acknowledgement',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 2, 5],
      registers,
    });
  }

  /** Counts an event that was answered. @param seconds from its arrival */
  handled(event: string, seconds: number): void {
    this.#of(event).succeeded++;
    this.#latency.observe(seconds);
  }

  /** Counts an event that was refused. `event` is `unknown` where the contract has no such name: names are the client's. */
  failed(event: string, code: ErrorCode): void {
    this.#of(event).failed++;
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  /** Adds a figure that a feature knows, asked for whenever somebody scrapes; once, at start. */
  addGauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(value());
      },
    });
  }

  /** Counts a socket that was accepted. */
  connected(): void {
    this.#connects++;
  }

  /** Counts a connection of a device that had been cut off. */
  reconnected(): void {
    this.#reconnections++;
  }

  /** Counts a peer that was cut off because it did not read. */
  cutOff(): void {
    this.#cutOffs++;
  }

  /** The totals that the metrics are made of. */
  async totals(): Promise<MetricTotals> {
    let events = 0;
    for (const { succeeded, failed } of this.#outcomes.values()) events += succeeded + failed;
    const latency = (await this.#latency.get()).values
      .filter(({ metricName }) => metricName?.endsWith('_bucket'))
      .map(({ labels, value }) => ({ seconds: labels['le'] === '+Inf' ? Infinity : Number(labels['le']), count: value }));
    return { events, deliveries: this.#sources.deliveries(), errors: Object.fromEntries(this.#errors), latency };
  }

  #of(event: string): Outcomes {
    let outcomes = this.#outcomes.get(event);
    if (!outcomes) this.#outcomes.set(event, (outcomes = { succeeded: 0, failed: 0 }));
    return outcomes;
  }
}
