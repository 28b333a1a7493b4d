import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { REDIS_LINK } from '../../cluster/cluster.module.ts';
import type { RedisLink } from '../../cluster/redis-link.ts';
import { Failure } from '../../errors.ts';
import { Metrics } from '../../realtime/metrics.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import type { NodeFigures } from './figures.ts';

/** A socket as administrators see it. */
export interface ListedSocket {
  id: string;
  userId: string;
  namespace: string;
  node: string;
  /** The how manieth of its node: the order of lists. */
  nth: number;
  /** Milliseconds since the epoch. */
  connectedAt: number;
  transport: string;
  ip: string;
}

/** Which sockets are asked for. */
export interface SocketQuery {
  userId?: string | undefined;
  namespace?: string | undefined;
  /** Only those of the node that came after this one. */
  afterNth: number;
  limit: number;
}

/** Whose sockets are to be ended: a user's, or one. */
export interface DisconnectTarget {
  userId?: string | undefined;
  socketId?: string | undefined;
  /** The socket that asks for it, which is spared: it waits for the answer. */
  askedBy?: string | undefined;
  reason: string;
}

/** What is said to everybody, or to some. */
export interface Announcement {
  message: string;
  /** ISO 8601. */
  timestamp: string;
  namespaces?: readonly string[] | undefined;
  userIds?: readonly string[] | undefined;
}

const DELAY_RESOLUTION_MS = 10;

/** This node as administrators see and control it. */
@Injectable()
export class OwnNode implements OnModuleInit, OnModuleDestroy {
  /** Tells this process from all others. */
  readonly id: string;
  readonly #metrics: Metrics;
  readonly #sessions: SessionRegistry;
  /** All sockets in the order in which they came. */
  readonly #sockets = new Map<string, { session: Session; nth: number }>();
  readonly #loopDelay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  #came = 0;
  #measuresDelay = false;

  constructor(metrics: Metrics, sessions: SessionRegistry, @Inject(REDIS_LINK) link: RedisLink | undefined) {
    this.id = link?.nodeId ?? crypto.randomUUID();
    this.#metrics = metrics;
    this.#sessions = sessions;
  }

  onModuleInit(): void {
    this.#sessions.onOpen((session) => this.#sockets.set(session.id, { session, nth: ++this.#came }));
    this.#sessions.onClose((session) => this.#sockets.delete(session.id));
  }

  onModuleDestroy(): void {
    this.#loopDelay.disable();
  }

  /** What this node has counted by now. */
  async figures(): Promise<NodeFigures> {
    const totals = await this.#metrics.totals();
    return {
      ...totals,
      node: this.id,
      at: performance.now(),
      sockets: Object.fromEntries(this.#sessions.counts()),
      memoryBytes: process.memoryUsage.rss(),
      eventLoopDelayP99Ms: this.#delayP99(),
    };
  }

  /** Nobody asks for figures any more: the event loop is no longer measured. */
  rest(): void {
    this.#measuresDelay = false;
    this.#loopDelay.disable();
    this.#loopDelay.reset();
  }

  /** A page of this node's sockets, in the order in which they came. */
  list({ userId, namespace, afterNth, limit }: SocketQuery): ListedSocket[] {
    const found: ListedSocket[] = [];
    for (const { session, nth } of this.#sockets.values()) {
      if (nth <= afterNth || (userId ?? session.userId) !== session.userId || (namespace ?? session.namespace) !== session.namespace)
        continue;
      found.push({
        id: session.id,
        userId: session.userId,
        namespace: session.namespace,
        node: this.id,
        nth,
        connectedAt: session.connectedAt,
        transport: session.transport,
        ip: session.connection.ip,
      });
      if (found.length === limit) break;
    }
    return found;
  }

  /** The sockets of this node that a target names. */
  matching({ userId, socketId }: Pick<DisconnectTarget, 'userId' | 'socketId'>): Session[] {
    if (userId !== undefined) return [...this.#sessions.of(userId)];
    const socket = socketId === undefined ? undefined : this.#sockets.get(socketId);
    return socket ? [socket.session] : [];
  }

  /** Ends sockets for good: their clients are not to come back by themselves, and hear why. @returns how many */
  disconnect(target: DisconnectTarget): number {
    const sessions = this.matching(target).filter(({ id }) => id !== target.askedBy);
    for (const session of sessions) session.end(new Failure('FORBIDDEN', { reason: target.reason }));
    return sessions.length;
  }

  /** The sockets of this node that an announcement is for; raw WebSockets have no such event. */
  *audience({ namespaces, userIds }: Announcement): Iterable<Session> {
    const within = namespaces && new Set(namespaces);
    const candidates = userIds ? [...new Set(userIds)].flatMap((userId) => [...this.#sessions.of(userId)]) : this.#sessions.all();
    for (const session of candidates) if (session.announces && (!within || within.has(session.namespace))) yield session;
  }

  #delayP99(): number {
    if (!this.#measuresDelay) {
      this.#measuresDelay = true;
      this.#loopDelay.enable();
      return 0;
    }
    // Each measurement is of a timer, and has its interval in it.
    const delay = this.#loopDelay.percentile(99) / 1e6 - DELAY_RESOLUTION_MS;
    this.#loopDelay.reset();
    return Math.round(Math.max(0, delay) * 1000) / 1000;
  }
}
