import { existsSync } from 'node:fs';
import { processCpuMicroseconds, processResidentBytes } from './process-usage.ts';

/** What a load generator counts of its traffic, from its start on. */
export interface Tally {
  /** Acknowledged messages. */
  messages: number;
  deliveries: number;
  /** Of the packets as they are read. */
  deliveryBytes: number;
  /** The same as frames on the wire, compressed where they are. */
  wireBytes: number;
  receipts: number;
}

/** What happened between two moments. Processor time in microseconds. */
export interface Measurement extends Tally {
  elapsedMs: number;
  serverCpu: number;
  generatorCpu: number;
  /** The server's resident memory at the end. */
  residentBytes: number;
  /** Milliseconds from a message's sending to its delivery, of a sample of the deliveries. */
  latencies: number[];
  /** Processor time of other processes; 0 of one that has ended. */
  alongside: number[];
}

/** Whose processor time is read. */
export interface Measured {
  serverPid: number;
  /** Other processes, read at the same moments. */
  alongside?: number[];
}

type Reading = Tally & Pick<Measurement, 'elapsedMs' | 'serverCpu' | 'generatorCpu' | 'alongside'>;

/** A tally with nothing in it. */
export const emptyTally = (): Tally => ({ messages: 0, deliveries: 0, deliveryBytes: 0, wireBytes: 0, receipts: 0 });

/** Everything that counts up, as it stands now; to be called by the load generator's process. */
export function read({ serverPid, alongside = [] }: Measured, tally: Tally): Reading {
  const own = process.cpuUsage();
  return {
    ...tally,
    elapsedMs: performance.now(),
    serverCpu: processCpuMicroseconds(serverPid),
    generatorCpu: own.user + own.system,
    alongside: alongside.map((pid) => (existsSync(`/proc/${pid}`) ? processCpuMicroseconds(pid) : 0)),
  };
}

/** What happened between two readings. */
export function between(before: Reading, after: Reading, serverPid: number, latencies: number[]): Measurement {
  return {
    ...combine(before, after, (earlier, later) => later - earlier),
    residentBytes: processResidentBytes(serverPid),
    latencies,
    alongside: after.alongside.map((used, i) => Math.max(0, used - before.alongside[i]!)),
  };
}

/** Several measurements of one server as one. */
export function together(measurements: readonly Measurement[]): Measurement {
  return measurements.reduce((a, b) => ({
    ...combine(a, b, (one, other) => one + other),
    residentBytes: b.residentBytes,
    latencies: [...a.latencies, ...b.latencies],
    alongside: a.alongside.map((used, i) => used + b.alongside[i]!),
  }));
}

type Counted = keyof Tally | 'elapsedMs' | 'serverCpu' | 'generatorCpu';

function combine(a: Reading, b: Reading, each: (a: number, b: number) => number): Pick<Measurement, Counted> {
  const of = (key: Counted): number => each(a[key], b[key]);
  return {
    elapsedMs: of('elapsedMs'),
    serverCpu: of('serverCpu'),
    generatorCpu: of('generatorCpu'),
    messages: of('messages'),
    deliveries: of('deliveries'),
    deliveryBytes: of('deliveryBytes'),
    wireBytes: of('wireBytes'),
    receipts: of('receipts'),
  };
}
