import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { between, emptyTally, read } from './measurement.ts';
import type { Measured, Measurement } from './measurement.ts';
import { pace } from './pace.ts';
import { inbox, RawWebSocket } from './raw-websocket.ts';
import type { TextObserver } from './raw-websocket.ts';

/** Who listens to the orders, and how they are made. */
export interface FeedSeats {
  /** The path of each listener's socket, with its query. */
  listeners: string[];
  /** Headers of the POST that makes an order. */
  headers: Record<string, string>;
}

export interface FeedPhase extends Measured {
  ordersPerSecond: number;
  warmUpMs: number;
  measureMs: number;
  /** How long an order may take to arrive after the last one was made, before it counts as missing. */
  drainMs: number;
}

const connectsAtOnce = 50;
/** A prime, so that the sample does not fall on the same listeners again and again. */
const sampleEvery = 7;

const firstFrame = '{"event":"connected",';
const orderFrame = '{"event":"order_created","version":';
const zero = '0'.charCodeAt(0);
const nine = '9'.charCodeAt(0);

/** The listeners of one load generator to one server's order feed, the orders that it makes, and the proof that none is missing. */
export class FeedTraffic {
  readonly #listeners: Listener[] = [];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });
  #port = 0;
  #headers: Record<string, string> = {};
  #made = 0;
  /** The version of the latest order that was answered. */
  #lastVersion = 0;
  #latencies: number[] = [];
  #untilSample = 1;
  #failure: Error | undefined;
  /** Its messages are the orders that were answered. */
  readonly #tally = emptyTally();

  /** Connects these listeners; rejects with the first refusal. */
  async connect(port: number, { listeners, headers }: FeedSeats): Promise<void> {
    this.#port = port;
    this.#headers = headers;
    const waiting = listeners.values();
    const connectInTurn = async (): Promise<void> => {
      for (const path of waiting) {
        const listener = new Listener(this, port, path);
        this.#listeners.push(listener);
        await listener.greeted;
        this.check();
      }
    };
    await Promise.all(Array.from({ length: connectsAtOnce }, connectInTurn));
  }

  /** Runs one phase, waits until every order has arrived, and rejects where any is missing, repeated or out of order. */
  async run(phase: FeedPhase): Promise<Measurement> {
    const stop = pace(phase.ordersPerSecond, () => this.#makeOrder());
    await delay(phase.warmUpMs);
    this.check();
    this.#latencies = [];
    const before = read(phase, this.#tally);
    await delay(phase.measureMs);
    this.check();
    const after = read(phase, this.#tally);
    const latencies = this.#latencies;
    stop();
    await this.#drained(phase.drainMs);
    return between(before, after, phase.serverPid, latencies);
  }

  /** Rejects where a connection broke or an order was refused since the last look. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  close(): void {
    for (const listener of this.#listeners) listener.socket.close();
    this.#agent.destroy();
  }

  fail(reason: Error): void {
    this.#failure ??= reason;
  }

  /** Takes note of an order that has come to a listener; the frame's place is that in `inbox`. */
  delivered(start: number, end: number): void {
    this.#tally.deliveries++;
    this.#tally.deliveryBytes += end - start;
    this.#tally.wireBytes += inbox.frameBytes;
    if (--this.#untilSample > 0) return;
    this.#untilSample = sampleEvery;
    const { data } = JSON.parse(inbox.text(start, end)) as { data: { customer_name: string } };
    this.#latencies.push(performance.now() - Number.parseFloat(data.customer_name));
  }

  #makeOrder(): void {
    this.#made++;
    const order = {
      customer_name: performance.now().toFixed(3).padEnd(20, '.'),
      customer_phone: '+963 944 123456',
      total_amount: 120.5,
      final_amount: 99.99,
      delivery_type: 'self',
      items_count: 3,
    };
    const post = request(
      {
        host: '127.0.0.1',
        port: this.#port,
        path: '/api/orders',
        method: 'POST',
        agent: this.#agent,
        headers: { 'content-type': 'application/json', ...this.#headers },
      },
      (response) => {
        let answer = '';
        response.on('data', (chunk) => (answer += String(chunk)));
        response.on('end', () => {
          if (response.statusCode !== 201) return this.fail(new Error(`an order was answered ${response.statusCode}: ${answer}`));
          const { version } = JSON.parse(answer) as { version: number };
          this.#lastVersion = Math.max(this.#lastVersion, version);
          this.#tally.messages++;
        });
      },
    );
    post.on('error', (error) => this.fail(error));
    post.end(JSON.stringify(order));
  }

  async #drained(drainMs: number): Promise<void> {
    for (const deadline = performance.now() + drainMs; ; await delay(10)) {
      this.check();
      // Order and repetition need no look here: each listener refuses any version but the next.
      const behind = this.#listeners.filter(({ version }) => version !== this.#lastVersion).length;
      if (this.#tally.messages === this.#made && behind === 0) return;
      if (performance.now() < deadline) continue;
      throw new Error(
        `${drainMs} ms after the last order ${this.#made - this.#tally.messages} are not answered and ${behind} listeners miss some`,
      );
    }
  }
}

/** One screen: checks that it gets every order, once and in order. */
class Listener implements TextObserver {
  readonly socket: RawWebSocket;
  /** Settles with the first frame. */
  readonly greeted: Promise<void>;
  /** Of the latest order. */
  version = 0;
  readonly #traffic: FeedTraffic;
  readonly #greeting = Promise.withResolvers<void>();

  constructor(traffic: FeedTraffic, port: number, path: string) {
    this.#traffic = traffic;
    this.greeted = this.#greeting.promise;
    this.socket = new RawWebSocket(port, path, this);
  }

  text(start: number, end: number): void {
    let version = 0;
    let at = start + orderFrame.length;
    for (let digit = inbox.view.getUint8(at); digit >= zero && digit <= nine; digit = inbox.view.getUint8(++at))
      version = version * 10 + digit - zero;
    if (version > 0 && version === this.version + 1) {
      this.version = version;
      return this.#traffic.delivered(start, end);
    }
    const frame = inbox.text(start, end);
    if (!frame.startsWith(firstFrame)) return this.socket.fail(`after version ${this.version} came ${frame.slice(0, 200)}`);
    this.version = (JSON.parse(frame) as { data: { version: number } }).data.version;
    this.#greeting.resolve();
  }

  failed(reason: Error): void {
    this.#greeting.reject(reason);
    this.#traffic.fail(reason);
  }
}
