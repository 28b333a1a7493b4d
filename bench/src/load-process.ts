import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { FeedPhase, FeedSeats } from './feed-traffic.ts';
import type { Measurement } from './measurement.ts';
import type { StormMeasurement, StormPhase, StormSeats } from './storm-traffic.ts';
import type { Expectations, MessageForm, Phase, Seat } from './traffic.ts';

/** What the load generator's process is asked to do, one at a time; it answers each with a `Reply`. */
export type Command =
  | { command: 'connect'; port: number; seats: Seat[]; expectations: Expectations; form: MessageForm | undefined }
  | { command: 'run'; phase: Phase }
  | { command: 'connect-feed'; port: number; seats: FeedSeats }
  | { command: 'run-feed'; phase: FeedPhase }
  | { command: 'storm'; port: number; seats: StormSeats; phase: StormPhase }
  | { command: 'check' };

export type Reply = { measurement?: Measurement; storm?: StormMeasurement } | { error: string };

/**
 * A load generator in a process of its own, so that neither its work nor its garbage is in what is measured. Every
 * call rejects with what the generator found wrong: a connection that broke, a message that is missing or repeated.
 */
export class LoadProcess {
  readonly #child: ChildProcess = fork(new URL('load-generator.js', import.meta.url));

  async connect(port: number, seats: Seat[], expectations: Expectations, form?: MessageForm): Promise<void> {
    await this.#ask({ command: 'connect', port, seats, expectations, form });
  }

  run(phase: Phase): Promise<Measurement> {
    return this.#measured({ command: 'run', phase });
  }

  async connectFeed(port: number, seats: FeedSeats): Promise<void> {
    await this.#ask({ command: 'connect-feed', port, seats });
  }

  runFeed(phase: FeedPhase): Promise<Measurement> {
    return this.#measured({ command: 'run-feed', phase });
  }

  async storm(port: number, seats: StormSeats, phase: StormPhase): Promise<StormMeasurement> {
    const { storm } = await this.#ask({ command: 'storm', port, seats, phase });
    if (!storm) throw new Error('the load generator measured nothing');
    return storm;
  }

  /** Rejects where a connection has broken meanwhile. */
  async check(): Promise<void> {
    await this.#ask({ command: 'check' });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }

  async #measured(command: Command): Promise<Measurement> {
    const reply = await this.#ask(command);
    if (!reply.measurement) throw new Error('the load generator measured nothing');
    return reply.measurement;
  }

  async #ask(command: Command): Promise<Exclude<Reply, { error: string }>> {
    const abandon = new AbortController();
    const signal = abandon.signal;
    const ended = once(this.#child, 'exit', { signal }).then((): never => {
      throw new Error('the load generator ended by itself');
    });
    const answered = once(this.#child, 'message', { signal });
    try {
      this.#child.send(command);
      const [reply] = (await Promise.race([answered, ended])) as [Reply];
      if ('error' in reply) throw new Error(reply.error);
      return reply;
    } finally {
      answered.catch(() => {});
      ended.catch(() => {});
      abandon.abort();
    }
  }
}
