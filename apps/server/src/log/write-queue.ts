import { Failure } from '../errors.ts';
import { StoreUnavailable, TransactionConflict, type Storage } from '../storage/storage.ts';
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
  resolve(value: T): void;
  reject(error: unknown): void;
  queuedAt: number;
}

interface Job extends Waiting {
  streams: readonly string[];
  work(tx: WriteTransaction): Promise<unknown>;
}

interface CommandCalls {
  // oxlint-disable-next-line typescript/no-explicit-any -- each command brings its own types; `execute` keeps them together
  command: Command<any, any>;
  inputs: unknown[];
  waiting: Waiting[];
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
  /** A commit whose outcome is unknown: what follows these versions may or may not exist. */
  uncertain(versions: ReadonlyMap<string, number>): void;
}

const CONFLICT_RETRIES = 5;
// The contract answers UNAVAILABLE within 5 s; what waits longer than this for its commit is told so, and may retry safely.
const PATIENCE_MS = 4_500;
const MAX_BATCH = 2_000;

const emptyBatch = (): Batch => ({ commands: new Map(), jobs: [], size: 0 });

/**
 * Group commit. What arrives while one commit is in flight, or in the same turn of the event loop, goes into the next, so the
 * cost of a durable commit is shared and latency stays one commit.
 */
export class WriteQueue {
  readonly #storage: Storage;
  readonly #listener: CommitListener;
  #pending = emptyBatch();
  #inFlight = new Set<Waiting>();
  #running = false;
  #watch: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];

  constructor(storage: Storage, listener: CommitListener) {
    this.#storage = storage;
    this.#listener = listener;
  }

  /** Adds a call of `command` to the next commit. Resolves when it is durable and announced. @throws Failure UNAVAILABLE, or the command's own */
  execute<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
    return new Promise<Output>((resolve, reject) => {
      let calls = this.#pending.commands.get(command.name);
      if (!calls) this.#pending.commands.set(command.name, (calls = { command, inputs: [], waiting: [] }));
      calls.inputs.push(input);
      calls.waiting.push({ resolve: resolve as (value: unknown) => void, reject, queuedAt: Date.now() });
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
      this.#pending.jobs.push({ streams, work, resolve: resolve as (value: unknown) => void, reject, queuedAt: Date.now() });
      this.#schedule();
    });
  }

  /** Resolves when nothing waits and nothing is in flight. */
  idle(): Promise<void> {
    if (!this.#running && this.#pending.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  // After the poll phase: everything that this turn of the event loop read from sockets shares the commit.
  #schedule(): void {
    this.#pending.size++;
    if (this.#running) return;
    this.#running = true;
    setImmediate(() => void this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = this.#take();
      const waiting = [...batch.commands.values()].flatMap((calls) => calls.waiting).concat(batch.jobs);
      this.#inFlight = new Set(waiting);
      this.#watchPatience();
      await this.#commit(batch);
      this.#inFlight.clear();
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
    for (const [name, calls] of batch.commands) {
      if (calls.inputs.length <= MAX_BATCH) continue;
      const rest = { command: calls.command, inputs: calls.inputs.splice(MAX_BATCH), waiting: calls.waiting.splice(MAX_BATCH) };
      this.#pending.commands.set(name, rest);
      this.#pending.size += rest.inputs.length;
    }
    const restJobs = batch.jobs.splice(MAX_BATCH);
    this.#pending.jobs.push(...restJobs);
    this.#pending.size += restJobs.length;
    return batch;
  }

  async #commit(batch: Batch): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const settle: (() => void)[] = [];
      let locked = new Map<string, number>();
      try {
        const entries = await this.#storage.transaction(async (connection) => {
          const tx = new WriteTransaction(connection, Date.now());
          await tx.lock(streamsOf(batch));
          locked = tx.lockedVersions();
          for (const calls of batch.commands.values()) await runCommand(tx, calls, settle);
          for (const job of batch.jobs) await runJob(tx, job, settle);
          return tx.finish();
        });
        this.#listener.committed(entries);
        for (const tell of settle) tell();
        return;
      } catch (error) {
        if (error instanceof TransactionConflict && attempt < CONFLICT_RETRIES) continue;
        if (locked.size > 0) this.#listener.uncertain(locked);
        const answer = error instanceof StoreUnavailable || error instanceof TransactionConflict ? new Failure('UNAVAILABLE') : error;
        for (const calls of batch.commands.values()) for (const one of calls.waiting) one.reject(answer);
        for (const job of batch.jobs) job.reject(answer);
        return;
      }
    }
  }

  #watchPatience(): void {
    this.#watch ??= setTimeout(() => {
      this.#watch = undefined;
      const late = Date.now() - PATIENCE_MS;
      const tell = (one: Waiting) => {
        // Whatever becomes of the commit, this caller's later resolve or reject is without effect.
        if (one.queuedAt <= late) one.reject(new Failure('UNAVAILABLE'));
      };
      this.#inFlight.forEach(tell);
      for (const calls of this.#pending.commands.values()) calls.waiting.forEach(tell);
      this.#pending.jobs.forEach(tell);
      if (this.#running) this.#watchPatience();
    }, 250);
  }
}

function streamsOf(batch: Batch): Set<string> {
  const streams = new Set<string>();
  for (const { command, inputs } of batch.commands.values()) for (const input of inputs) for (const id of command.streams(input)) streams.add(id);
  for (const job of batch.jobs) for (const id of job.streams) streams.add(id);
  return streams;
}

// Faults of the connection or of the whole transaction end the batch; anything else is the caller's own.
const endsBatch = (error: unknown) => error instanceof StoreUnavailable || error instanceof TransactionConflict;

async function runCommand(tx: WriteTransaction, calls: CommandCalls, settle: (() => void)[]): Promise<void> {
  let outcomes: readonly unknown[];
  try {
    outcomes = await tx.savepoint(() => calls.command.runAll(tx, calls.inputs));
  } catch (error) {
    if (endsBatch(error)) throw error;
    outcomes = calls.inputs.map(() => error);
  }
  calls.waiting.forEach((one, i) => {
    const outcome = outcomes[i];
    settle.push(outcome instanceof Error ? () => one.reject(outcome) : () => one.resolve(outcome));
  });
}

async function runJob(tx: WriteTransaction, job: Job, settle: (() => void)[]): Promise<void> {
  try {
    const value = await tx.savepoint(() => job.work(tx));
    settle.push(() => job.resolve(value));
  } catch (error) {
    if (endsBatch(error)) throw error;
    settle.push(() => job.reject(error));
  }
}
