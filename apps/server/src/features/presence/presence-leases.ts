import { Inject, Injectable, type OnApplicationShutdown, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { REDIS_LINK } from '../../cluster/cluster.module.ts';
import { busKind, NodeBus } from '../../cluster/node-bus.ts';
import type { RedisLink } from '../../cluster/redis-link.ts';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { PresenceService } from './presence.service.ts';

/** A user's first socket on the node has come, or the last one gone, at a time (ms). */
type Fact = [userId: string, at: number, here: 0 | 1];

// Facts are counted: `n` is the number of the latest. Who misses one asks for the state.
const FACTS = busKind<{ n: number; facts: Fact[] }>('presence.facts');
const BEAT = busKind<{ n: number }>('presence.beat');
/** Asks a node, or all, for their state. */
const ASK = busKind<{ node: string | null }>('presence.ask');
/** All users of a node, in parts. */
const STATE = busKind<{ n: number; users: [userId: string, at: number][]; first: boolean; last: boolean }>('presence.state');

const GATHER_MS = 20;
const ASK_EVERY_MS = 1_000;
const USERS_IN_A_PART = 2_000;
const BEATS_IN_A_LEASE = 5;

/** Another node, as this one knows it. */
interface Peer {
  /** Of the latest fact that is known of it. */
  n: number;
  /** Its state has arrived, once. */
  known: boolean;
  users: Set<string>;
  /** `performance.now` */
  heardAt: number;
  /** The beat of the link has been heard; where it then is not known any more, the node has said goodbye. */
  linked: boolean;
  /** The parts of a state that is arriving. */
  arriving: Map<string, number> | undefined;
}

/**
 * Who has sockets on the other nodes. Every node tells all others of its own users, and each keeps all in memory: asking who is online
 * waits for nobody. What a node told holds for the lease, `PRESENCE_LEASE_MS` from when it was last heard; then its users have gone.
 * While this node itself is cut off it can tell nothing of the others, so what it knew of them stays until it hears them again.
 */
@Injectable()
export class PresenceLeases implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  readonly #leaseMs: number;
  readonly #link: RedisLink | undefined;
  readonly #bus: NodeBus;
  readonly #sessions: SessionRegistry;
  readonly #presence: PresenceService;
  readonly #peers = new Map<string, Peer>();
  /** When a node was asked for its state. */
  readonly #askedAt = new Map<string, number>();
  readonly #startedAt = Date.now();
  #n = 0;
  #facts = new Map<string, Fact>();
  #factsTimer: NodeJS.Timeout | undefined;
  #stateTimer: NodeJS.Timeout | undefined;
  #beatTimer: NodeJS.Timeout | undefined;
  #beatAt = performance.now();

  constructor(
    @Inject(SETTINGS) settings: Settings,
    @Inject(REDIS_LINK) link: RedisLink | undefined,
    bus: NodeBus,
    sessions: SessionRegistry,
    presence: PresenceService,
  ) {
    this.#leaseMs = settings.PRESENCE_LEASE_MS;
    this.#link = link;
    this.#bus = bus;
    this.#sessions = sessions;
    this.#presence = presence;
  }

  onModuleInit(): void {
    const link = this.#link;
    if (!link) return;
    this.#presence.onOwn((userId, at, here) => this.#own(userId, at, here));
    this.#bus.on(FACTS, (message, from) => this.#heardFacts(message, from));
    this.#bus.on(STATE, (message, from) => this.#heardState(message, from));
    this.#bus.on(BEAT, ({ n }, from) => {
      if (this.#heard(from)?.n !== n) this.#ask(from);
    });
    this.#bus.on(ASK, ({ node }) => {
      if (node === null || node === link.nodeId) this.#stateTimer ??= setTimeout(() => this.#tellState(), GATHER_MS);
    });
    link.onUp(() => {
      // What the others said meanwhile was not heard, and they have a lease's time to be heard again.
      for (const peer of this.#peers.values()) peer.heardAt = performance.now();
      this.#bus.publish(ASK, { node: null });
      this.#tellState();
    });
    this.#beatTimer = setInterval(() => this.#beat(link), this.#leaseMs / BEATS_IN_A_LEASE);
  }

  onModuleDestroy(): void {
    clearInterval(this.#beatTimer);
  }

  // Sockets have ended by now.
  onApplicationShutdown(): void {
    this.#tellFacts();
    clearTimeout(this.#stateTimer);
  }

  #own(userId: string, at: number, here: boolean): void {
    this.#facts.set(userId, [userId, at, here ? 1 : 0]);
    this.#factsTimer ??= setTimeout(() => this.#tellFacts(), GATHER_MS);
  }

  #tellFacts(): void {
    clearTimeout(this.#factsTimer);
    this.#factsTimer = undefined;
    if (this.#facts.size === 0) return;
    const facts = [...this.#facts.values()];
    this.#facts = new Map();
    this.#bus.publish(FACTS, { n: ++this.#n, facts });
  }

  #tellState(): void {
    clearTimeout(this.#stateTimer);
    this.#stateTimer = undefined;
    this.#tellFacts();
    const users = Array.from(this.#sessions.userIds(), (id): [string, number] => [id, this.#presence.lastSeen(id) ?? Date.now()]);
    let from = 0;
    do {
      const to = from + USERS_IN_A_PART;
      this.#bus.publish(STATE, { n: this.#n, users: users.slice(from, to), first: from === 0, last: to >= users.length });
      from = to;
    } while (from < users.length);
  }

  #heardFacts({ n, facts }: { n: number; facts: Fact[] }, from: string): void {
    const peer = this.#heard(from);
    if (peer?.n !== n - 1) return this.#ask(from);
    peer.n = n;
    for (const [userId, at, here] of facts) {
      if (here === 1) this.#arrive(peer, userId, at);
      else this.#depart(peer, userId, at);
    }
  }

  #heardState({ n, users, first, last }: { n: number; users: [string, number][]; first: boolean; last: boolean }, from: string): void {
    const known = this.#heard(from);
    const peer = known ?? this.#meet(from);
    if (first) peer.arriving = new Map();
    if (!peer.arriving) return;
    for (const [userId, at] of users) peer.arriving.set(userId, at);
    if (!last) return;
    const now = Date.now();
    for (const userId of peer.users) if (!peer.arriving.has(userId)) this.#depart(peer, userId, now);
    // Whom this node has just begun to hear of has been online for long: nobody here has been told otherwise.
    for (const [userId, at] of peer.arriving) this.#arrive(peer, userId, at, peer.known || at >= this.#startedAt);
    peer.n = n;
    peer.known = true;
    peer.arriving = undefined;
  }

  /** @returns the node, where it is known */
  #heard(nodeId: string): Peer | undefined {
    const peer = this.#peers.get(nodeId);
    if (peer) peer.heardAt = performance.now();
    return peer;
  }

  #meet(nodeId: string): Peer {
    const peer: Peer = { n: -1, known: false, users: new Set(), heardAt: performance.now(), linked: false, arriving: undefined };
    this.#peers.set(nodeId, peer);
    return peer;
  }

  #ask(node: string): void {
    const now = performance.now();
    if (now - (this.#askedAt.get(node) ?? -Infinity) < ASK_EVERY_MS) return;
    this.#askedAt.set(node, now);
    this.#bus.publish(ASK, { node });
  }

  #arrive(peer: Peer, userId: string, at: number, tell = true): void {
    if (peer.users.has(userId)) return;
    peer.users.add(userId);
    this.#presence.arrived(userId, at, tell);
  }

  #depart(peer: Peer, userId: string, at: number): void {
    if (peer.users.delete(userId)) this.#presence.departed(userId, at);
  }

  #beat(link: RedisLink): void {
    this.#bus.publish(BEAT, { n: this.#n });
    const now = performance.now();
    const asleep = now - this.#beatAt > this.#leaseMs / 2;
    this.#beatAt = now;
    const beats = link.peers;
    for (const [nodeId, peer] of this.#peers) {
      // Who was away itself has heard nobody.
      if (!link.up || asleep) peer.heardAt = now;
      const saidGoodbye = peer.linked && !beats.has(nodeId);
      peer.linked = beats.has(nodeId);
      if (saidGoodbye || now - peer.heardAt > this.#leaseMs) this.#drop(peer, now);
    }
  }

  /** A node is gone, and with it its users' sockets; it may come back. */
  #drop(peer: Peer, now: number): void {
    const at = Math.round(Date.now() - (now - peer.heardAt));
    for (const userId of peer.users) {
      this.#depart(peer, userId, at);
      // It cannot store this itself any more; where several nodes do, the latest time stays.
      this.#presence.seen(userId, at);
    }
    peer.n = -1;
  }
}
