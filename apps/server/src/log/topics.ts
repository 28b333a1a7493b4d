import type { Logger } from 'pino';
import type { RedisLink } from '../cluster/redis-link.ts';
import type { Storage } from '../storage/storage.ts';
import type { Follower, LogCarrier } from './follower.ts';
import { streamKind, type LogEntry } from './log-entry.ts';
import { readCounters } from './stream-log.repository.ts';

/** The streams of a topic, with the version that each has come to. */
export type TopicVersions = ReadonlyMap<string, number>;

/** Topics of more than one stream, or whose streams are not known beforehand. By default each stream is a topic of its own. */
export interface TopicKind {
  /** Topics are named `<prefix>:<id>`, or by the prefix alone. */
  readonly prefix: string;
  /** What the streams are called that come in these topics: `<prefix>:…`. */
  readonly streamPrefix: string;
  /** In which topic a stream comes; undefined where this node does not know. */
  topicOf(stream: string): string | undefined;
  /**
   * All streams of these topics; one that is not among them has not begun.
   * @param since what has no entry that is dated later (ms since the epoch) may be left out
   */
  versions(topics: readonly string[], since?: number): Promise<ReadonlyMap<string, TopicVersions>>;
}

interface Topic {
  holders: number;
  /** Resolves when its streams are followed. */
  ready: Promise<void>;
  /** When its streams were last held against the database (`performance.now`). */
  checkedAt: number;
  /** What was committed until then (ms since the epoch) has been read. */
  readTo: number;
  /** The streams that are followed for it, from when their versions have been read. */
  streams: Set<string> | undefined;
}

interface Waiting {
  topic: string;
  resolve: () => void;
}

const READ_AT_ONCE = 1_000;
const RETRY_MS = 250;
const TICK_MS = 250;
// How old the knowledge of a topic may be: while hints may be missing, and while all seems well. Redis may drop a hint without a word.
const CHECK_AGAIN_MS = 500;
const AUDIT_MS = 10_000;
// An entry is dated before it is committed, and by the clock of another node.
const DATED_WITHIN_MS = 60_000;
// Of a node that fell silent nobody knows what it still commits.
const PEER_SILENT_MS = 2_000;
// Looking takes at most about a fifth of the time, however many streams there are.
const REST_PER_WORK = 4;
const LOST_REMEMBERED = 10_000;

/**
 * What this node hears from the others. A *topic* is what it listens to: a Redis channel, and the streams whose entries come on it. An
 * entry on the channel is a hint; what the database says decides. A topic is held against the database when its subscription has been
 * confirmed, again and again while Redis is away or another node is silent, and now and then in any case.
 */
export class Topics implements LogCarrier {
  readonly #link: RedisLink | undefined;
  readonly #storage: Storage;
  readonly #logger: Logger;
  readonly #byPrefix = new Map<string, TopicKind>();
  readonly #byStreamPrefix = new Map<string, TopicKind>();
  readonly #topics = new Map<string, Topic>();
  /** Topics of which the other nodes perhaps did not hear. */
  readonly #lost = new Set<string>();
  #follower!: Follower;
  #wanted: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #checking = false;
  #again = false;
  #stopped = false;

  /** @param link undefined on one node, where nothing here does anything */
  constructor(link: RedisLink | undefined, storage: Storage, logger: Logger) {
    this.#link = link;
    this.#storage = storage;
    this.#logger = logger;
  }

  /** Whether there may be other nodes. */
  get clustered(): boolean {
    return this.#link !== undefined;
  }

  /** Begins to hear the others; once, at start. */
  start(follower: Follower): void {
    this.#follower = follower;
    const link = this.#link;
    if (!link) return;
    link.onMessage('log', (topic, body) => this.#receive(topic, body));
    link.onConfirmed((channels) => this.#due(channels));
    link.onUp(() => {
      for (const topic of this.#lost) link.publish('log', topic, '[]');
      this.#lost.clear();
      this.#due(this.#topics.keys());
    });
    link.onLost((topic) => {
      if (this.#lost.size < LOST_REMEMBERED) this.#lost.add(topic);
    });
    this.#sleep(TICK_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Makes topics known that are more than one stream; once, at start. */
  register(kind: TopicKind): void {
    this.#byPrefix.set(kind.prefix, kind);
    this.#byStreamPrefix.set(kind.streamPrefix, kind);
  }

  /** The topic in which a stream comes. */
  topicOf(stream: string): string | undefined {
    const kind = this.#byStreamPrefix.get(streamKind(stream));
    return kind ? kind.topicOf(stream) : stream;
  }

  /**
   * Follows these topics, each until as many `unfollow`s. When it resolves, everything that is committed from now on will be told here:
   * who reads a version after that has no hole between reading and listening. While the store is away it does not resolve.
   */
  async follow(topics: readonly string[]): Promise<void> {
    if (!this.#link || topics.length === 0) return;
    const ready = topics.map((name) => {
      const topic = this.#topics.get(name) ?? this.#begin(name);
      topic.holders++;
      return topic.ready;
    });
    await Promise.all(ready);
  }

  /** As `follow`, for the topic of a single stream whose version is known. */
  followFrom(stream: string, version: number): void {
    if (!this.#link) return;
    const known = this.#topics.get(stream);
    if (known) {
      known.holders++;
      return;
    }
    const topic: Topic = { holders: 1, ready: Promise.resolve(), checkedAt: 0, readTo: Date.now(), streams: undefined };
    this.#topics.set(stream, topic);
    this.#settle(stream, topic, new Map([[stream, version]]));
  }

  unfollow(name: string): void {
    const topic = this.#topics.get(name);
    if (!topic || --topic.holders > 0) return;
    this.#topics.delete(name);
    if (!topic.streams) return;
    this.#link!.release(name);
    for (const stream of topic.streams) this.#follower.unfollow(stream);
  }

  publish(entries: readonly LogEntry[]): void {
    for (const [topic, some] of Map.groupBy(entries, ({ stream }) => this.topicOf(stream))) {
      if (topic !== undefined) this.#link!.publish('log', topic, JSON.stringify(some));
    }
  }

  publishUnknown(streams: Iterable<string>): void {
    for (const stream of streams) {
      const topic = this.topicOf(stream);
      if (topic !== undefined) this.#link!.publish('log', topic, '[]');
    }
  }

  #receive(name: string, body: string): void {
    const topic = this.#topics.get(name);
    if (!topic?.streams) return;
    let entries: LogEntry[];
    try {
      entries = JSON.parse(body) as LogEntry[];
    } catch (err) {
      this.#logger.warn({ err, topic: name }, 'A hint of another node was not understood');
      return this.#due([name]);
    }
    if (entries.length === 0) return this.#due([name]);
    const kind = this.#byPrefix.get(streamKind(name));
    for (const { stream } of entries) {
      // All its streams have been followed from the beginning: this one has just begun.
      if (kind && kind.streamPrefix === streamKind(stream)) this.#add(topic.streams, stream, 0);
    }
    this.#follower.receive(entries.filter(({ stream }) => topic.streams!.has(stream)));
  }

  #begin(name: string): Topic {
    const { promise, resolve } = Promise.withResolvers<void>();
    const topic: Topic = { holders: 0, ready: promise, checkedAt: performance.now(), readTo: Date.now(), streams: undefined };
    this.#topics.set(name, topic);
    // Whoever connects in the same moment shares one read.
    if (this.#wanted.push({ topic: name, resolve }) === 1) setImmediate(() => this.#readWanted());
    return topic;
  }

  #readWanted(): void {
    const wanted = this.#wanted;
    this.#wanted = [];
    for (let i = 0; i < wanted.length; i += READ_AT_ONCE) void this.#readBaselines(wanted.slice(i, i + READ_AT_ONCE));
  }

  async #readBaselines(wanted: readonly Waiting[]): Promise<void> {
    let versions: Map<string, TopicVersions> | undefined;
    while (!versions) {
      versions = await this.#versions(wanted.map(({ topic }) => topic)).catch(() => undefined);
      if (this.#stopped) return;
      if (!versions) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    for (const { topic: name, resolve } of wanted) {
      const topic = this.#topics.get(name);
      if (topic && !topic.streams) this.#settle(name, topic, versions.get(name)!);
      resolve();
    }
  }

  // First the position and then the subscription: from here on a hint finds its stream. What is committed before Redis has confirmed
  // is looked up then.
  #settle(name: string, topic: Topic, versions: TopicVersions): void {
    topic.streams = new Set();
    for (const [stream, version] of versions) this.#add(topic.streams, stream, version);
    this.#link!.want(name);
    if (this.#link!.isLive(name)) this.#due([name]);
  }

  #add(streams: Set<string>, stream: string, version: number): void {
    streams.add(stream);
    this.#follower.follow(stream, version);
  }

  async #versions(topics: readonly string[], since?: number): Promise<Map<string, TopicVersions>> {
    const all = new Map<string, TopicVersions>();
    for (const [kind, some] of Map.groupBy(topics, (topic) => this.#byPrefix.get(streamKind(topic)))) {
      if (kind) {
        const versions = await kind.versions(some, since);
        for (const topic of some) all.set(topic, versions.get(topic) ?? new Map());
      } else {
        const counters = await readCounters(this.#storage.db, some);
        for (const topic of some) all.set(topic, new Map([[topic, counters.get(topic)?.version ?? 0]]));
      }
    }
    return all;
  }

  /** These topics are to be held against the database now. */
  #due(topics: Iterable<string>): void {
    let any = false;
    for (const name of topics) {
      const topic = this.#topics.get(name);
      if (!topic) continue;
      topic.checkedAt = 0;
      any = true;
    }
    if (!any) return;
    this.#again = true;
    if (!this.#checking) this.#sleep(0);
  }

  #sleep(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#checkDue(), ms);
    this.#timer.unref();
  }

  async #checkDue(): Promise<void> {
    this.#checking = true;
    const began = performance.now();
    try {
      do {
        this.#again = false;
        const due = this.#dueNow();
        for (let i = 0; i < due.length && !this.#stopped; i += READ_AT_ONCE) await this.#check(due.slice(i, i + READ_AT_ONCE));
      } while (this.#again && !this.#stopped);
    } catch {
      // The store is away; what was committed will still be there.
    }
    this.#checking = false;
    this.#sleep(Math.max(TICK_MS, (performance.now() - began) * REST_PER_WORK));
  }

  #dueNow(): string[] {
    const link = this.#link!;
    const now = performance.now();
    const doubtful = [...link.peers.values()].some((silentMs) => silentMs > PEER_SILENT_MS);
    const due: string[] = [];
    for (const [name, { checkedAt, streams }] of this.#topics) {
      const every = doubtful || !link.isLive(name) ? CHECK_AGAIN_MS : AUDIT_MS;
      if (streams && now - checkedAt >= every) due.push(name);
    }
    return due;
  }

  async #check(names: readonly string[]): Promise<void> {
    const topics = names.flatMap((name) => this.#topics.get(name) ?? []);
    // Before the read: what becomes due while it runs is due again.
    for (const topic of topics) topic.checkedAt = performance.now();
    const now = Date.now();
    const since = Math.min(...topics.map(({ readTo }) => readTo)) - DATED_WITHIN_MS;
    try {
      const found = await this.#versions(names, since);
      for (const topic of topics) topic.readTo = now;
      for (const [name, versions] of found) {
        const streams = this.#topics.get(name)?.streams;
        if (!streams) continue;
        for (const [stream, version] of versions) {
          this.#add(streams, stream, 0);
          this.#follower.expect(stream, version);
        }
      }
    } catch (error) {
      for (const topic of topics) topic.checkedAt = 0;
      throw error;
    }
  }
}
