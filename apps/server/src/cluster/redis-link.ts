import { randomBytes } from 'node:crypto';
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';

/** What one node tells others over Redis. The first letter of a message says who reads it. */
export type MessageType = 'bus' | 'log';

/** Called with a message of another node, and that node's id. Must not throw and must not wait. */
export type MessageListener = (channel: string, body: string, from: string) => void;

interface Channel {
  /** How many want it. One that nobody wants any more is kept for a while: whoever reconnects finds it. */
  holders: number;
  idleSince: number;
  /** `confirmed`: Redis has said that what is published from now on comes here. */
  state: 'wanted' | 'asked' | 'confirmed';
}

// Commands that are not answered by then fail; whoever asked goes on without. No request path waits for one.
const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_AT_MOST_MS = 1_000;
// A node sends itself a beat, on the way that everything goes: published on one connection, received on the other.
const BEAT_MS = 500;
const DEAD_AFTER_MS = 2_000;
// A connection that looks open and brings nothing for so long is made anew: a machine that lost power says no goodbye.
const RECONNECT_AFTER_MS = 6_000;
const IDLE_KEPT_MS = 30_000;
const CHANNELS_AT_ONCE = 500;
const RETRY_MS = 250;
const SHARDED_FROM_VERSION = 7;

const BEAT = 'beat';

/**
 * This node's two connections to Redis, one that publishes and asks, one that listens. Nothing here ever waits for Redis, and nothing
 * that Redis does ends the process: while it is away messages are lost, and `onLost` and `onUp` tell what must be looked up instead.
 */
export class RedisLink {
  /** Tells this process from all others. */
  readonly nodeId = randomBytes(8).toString('hex');
  readonly #logger: Logger;
  readonly #prefix: string;
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #channels = new Map<string, Channel>();
  readonly #listeners = new Map<string, MessageListener>();
  readonly #confirmedListeners: ((channels: readonly string[]) => void)[] = [];
  readonly #upListeners: (() => void)[] = [];
  readonly #lostListeners: ((channel: string) => void)[] = [];
  /** Other nodes, and when each was heard last (`performance.now`). */
  readonly #peers = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #flushing = false;
  /** Counts connections of the subscriber: what an earlier one was told does not hold for this one. */
  #epoch = 0;
  #up = false;
  #heardAt = performance.now();
  #publishSharded: boolean | undefined;
  #subscribeSharded: boolean | undefined;

  /** @param prefix of every key and channel: several installations may share a Redis */
  constructor(options: RedisOptions, prefix: string, logger: Logger) {
    this.#logger = logger;
    this.#prefix = prefix;
    this.#commands = this.#connect(options);
    this.#subscriber = this.#connect(options);
    this.#commands.on('ready', () => void this.#detect(this.#commands).then((sharded) => (this.#publishSharded = sharded), ignore));
    this.#commands.on('close', () => this.#down());
    this.#subscriber.on('ready', () => void this.#subscriberReady().catch(ignore));
    this.#subscriber.on('close', () => this.#subscriberClosed());
    for (const event of ['message', 'smessage'])
      this.#subscriber.on(event, (channel: string, text: string) => this.#receive(channel, text));
    this.want(BEAT);
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  /** The connection for commands. Each is answered or fails within 1 s, and at once while there is no connection. */
  get commands(): Redis {
    return this.#commands;
  }

  /** Whether what this node published last came back to it: both ways work. */
  get up(): boolean {
    return this.#up;
  }

  /** The other nodes, and how many ms ago each was heard last. One that was stopped properly is not among them; a dead one is for 30 s. */
  get peers(): ReadonlyMap<string, number> {
    const now = performance.now();
    return new Map(Array.from(this.#peers, ([id, at]) => [id, now - at]));
  }

  /**
   * Runs a Lua script, which Redis keeps after the first time. @throws where it is not answered within 1 s
   * @param name of the script in this process
   */
  run(name: string, script: string, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    const commands = this.#commands as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    if (!(name in commands)) this.#commands.defineCommand(name, { lua: script });
    return commands[name]!(keys.length, ...keys, ...values);
  }

  /** A key of this installation. */
  key(name: string): string {
    return this.#prefix + name;
  }

  /** Makes `listener` the one that gets other nodes' messages of a type; once, at start. */
  onMessage(type: MessageType, listener: MessageListener): void {
    this.#listeners.set(type[0]!, listener);
  }

  /** Calls `listener` with channels on which nothing is missed from now on; what came before must be looked up. */
  onConfirmed(listener: (channels: readonly string[]) => void): void {
    this.#confirmedListeners.push(listener);
  }

  /** Calls `listener` whenever both ways work again. */
  onUp(listener: () => void): void {
    this.#upListeners.push(listener);
  }

  /** Calls `listener` with the channel of a message that other nodes perhaps did not get. */
  onLost(listener: (channel: string) => void): void {
    this.#lostListeners.push(listener);
  }

  /** Whether messages on a channel reach this node now. */
  isLive(channel: string): boolean {
    return this.#up && this.#channels.get(channel)?.state === 'confirmed';
  }

  /** Listens to a channel until as many `release`s. */
  want(channel: string): void {
    const known = this.#channels.get(channel);
    if (known) {
      known.holders++;
      return;
    }
    this.#channels.set(channel, { holders: 1, idleSince: 0, state: 'wanted' });
    this.#flushSoon();
  }

  release(channel: string): void {
    const known = this.#channels.get(channel);
    if (known && --known.holders === 0) known.idleSince = performance.now();
  }

  /** Tells the other nodes that listen to a channel; at most once, and in the order of the calls. */
  publish(type: MessageType, channel: string, body: string): void {
    if (this.#up) this.#send(channel, `${this.nodeId}${type[0]}${body}`).catch(() => this.#lost(channel));
    else this.#lost(channel);
  }

  /** Says goodbye to the other nodes and closes both connections. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#up) await this.#send(BEAT, `${this.nodeId}-`).catch(ignore);
    this.#up = false;
    this.#subscriber.disconnect();
    this.#commands.disconnect();
  }

  #connect(options: RedisOptions): Redis {
    const redis = new Redis({
      ...options,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: COMMAND_TIMEOUT_MS,
      // Nothing is kept for later: what could not be said now is looked up in the database then.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      // The library does not say when it is done, or that it failed; see `#flush`.
      autoResubscribe: false,
      retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), RECONNECT_AT_MOST_MS) * (0.5 + Math.random() / 2),
    });
    // Said once for an outage, by `#down`.
    redis.on('error', (err: Error) => this.#logger.debug({ err }, 'Redis connection'));
    return redis;
  }

  /** Whether the server knows sharded channels, which in a cluster of Redis stay on one shard. */
  async #detect(redis: Redis): Promise<boolean> {
    const version = /redis_version:(?<major>\d+)/.exec(await redis.info('server'))?.groups?.['major'];
    return Number(version) >= SHARDED_FROM_VERSION;
  }

  async #subscriberReady(): Promise<void> {
    const epoch = this.#epoch;
    const sharded = await this.#detect(this.#subscriber);
    if (epoch !== this.#epoch) return;
    this.#subscribeSharded = sharded;
    this.#flushSoon();
  }

  #subscriberClosed(): void {
    this.#epoch++;
    this.#subscribeSharded = undefined;
    for (const channel of this.#channels.values()) channel.state = 'wanted';
    this.#down();
  }

  // What is wanted in one turn of the event loop is asked for together.
  #flushSoon(ms = 0): void {
    if (this.#flushing || this.#subscribeSharded === undefined) return;
    this.#flushing = true;
    setTimeout(() => {
      this.#flushing = false;
      void this.#flush();
    }, ms).unref();
  }

  async #flush(): Promise<void> {
    const wanted = [...this.#channels].filter(([, { state }]) => state === 'wanted').map(([name]) => name);
    for (let i = 0; i < wanted.length; i += CHANNELS_AT_ONCE) await this.#ask(wanted.slice(i, i + CHANNELS_AT_ONCE));
  }

  async #ask(names: readonly string[]): Promise<void> {
    const epoch = this.#epoch;
    const asked = names.flatMap((name) => this.#channels.get(name) ?? []);
    for (const channel of asked) channel.state = 'asked';
    try {
      const keys = names.map((name) => this.key(name));
      await (this.#subscribeSharded ? this.#subscriber.ssubscribe(...keys) : this.#subscriber.subscribe(...keys));
      if (epoch !== this.#epoch) return;
      for (const channel of asked) channel.state = 'confirmed';
      if (names.includes(BEAT)) this.#beat();
      for (const listener of this.#confirmedListeners) listener(names);
    } catch {
      // After a break all are wanted again, and asked for once there is a connection.
      if (epoch !== this.#epoch) return;
      for (const channel of asked) channel.state = 'wanted';
      this.#flushSoon(RETRY_MS);
    }
  }

  #receive(key: string, text: string): void {
    const { length } = this.nodeId;
    const channel = key.slice(this.#prefix.length);
    const type = text[length]!;
    if (channel === BEAT) return this.#heard(text.slice(0, length), type);
    // One's own come back too.
    if (text.startsWith(this.nodeId)) return;
    this.#listeners.get(type)?.(channel, text.slice(length + 1), text.slice(0, length));
  }

  #heard(nodeId: string, type: string): void {
    if (nodeId !== this.nodeId) {
      if (type === '-') this.#peers.delete(nodeId);
      else this.#peers.set(nodeId, performance.now());
      return;
    }
    this.#heardAt = performance.now();
    if (this.#up || !this.#timer) return;
    this.#up = true;
    this.#logger.info('Redis is there: nodes tell each other what happens');
    for (const listener of this.#upListeners) listener();
  }

  #beat(): void {
    const now = performance.now();
    const silent = now - this.#heardAt;
    if (silent > DEAD_AFTER_MS) this.#down();
    if (silent > RECONNECT_AFTER_MS) {
      this.#heardAt = now;
      for (const redis of [this.#commands, this.#subscriber]) if (redis.status === 'ready') redis.disconnect(true);
    }
    for (const [id, at] of this.#peers) if (now - at > IDLE_KEPT_MS) this.#peers.delete(id);
    this.#dropIdle(now);
    this.#send(BEAT, `${this.nodeId}+`).catch(ignore);
  }

  #dropIdle(now: number): void {
    const idle = [...this.#channels].filter(([, { holders, idleSince }]) => holders === 0 && now - idleSince > IDLE_KEPT_MS);
    if (idle.length === 0) return;
    for (const [name] of idle) this.#channels.delete(name);
    for (let i = 0; i < idle.length; i += CHANNELS_AT_ONCE) {
      const keys = idle.slice(i, i + CHANNELS_AT_ONCE).map(([name]) => this.key(name));
      // Where it fails, what comes on it is of no interest to anybody.
      (this.#subscribeSharded ? this.#subscriber.sunsubscribe(...keys) : this.#subscriber.unsubscribe(...keys)).catch(ignore);
    }
  }

  async #send(channel: string, text: string): Promise<void> {
    if (this.#publishSharded === undefined) throw new Error('no connection');
    const key = this.key(channel);
    await (this.#publishSharded ? this.#commands.spublish(key, text) : this.#commands.publish(key, text));
  }

  #lost(channel: string): void {
    for (const listener of this.#lostListeners) listener(channel);
  }

  #down(): void {
    if (!this.#up) return;
    this.#up = false;
    this.#logger.warn('Redis is away: nodes look into the database instead, which is slower');
  }
}

function ignore(): void {
  // Whoever needed the answer goes on without; what was lost is looked up.
}
