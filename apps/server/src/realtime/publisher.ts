import { Injectable } from '@nestjs/common';
import { streamKind, type LogEntry } from '../log/log-entry.ts';
import { isUnavailable } from '../storage/unavailable.ts';
import { EventBundle } from './event-bundle.ts';
import type { Session } from './session.ts';
import { SessionRegistry } from './session-registry.ts';
import { SharedPackets } from './shared-packets.ts';

/** An event on the wire: its name and its one argument. */
export interface WireEvent {
  event: string;
  data: unknown;
}

/**
 * How each dialect shows one kind of log entry, by dialect. A dialect that carries the entry's stream has exactly one event for it.
 * Pure: the same entry gives the same event, live and in `sync`.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- the data's type belongs to the entry's kind, which the table's key names
export type Projections = Readonly<Record<string, (entry: LogEntry<any>) => WireEvent>>;

/** How much of a stream a socket wants: every event, only word that something is new, or nothing. */
export type Interest = 'full' | 'summary' | 'none';

/** What a feature tells the publisher of its streams. */
export interface StreamKind {
  /** Streams are named `<prefix>:<id>`, or by the prefix alone where there is only one. */
  readonly prefix: string;
  /** The users who may have the stream's events, from memory; undefined where memory does not know them yet. */
  members(id: string): ReadonlyMap<string, unknown> | undefined;
  /** Loads into memory what `members` needs. */
  load(id: string): Promise<void>;
  interest(session: Session, stream: string): Interest;
  /** In which projection a socket gets the stream, where that is not its dialect's for every stream. */
  view?(session: Session, stream: string): string;
  /** True where an entry changes who the members are: what is kept of the stream's audience is dropped before it is published. */
  changesMembers(entry: LogEntry): boolean;
  /**
   * What this node must listen to so that a user's sockets get their streams of this kind from other nodes; see `Interests`. Not for
   * streams that are followed in any case, or by each socket that joins.
   */
  topics?(userId: string): readonly string[] | Promise<readonly string[]>;
  /** Called after an entry has been given to the sockets of this node. */
  published?(entry: LogEntry, audience: Audience): void;
}

// A room in which more than one thing happens within this time is busy: what it says may wait for company, where it has many sockets.
const BUSY_WITHIN_MS = 10;
const BUSY_FROM_SOCKETS = 50;

/** Sockets of one namespace that get a stream in one dialect, or view of it: the very same bytes, unless they gather them in batches of their own. */
class Group {
  readonly dialect: string;
  readonly sessions: [Session, ...Session[]];
  #open: SharedPackets | undefined;
  #pushedAt = 0;

  constructor(first: Session, dialect: string) {
    this.dialect = dialect;
    this.sessions = [first];
  }

  /** An event as all of them get it. */
  packet({ event, data }: WireEvent, version?: number): string {
    return this.sessions[0].packet(event, JSON.stringify(data), version);
  }

  push(packet: string): void {
    if (this.sessions[0].batched) {
      for (const session of this.sessions) session.queue(packet);
      return;
    }
    const now = performance.now();
    const busy = now - this.#pushedAt < BUSY_WITHIN_MS && this.sessions.length >= BUSY_FROM_SOCKETS;
    this.#pushedAt = now;
    if (this.#open?.add(packet)) return;
    const shared = new SharedPackets();
    shared.add(packet);
    this.#open = shared;
    for (const { connection } of this.sessions) {
      if (busy) connection.outbox.pushPatiently(shared);
      else connection.outbox.push(shared);
    }
  }
}

/** The sockets of this node that get a stream's events, kept ready until one of its members' sockets changes. */
export interface Audience {
  readonly groups: readonly Group[];
  /** Users with at least one socket that gets every event. */
  readonly users: ReadonlySet<string>;
  /** Sockets that only want to know that something is new. */
  readonly summaries: readonly Session[];
}

const RETRY_MS = 250;
// Each kept audience costs about its number of sockets; the bound is for servers with very many small chats.
const AUDIENCES = 50_000;
/** How many memberships are kept beside them, some 100 bytes each. */
const MEMBERSHIPS = 2_000_000;

/** The only one that emits: gives log entries to the sockets that want them, and passing events to users. */
@Injectable()
export class Publisher {
  readonly #sessions: SessionRegistry;
  readonly #kinds = new Map<string, StreamKind>();
  readonly #projections = new Map<string, Projections>();
  readonly #audiences = new Map<string, Audience>();
  /** Streams with a kept audience in which a user is a member. */
  readonly #streamsOfUser = new Map<string, Set<string>>();
  /** How many they are in all. */
  #memberships = 0;
  /** Streams whose members are being loaded, with what waits for them, in order. */
  readonly #loading = new Map<string, LogEntry[]>();
  #deliveries = 0;

  constructor(sessions: SessionRegistry) {
    this.#sessions = sessions;
    sessions.onChange((userId) => this.#forgetUser(userId));
  }

  /** Number of events given to sockets since the start. */
  get deliveries(): number {
    return this.#deliveries;
  }

  /** Makes the streams of `kind` known; once, at start. */
  register(kind: StreamKind): void {
    this.#kinds.set(kind.prefix, kind);
  }

  /** Makes known how kinds of log entries look on the wire; once, at start. */
  registerProjections(table: Readonly<Record<string, Projections>>): void {
    for (const [kind, projections] of Object.entries(table)) this.#projections.set(kind, projections);
  }

  /** An entry as `dialect` shows it; undefined where the dialect does not carry its kind. */
  project(entry: LogEntry, dialect: string): WireEvent | undefined {
    return this.#projections.get(entry.kind)?.[dialect]?.(entry);
  }

  /** All kinds that were made known. */
  kinds(): Iterable<StreamKind> {
    return this.#kinds.values();
  }

  /** The kind of a stream. */
  kindOf(stream: string): StreamKind | undefined {
    return this.#kinds.get(streamKind(stream));
  }

  /** Gives an entry to every socket of this node that wants it. Entries of a stream come in version order and stay in it. */
  publish(entry: LogEntry): void {
    const kind = this.kindOf(entry.stream);
    if (!kind) return;
    if (kind.changesMembers(entry)) this.#audiences.delete(entry.stream);
    const waiting = this.#loading.get(entry.stream);
    if (waiting) {
      waiting.push(entry);
      return;
    }
    const audience = this.audience(entry.stream, kind);
    if (audience) this.#give(entry, kind, audience);
    else void this.#loadThenGive(entry, kind);
  }

  /** The sockets that get a stream's events; undefined where its members are not in memory. */
  audience(stream: string, kind = this.kindOf(stream)): Audience | undefined {
    const kept = this.#audiences.get(stream);
    if (kept) return kept;
    const members = kind?.members(stream.slice(stream.indexOf(':') + 1));
    if (!kind || !members) return undefined;
    const audience = this.#gather(stream, kind, members.keys());
    this.#keep(stream, audience, members.keys());
    return audience;
  }

  /** An entry as a socket gets it, live and in `sync`; undefined where the socket's dialect does not carry its kind. */
  projectFor(session: Session, entry: LogEntry): WireEvent | undefined {
    return this.project(entry, this.kindOf(entry.stream)?.view?.(session, entry.stream) ?? session.dialect);
  }

  /** Drops what is kept of the audiences of all streams of a kind: somebody may have them now who was no member of any. */
  forgetAudiences(prefix: string): void {
    for (const stream of this.#audiences.keys()) if (streamKind(stream) === prefix) this.#audiences.delete(stream);
  }

  /** Drops what is kept of a stream's audience: who its members are has changed otherwise than by an entry of the log. */
  forgetAudience(stream: string): void {
    this.#audiences.delete(stream);
  }

  /** Sends a passing event (receipts, summaries) to the sockets of a user that `wants` picks; `project` gives it in each dialect. */
  toUser(userId: string, project: (dialect: string) => WireEvent | undefined, wants: (session: Session) => boolean): void {
    for (const session of this.#sessions.of(userId)) {
      const wire = wants(session) ? project(session.dialect) : undefined;
      if (!wire) continue;
      session.send(wire.event, wire.data);
      this.#deliveries++;
    }
  }

  /**
   * As `toUser`, for many events of one name at once, their arguments already JSON: a message in a chat of 100 has 99 receipts, and
   * each told by itself would cost more than the message.
   */
  manyToUser(userId: string, event: string, jsons: readonly string[], wants: (session: Session) => boolean): void {
    for (const session of this.#sessions.of(userId)) {
      if (!wants(session)) continue;
      for (const json of jsons) session.queue(session.packet(event, json));
      this.#deliveries += jsons.length;
    }
  }

  /** Sends a passing event to these sockets, whatever their dialect: encoded once, and compressed once where it is large. */
  toSessions(sessions: Iterable<Session>, { event, data }: WireEvent): void {
    const bundle = new EventBundle([{ event, json: JSON.stringify(data) }]);
    for (const session of sessions) {
      bundle.giveTo(session);
      this.#deliveries++;
    }
  }

  /** Sends bundles of passing events, which others get too, to the sockets of a user that `wants` picks. */
  bundlesToUser(userId: string, bundles: readonly EventBundle[], wants: (session: Session) => boolean): void {
    for (const session of this.#sessions.of(userId)) {
      if (!wants(session)) continue;
      for (const bundle of bundles) {
        bundle.giveTo(session);
        this.#deliveries += bundle.events.length;
      }
    }
  }

  /** Sends a passing event to the sockets that get every event of a stream; `project` gives it in each dialect. */
  toStream(stream: string, project: (dialect: string) => WireEvent | undefined, except: (session: Session) => boolean): void {
    for (const group of this.audience(stream)?.groups ?? []) {
      const wire = project(group.dialect);
      if (!wire) continue;
      const packet = group.packet(wire);
      for (const session of group.sessions) {
        if (except(session)) continue;
        session.queue(packet);
        this.#deliveries++;
      }
    }
  }

  #give(entry: LogEntry, kind: StreamKind, audience: Audience): void {
    for (const group of audience.groups) {
      const wire = this.project(entry, group.dialect);
      if (!wire) continue;
      group.push(group.packet(wire, entry.version));
      this.#deliveries += group.sessions.length;
    }
    kind.published?.(entry, audience);
  }

  async #loadThenGive(entry: LogEntry, kind: StreamKind): Promise<void> {
    const waiting = [entry];
    this.#loading.set(entry.stream, waiting);
    const audience = await this.#load(entry.stream, kind);
    this.#loading.delete(entry.stream);
    if (audience) for (const one of waiting) this.#give(one, kind, audience);
  }

  async #load(stream: string, kind: StreamKind): Promise<Audience | undefined> {
    for (;;) {
      try {
        await kind.load(stream.slice(stream.indexOf(':') + 1));
        const audience = this.audience(stream, kind);
        if (audience) return audience;
        // Its members changed again while they were loaded.
      } catch (error) {
        // Of a stream that is gone nobody is told. While the store is away the entries wait: they were committed, so they are given.
        if (!isUnavailable(error)) return undefined;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  #gather(stream: string, kind: StreamKind, members: Iterable<string>): Audience {
    const groups = new Map<string, Group>();
    const users = new Set<string>();
    const summaries: Session[] = [];
    for (const userId of members) {
      for (const session of this.#sessions.of(userId)) {
        const interest = session.carries(kind.prefix) ? kind.interest(session, stream) : 'none';
        if (interest === 'summary') summaries.push(session);
        if (interest !== 'full') continue;
        const view = kind.view?.(session, stream) ?? session.dialect;
        const key = `${session.namespace} ${view} ${session.batched}`;
        const group = groups.get(key);
        if (group) group.sessions.push(session);
        else groups.set(key, new Group(session, view));
        users.add(userId);
      }
    }
    return { groups: [...groups.values()], users, summaries };
  }

  #keep(stream: string, audience: Audience, members: Iterable<string>): void {
    this.#audiences.set(stream, audience);
    for (const userId of members) {
      let streams = this.#streamsOfUser.get(userId);
      if (!streams) this.#streamsOfUser.set(userId, (streams = new Set()));
      this.#memberships -= streams.size;
      this.#memberships += streams.add(stream).size;
    }
    if (this.#memberships > MEMBERSHIPS) {
      // Also those of users who never connect and of audiences that were dropped since. All of it is made again where it is needed.
      this.#audiences.clear();
      this.#streamsOfUser.clear();
      this.#memberships = 0;
    }
    if (this.#audiences.size > AUDIENCES) this.#audiences.delete(this.#audiences.keys().next().value!);
  }

  // Kept audiences are dropped and made again when next needed: a storm of reconnections costs one gathering a message, not one a socket.
  #forgetUser(userId: string): void {
    const streams = this.#streamsOfUser.get(userId);
    if (!streams) return;
    for (const stream of streams) this.#audiences.delete(stream);
    this.#streamsOfUser.delete(userId);
    this.#memberships -= streams.size;
  }
}
