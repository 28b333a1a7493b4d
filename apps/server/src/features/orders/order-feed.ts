import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { khawam } from '@majlis/contract';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Failure } from '../../errors.ts';
import { Follower } from '../../log/follower.ts';
import type { LogEntry } from '../../log/log-entry.ts';
import { StreamLog } from '../../log/stream-log.ts';
import { Topics } from '../../log/topics.ts';
import { LOGGER } from '../../logger.ts';
import { Connections } from '../../realtime/connections.ts';
import { errorBody } from '../../realtime/error-body.ts';
import { Publisher, type Audience, type Interest, type StreamKind } from '../../realtime/publisher.ts';
import type { RawSession } from '../../realtime/raw-session.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { whileStoreAway } from '../../realtime/while-store-away.ts';
import { SyncService } from '../sync/sync.service.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { isActive, isStaff } from '../users/user-record.ts';
import { toKhawamOrder } from './khawam-shapes.ts';
import { ORDERS_STREAM } from './order-record.ts';
import { ORDER_PROJECTIONS } from './orders.projection.ts';
import { OrdersService } from './orders.service.ts';

/** From where on a client asks to be told. */
export interface Since {
  /** An order's id, or a version of the stream. */
  field: 'since' | 'since_version';
  value: number;
}

const { feed, serverEvents } = khawam;
const PAGE = 100;
const POLL_MS = 20;

/**
 * Who gets the orders as they come: the feed's sockets of this node. A socket that asks for what it missed reads the log until it has
 * caught up with what the others have been told, and joins them at that very moment: no gap, and nothing twice.
 */
@Injectable()
export class OrderFeed implements OnModuleInit, StreamKind {
  readonly prefix = ORDERS_STREAM;
  readonly #sockets = new Set<RawSession>();

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly orders: OrdersService,
    private readonly follower: Follower,
    private readonly log: StreamLog,
    private readonly publisher: Publisher,
    private readonly syncing: SyncService,
    private readonly sessions: SessionRegistry,
    private readonly connections: Connections,
    private readonly users: UserDirectory,
    private readonly following: Topics,
  ) {}

  async onModuleInit(): Promise<void> {
    const { version } = await this.orders.streamState();
    this.follower.follow(ORDERS_STREAM, version);
    this.following.followFrom(ORDERS_STREAM, version);
    this.publisher.register(this);
    this.publisher.registerProjections(ORDER_PROJECTIONS);
    this.syncing.register({
      prefix: ORDERS_STREAM,
      authorize: async (userId, name) => {
        if (name !== ORDERS_STREAM) throw new Failure('NOT_FOUND', { field: 'cursors' });
        if (!(await this.orders.isStaff(userId))) throw new Failure('FORBIDDEN');
        return null;
      },
      streamsOf: async (userId) => ((await this.orders.isStaff(userId)) ? [ORDERS_STREAM] : []),
    });
    this.users.onChange((userId) => void this.#checkRole(userId));
  }

  /** Greets a socket of a member of staff, gives it what it asks for, and from there on everything. */
  async open(session: RawSession, since: Since | Failure | undefined): Promise<void> {
    this.#sockets.add(session);
    this.sessions.add(session);
    const greeted = this.follower.reached(ORDERS_STREAM);
    session.send(serverEvents.connected.name, {
      user_id: session.userId,
      connections: this.sessions.count(feed.name),
      version: greeted,
    });
    if (!since) return this.#join(session);
    if (since instanceof Failure) return this.#sayAndGoOn(session, since, greeted);
    const version = await this.#versionOf(session, since);
    if (version === undefined) {
      const unknown = new Failure('NOT_FOUND', { field: since.field, problem: 'is not of this store' });
      return this.#sayAndGoOn(session, unknown, greeted);
    }
    if (since.field === 'since_version') return this.#changesAfter(session, version);
    await this.#ordersAfter(session, version, Math.max(version, greeted));
  }

  /** A socket is gone. */
  close(session: RawSession): void {
    this.#sockets.delete(session);
    this.sessions.remove(session);
  }

  members(): ReadonlyMap<string, unknown> {
    return new Map(Array.from(this.#sockets, ({ userId }) => [userId, undefined]));
  }

  async load(): Promise<void> {
    // The members are always known.
  }

  interest(session: Session): Interest {
    return session.joined?.has(ORDERS_STREAM) ? 'full' : 'none';
  }

  changesMembers(): boolean {
    return false;
  }

  published(_entry: LogEntry, { groups }: Audience): void {
    const connections = groups.reduce((sum, { sessions }) => sum + sessions.length, 0);
    this.logger.info(`Broadcasting to ${connections} WebSocket connection(s)`);
    this.logger.info('Successfully broadcasted');
  }

  // What the stream's position is now is what the others have been told: in this same turn, everything after it comes live.
  #join(session: RawSession): void {
    session.joined = new Set([ORDERS_STREAM]);
    this.sessions.changed(session);
    this.publisher.forgetAudience(ORDERS_STREAM);
  }

  /** What a socket asks for cannot be had: it hears why, and goes on from its greeting. */
  #sayAndGoOn(session: RawSession, failure: Failure, greeted: number): Promise<void> {
    session.send(serverEvents.error.name, errorBody(failure, session.locale));
    return this.#changesAfter(session, greeted);
  }

  /** The version after which a socket missed what it asks for, which this node has been told of by then; undefined where there is none. */
  async #versionOf(session: RawSession, { field, value }: Since): Promise<number | undefined> {
    // Order ids begin at 1, so that 0 asks for all.
    const version = field === 'since_version' || value === 0 ? value : await this.orders.createdVersion(value);
    return version !== undefined && (await this.#reach(session, version)) ? version : undefined;
  }

  /** Every change after a version, then live. */
  async #changesAfter(session: RawSession, version: number): Promise<void> {
    for (let at = version; session.open; await session.written()) {
      if (at >= this.follower.reached(ORDERS_STREAM)) return this.#join(session);
      const entries = await this.log.entries(ORDERS_STREAM, at, PAGE);
      if (entries[0]?.version !== at + 1) return this.#forgottenAfter(session, at);
      for (const entry of entries) {
        // What is committed and has not been told yet comes live.
        if (entry.version > this.follower.reached(ORDERS_STREAM)) break;
        const wire = this.publisher.project(entry, session.dialect)!;
        this.#give(session, wire.event, wire.data, entry.version);
        at = entry.version;
      }
    }
  }

  /** The log no longer says what came after a version: the socket is told so, and gets the orders made since as they are now. */
  #forgottenAfter(session: RawSession, version: number): Promise<void> {
    const problem = 'is older than what is kept: the orders made since follow as they are now; reload the others by GET /api/orders';
    session.send(serverEvents.error.name, errorBody(new Failure('NOT_FOUND', { field: 'since_version', problem }), session.locale));
    return this.#ordersAfter(session, version, this.follower.reached(ORDERS_STREAM));
  }

  /** The orders made after a version and up to another, as they are now, then every change after that, then live. */
  async #ordersAfter(session: RawSession, version: number, upTo: number): Promise<void> {
    for (let at = version; session.open; await session.written()) {
      const page = await this.orders.createdBetween(at, upTo, PAGE);
      for (const { order, version: created } of page) {
        this.#give(session, serverEvents.orderCreated.name, toKhawamOrder(order), created);
        at = created;
      }
      if (page.length < PAGE) return this.#changesAfter(session, upTo);
    }
  }

  #give(session: RawSession, event: string, data: unknown, version: number): void {
    session.connection.outbox.push(session.packet(event, JSON.stringify(data), version));
  }

  /** Waits until this node has been told of a version that another node has committed. @returns false where there is no such version */
  async #reach(session: RawSession, version: number): Promise<boolean> {
    if (version <= this.follower.reached(ORDERS_STREAM)) return true;
    const current = await this.orders.streamState();
    if (version > current.version) return false;
    this.follower.expect(ORDERS_STREAM, current.version);
    while (session.open && version > this.follower.reached(ORDERS_STREAM)) await delay(POLL_MS);
    return true;
  }

  // Who is disabled or erased is out everywhere; here it is the role.
  async #checkRole(userId: string): Promise<void> {
    const sockets = [...this.#sockets].filter((session) => session.userId === userId);
    if (sockets.length === 0) return;
    try {
      const user = await whileStoreAway(() => this.users.load(userId));
      if (!user || !isActive(user) || isStaff(user)) return;
      this.connections.endUser(userId, ({ namespace }) => namespace !== feed.name, new Failure('FORBIDDEN'));
    } catch {
      // Nobody knows: whoever it is may come back, and is looked at then.
      for (const { connection } of sockets) connection.outbox.wire.cut();
    }
  }
}
