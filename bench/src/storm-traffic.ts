import { setTimeout as delay } from 'node:timers/promises';
import { processCpuMicroseconds } from './process-usage.ts';
import { RawClient } from './raw-client.ts';
import type { PacketObserver } from './raw-client.ts';
import { inbox } from './raw-websocket.ts';

/** Who connects, evenly over a time, and who is to be told of whom. */
export interface StormSeats {
  /** JSON text of each user's CONNECT payload; the users are `user-00000`, `user-00001`, … */
  auths: string[];
  /** Users are each other's contacts within groups of so many, in order; where it is null everybody is told of everybody. */
  groupSize: number | null;
}

export interface StormPhase {
  connectMs: number;
  /** How long what there is to tell may take to arrive after the last one has connected, before it counts as missing. */
  drainMs: number;
  serverPid: number;
}

/** Processor time in microseconds. */
export interface StormMeasurement {
  elapsedMs: number;
  serverCpu: number;
  /** Presence events that arrived. */
  deliveries: number;
}

const onlineEvent = '42["user:online",{"user_id":"user-';
const idDigits = 5;

/** Users of one load generator who all connect within a short time, and the proof that each is told of all who came later. */
export class Storm {
  readonly #witnesses: Witness[] = [];
  #failure: Error | undefined;
  deliveries = 0;

  /** Connects all of them evenly over the time, and waits until each has been told of all that it must hear of. */
  async run(port: number, { auths, groupSize }: StormSeats, { connectMs, drainMs, serverPid }: StormPhase): Promise<StormMeasurement> {
    const size = groupSize ?? auths.length;
    // Who share a group come at any time, as people do.
    const order = auths.map((_, i) => i).toSorted((a, b) => ((a * 7919) % auths.length) - ((b * 7919) % auths.length) || a - b);
    const before = { cpu: processCpuMicroseconds(serverPid), at: performance.now() };
    for (const [turn, user] of order.entries()) {
      const due = before.at + (turn / auths.length) * connectMs;
      const wait = due - performance.now();
      if (wait > 0) await delay(wait);
      this.check();
      this.#witnesses[user] = new Witness(this, port, auths[user]!, user, size);
    }
    await Promise.all(this.#witnesses.map(({ client }) => client.connected));
    const deadline = performance.now() + drainMs;
    while (this.#missing(order, size)) {
      this.check();
      if (performance.now() > deadline) throw new Error(this.#missing(order, size));
      await delay(50);
    }
    return {
      elapsedMs: performance.now() - before.at,
      serverCpu: processCpuMicroseconds(serverPid) - before.cpu,
      deliveries: this.deliveries,
    };
  }

  /** Throws where a connection broke or something came that must not. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  close(): void {
    for (const { client } of this.#witnesses) client.close();
  }

  fail(reason: Error): void {
    this.#failure ??= reason;
  }

  /** What was not told that had to be: of everybody in the group who began to connect after oneself was connected. */
  #missing(order: readonly number[], size: number): string | undefined {
    const groups = Map.groupBy(order, (user) => Math.floor(user / size));
    for (const users of groups.values()) {
      for (const user of users) {
        const witness = this.#witnesses[user]!;
        const later = users.filter((other) => this.#witnesses[other]!.beganAt > witness.connectedAt);
        const missed = later.find((other) => !witness.heardOf(other));
        if (missed !== undefined) return `user ${user} was not told of user ${missed}`;
      }
    }
    return undefined;
  }
}

/** One user, and whom it was told of. */
class Witness implements PacketObserver {
  readonly client: RawClient;
  readonly beganAt = performance.now();
  connectedAt = Number.POSITIVE_INFINITY;
  readonly #storm: Storm;
  readonly #user: number;
  readonly #first: number;
  readonly #heard: Uint8Array;

  constructor(storm: Storm, port: number, auth: string, user: number, groupSize: number) {
    this.#storm = storm;
    this.#user = user;
    this.#first = Math.floor(user / groupSize) * groupSize;
    this.#heard = new Uint8Array(groupSize);
    this.client = new RawClient(port, auth, this);
    this.client.connected.then(
      () => (this.connectedAt = performance.now()),
      () => {},
    );
  }

  heardOf(user: number): boolean {
    return this.#heard[user - this.#first] === 1;
  }

  event(start: number, end: number): void {
    const at = start + onlineEvent.length;
    if (end < at + idDigits || inbox.text(start, at) !== onlineEvent) return;
    this.#storm.deliveries++;
    const place = Number(inbox.text(at, at + idDigits)) - this.#first;
    // Out of the group, oneself, or a second time.
    if (this.#heard[place] !== 0 || place + this.#first === this.#user)
      return this.#storm.fail(new Error(`user ${this.#user} was told: ${inbox.text(start, end)}`));
    this.#heard[place] = 1;
  }

  acknowledgement(start: number, end: number): void {
    this.#storm.fail(new Error(`an acknowledgement that nobody asked for: ${inbox.text(start, end)}`));
  }

  failed(reason: Error): void {
    const state = this.connectedAt === Number.POSITIVE_INFINITY ? 'not yet connected' : 'connected';
    this.#storm.fail(
      new Error(`user ${this.#user}, ${state} ${Math.round(performance.now() - this.beganAt)} ms after it began: ${reason.message}`),
    );
  }
}
