import { Failure } from '../errors.ts';
import { CommitUncertain, StoreUnavailable, TransactionConflict, type Storage } from '../storage/storage.ts';
import type { LogEntry } from './log-entry.ts';
import { WriteTransaction } from './write-transaction.ts';

/**
 * A write that many callers make at once, so that it is worth doing for all of them in one statement: sending messages, moving
 * watermarks. Commands of a batch run before its other jobs.
 */
export interface Command<Input, Output> {
  readonly name: string;
  /** The streams that this input will append to. */
  streams(input: Input): readonly string[];
  /** Does all of them. An answer that is an Error is that caller's alone. */
  runAll(tx: WriteTransaction, inputs: readonly Input[]): Promise<readonly (Output | Error)[]>;
}

interface Waiting<T = unknown> {
  /** What it may append to. */
  streams: readonly string[];
  resolve(value: T): void;
  reject(error: unknown): void;
  queuedAt: number;
  /** The caller was told UNAVAILABLE: what has not been done by now is not done any more. */
  refused?: boolean;
}

interface Call extends Waiting {
  input: unknown;
}

interface Job extends Waiting {
  work(tx: WriteTransaction): Promise<unknown>;
}

interface CommandCalls {
  // oxlint-disable-next-line typescript/no-explicit-any -- each command brings its own types; `execute` keeps them together
  command: Command<any, any>;
  calls: Call[];
}

interface Batch {
  commands: Map<string, CommandCalls>;
  jobs: Job[];
  size: number;
}

/** Where the queue reports what it committed. */
export interface CommitListener {
  /** In commit order, before the writers learn of it. */
  committed(entries: readonly LogEntry[]): void;
  /** A commit whose outcome its writers were not told: what follows these versions exists by now, or never will. */
  uncertain(versions: ReadonlyMap<string, number>): void;
}

const CONFLICT_RETRIES = 5;
// The contract answers UNAVAILABLE within 5 s; what waits longer than this for its commit is told so, and may retry safely.
const PATIENCE_MS = 4_500;
// The longest that a message waits for others that still come.
const GATHER_MS = 30;
const BUSY_SIZE = 100;
const BUSY_FOR_MS = 1_000;
const MAX_BATCH = 4_000;

const emptyBatch = (): Batch => ({ commands: new Map(), jobs: [], size: 0 });

function* everyone({ commands, jobs }: Batch): Iterable<Waiting> {
  for (const { calls } of commands.values()) yield* calls;
  yield* jobs;
}

/** What a command or a job of a batch came to; told to its callers after the commit. */
interface Outcome {
  callers: readonly Waiting[];
  /** For each of them; an Error is that caller's refusal. */
  values: readonly unknown[];
}

const stillWaits = ({ refused }: Waiting) => !refused;

/**
 * Group commit. What arrives while one commit is in flight, or in the same turn of the event loop, goes into the next, so the
 * cost of a durable commit is shared and latency stays one commit.
 */
export class WriteQueue {
  readonly #storage: Storage;
  readonly #listener: CommitListener;
  #pending = emptyBatch();
  #inFlight = emptyBatch();
  #running = false;
  #busyAt = -Infinity;
  #watch: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];

  constructor(storage: Storage, listener: CommitListener) {
    this.#storage = storage;
    this.#listener = listener;
  }

  /** Adds a call of `command` to the next commit. Resolves when it is durable and announced. @throws Failure UNAVAILABLE, or the command's own */
  execute<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
    return new Promise<Output>((resolve, reject) => {
      const streams = command.streams(input);
      let waiting = this.#pending.commands.get(command.name);
      if (!waiting) this.#pending.commands.set(command.name, (waiting = { command, calls: [] }));
      waiting.calls.push({ input, streams, resolve, reject, queuedAt: Date.now() });
      this.#schedule();
    });
  }

  /**
   * Adds a transaction of its own to the next commit.
   * @param streams what it may append to
   * @param work must touch nothing but the transaction: it runs again where it lost a race
   * @throws Failure UNAVAILABLE, or what `work` throws
   */
  run<T>(streams: readonly string[], work: (tx: WriteTransaction) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.jobs.push({ streams, work, resolve, reject, queuedAt: Date.now() });
      this.#schedule();
    });
  }

  /** True where a commit of the last second was full: what can wait (indexing) takes less of them. Not of the last one alone, which may be its own. */
  get busy(): boolean {
    return performance.now() - this.#busyAt < BUSY_FOR_MS;
  }

  /** Resolves when nothing waits and nothing is in flight. */
  idle(): Promise<void> {
    if (!this.#running && this.#pending.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #schedule(): void {
    this.#pending.size++;
    if (this.#running) return;
    this.#running = true;
    this.#gather(performance.now() + GATHER_MS);
  }

  // After the poll phase, when a turn of the event loop has brought nothing more: a commit writes whole pages, so under load one for
  // a thousand messages costs a fraction of ten for a hundred each, and a lone message waits for one empty turn (microseconds).
  #gather(until: number): void {
    const { size } = this.#pending;
    setImmediate(() => {
      if (this.#pending.size > size && this.#pending.size < MAX_BATCH && performance.now() < until) this.#gather(until);
      else void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = this.#take();
      if (batch.size >= BUSY_SIZE) this.#busyAt = performance.now();
      this.#inFlight = batch;
      this.#watchPatience();
      await this.#commit(batch);
      this.#inFlight = emptyBatch();
    }
    this.#running = false;
    clearTimeout(this.#watch);
    this.#watch = undefined;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  // A cut, so that one commit never holds the event loop for long; what is left over goes first into the next one.
  #take(): Batch {
    const batch = this.#pending;
    this.#pending = emptyBatch();
    if (batch.size <= MAX_BATCH) return batch;
    const next = this.#pending;
    for (const [name, { command, calls }] of batch.commands) {
      if (calls.length > MAX_BATCH) next.commands.set(name, { command, calls: calls.splice(MAX_BATCH) });
    }
    next.jobs = batch.jobs.splice(MAX_BATCH);
    next.size = [...everyone(next)].length;
    return batch;
  }

  async #commit(batch: Batch): Promise<void> {
    const streams = new Set<string>();
    for (const one of everyone(batch)) for (const stream of one.streams) streams.add(stream);
    // Where there is no neighbour to protect, the transaction itself is the savepoint.
    const alone = batch.commands.size + batch.jobs.length === 1;
    for (let attempt = 0; ; attempt++) {
      const outcomes: Outcome[] = [];
      let locked = new Map<string, number>();
      try {
        const entries = await this.#storage.transaction(async (connection) => {
          const tx = new WriteTransaction(connection, Date.now());
          await tx.lock(streams);
          locked = tx.lockedVersions();
          for (const calls of batch.commands.values()) outcomes.push(await runCommand(tx, calls, alone));
          for (const job of batch.jobs) outcomes.push(await runJob(tx, job, alone));
          return tx.finish();
        });
        this.#listener.committed(entries);
        for (const outcome of outcomes) settle(outcome);
        return;
      } catch (error) {
        if (error instanceof TransactionConflict && attempt < CONFLICT_RETRIES) continue;
        if (error instanceof CommitUncertain) void error.settled.then(() => this.#listener.uncertain(locked));
        const answer = error instanceof StoreUnavailable || error instanceof TransactionConflict ? new Failure('UNAVAILABLE') : error;
        for (const one of everyone(batch)) one.reject(answer);
        return;
      }
    }
  }

  #watchPatience(): void {
    this.#watch ??= setTimeout(() => {
      this.#watch = undefined;
      const late = Date.now() - PATIENCE_MS;
      // Where its commit is under way already, this caller's later resolve or reject is without effect.
      for (const one of [...everyone(this.#inFlight), ...everyone(this.#pending)]) {
        if (one.queuedAt > late) continue;
        one.refused = true;
        one.reject(new Failure('UNAVAILABLE'));
      }
      // A long outage must not pile them up.
      const pending = this.#pending;
      for (const waiting of pending.commands.values()) waiting.calls = waiting.calls.filter(stillWaits);
      pending.jobs = pending.jobs.filter(stillWaits);
      pending.size = [...everyone(pending)].length;
      if (this.#running) this.#watchPatience();
    }, 250);
  }
}

// Faults of the connection or of the whole transaction end the batch; anything else is the caller's own.
const endsBatch = (error: unknown) => error instanceof StoreUnavailable || error instanceof TransactionConflict;

function settle({ callers, values }: Outcome): void {
  callers.forEach((caller, i) => {
    const value = values[i];
    if (value instanceof Error) caller.reject(value);
    else caller.resolve(value);
  });
}

async function runCommand(tx: WriteTransaction, { command, calls }: CommandCalls, alone: boolean): Promise<Outcome> {
  const callers = calls.filter(stillWaits);
  if (callers.length === 0) return { callers, values: [] };
  const runAll = () =>
    command.runAll(
      tx,
      callers.map(({ input }) => input),
    );
  try {
    return { callers, values: await (alone ? runAll() : tx.savepoint(runAll)) };
  } catch (error) {
    if (alone || endsBatch(error)) throw error;
    return { callers, values: callers.map(() => error) };
  }
}

async function runJob(tx: WriteTransaction, job: Job, alone: boolean): Promise<Outcome> {
  if (!stillWaits(job)) return { callers: [], values: [] };
  const work = () => job.work(tx);
  try {
    return { callers: [job], values: [await (alone ? work() : tx.savepoint(work))] };
  } catch (error) {
    if (alone || endsBatch(error)) throw error;
    return { callers: [job], values: [error] };
  }
}
