import { Injectable } from '@nestjs/common';
import { Failure, invalid } from '../../errors.ts';
import { isoTime } from '../../iso-time.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { RateLimiter, type Usage } from '../../realtime/rate-limiter.ts';
import type { Session } from '../../realtime/session.ts';
import { AuditService, type Actor } from '../audit/audit.service.ts';
import { DIRECTORY_STREAM, UserDirectory } from '../users/user-directory.ts';
import { isActive } from '../users/user-record.ts';
import { UsersService } from '../users/users.service.ts';
import { EventWatch } from './event-watch.ts';
import { Nodes, type SocketPlace } from './nodes.ts';
import type { DisconnectTarget, ListedSocket } from './own-node.ts';

const PAGE = 100;

const userActor = (id: string): Actor => ({ kind: 'user', id });

/** What administrators may see of the server and do to it, on `/admin`. Every method is for them alone: @throws Failure FORBIDDEN */
@Injectable()
export class AdminService {
  readonly #users: UserDirectory;
  readonly #accounts: UsersService;
  readonly #audit: AuditService;
  readonly #queue: WriteQueue;
  readonly #limiter: RateLimiter;
  readonly #nodes: Nodes;
  readonly #watch: EventWatch;

  constructor(
    users: UserDirectory,
    accounts: UsersService,
    audit: AuditService,
    queue: WriteQueue,
    limiter: RateLimiter,
    nodes: Nodes,
    watch: EventWatch,
  ) {
    this.#users = users;
    this.#accounts = accounts;
    this.#audit = audit;
    this.#queue = queue;
    this.#limiter = limiter;
    this.#nodes = nodes;
    this.#watch = watch;
  }

  /** A socket is told of every inbound event from now on, or no more. */
  async watchEvents(session: Session, on: boolean): Promise<void> {
    await this.#requireAdmin(session.userId);
    this.#watch.set(session, on);
  }

  /** A page of sockets, and where it ends if there is more. */
  async sockets(
    actorId: string,
    { after, ...filter }: { userId?: string | undefined; namespace?: string | undefined; after: SocketPlace | undefined },
  ): Promise<{ sockets: ListedSocket[]; end: SocketPlace | undefined }> {
    await this.#requireAdmin(actorId);
    const found = await this.#nodes.sockets(filter, after, PAGE + 1);
    const sockets = found.slice(0, PAGE);
    const last = found.length > PAGE ? sockets.at(-1) : undefined;
    return { sockets, end: last && { node: last.node, nth: last.nth } };
  }

  /**
   * Ends a user's sockets, or one, but never the one that asks. With `blockForS` its user is kept out for so long, also after a restart;
   * 0 lets the user in again.
   * @throws Failure NOT_FOUND where there is no such user or socket, INVALID_DATA where administrators would lock themselves out
   */
  async disconnect(
    actorId: string,
    { blockForS, ...target }: DisconnectTarget & { blockForS?: number | undefined },
  ): Promise<{ userId: string; disconnected: number; blockedUntil: number | null }> {
    await this.#requireAdmin(actorId);
    const userId = target.userId ?? (await this.#nodes.ownerOf(target.socketId!));
    const user = userId === undefined ? undefined : await this.#users.load(userId);
    if (!user || user.erased) throw new Failure('NOT_FOUND', { field: target.userId === undefined ? 'socketId' : 'userId' });
    if (blockForS && user.id === actorId) throw invalid('blockForS', 'must not lock yourself out');
    const { reason, socketId, askedBy } = target;
    const details = { reason, ...(socketId === undefined ? {} : { socketId }), ...(blockForS === undefined ? {} : { blockForS }) };
    // Recorded and kept out before anybody is disconnected: a client that comes back at once finds the door closed.
    const blockedUntil = await this.#queue.run(blockForS === undefined ? [] : [DIRECTORY_STREAM], async (tx) => {
      await this.#audit.record(tx, { actor: userActor(actorId), action: 'user.disconnect', subject: user.id, details });
      if (blockForS === undefined) return user.blockedUntil;
      const until = blockForS === 0 ? null : tx.now + blockForS * 1000;
      await this.#accounts.block(tx, user.id, until);
      return until;
    });
    // Who is kept out is so everywhere, whichever socket it was for.
    const disconnected = await this.#nodes.disconnect(blockForS ? { userId: user.id, reason, askedBy } : target);
    return { userId: user.id, disconnected, blockedUntil: blockedUntil !== null && blockedUntil > Date.now() ? blockedUntil : null };
  }

  /** Says something to everybody, or to these namespaces and users. @returns when, in milliseconds */
  async announce(
    actorId: string,
    announcement: { message: string; namespaces?: readonly string[] | undefined; userIds?: readonly string[] | undefined },
  ): Promise<number> {
    await this.#requireAdmin(actorId);
    const at = await this.#audit.recordAlone({ actor: userActor(actorId), action: 'announcement.make', details: announcement });
    this.#nodes.announce({ ...announcement, timestamp: isoTime(at) });
    return at;
  }

  /** How much of each budget a user has used. */
  async rateLimit(actorId: string, userId: string): Promise<{ windowMs: number; budgets: Record<'write' | 'light' | 'ping', Usage> }> {
    await this.#requireAdmin(actorId);
    return { windowMs: this.#limiter.windowMs, budgets: await this.#nodes.usage(userId) };
  }

  async #requireAdmin(userId: string): Promise<void> {
    const user = await this.#users.load(userId);
    if (!user || !isActive(user) || user.role !== 'admin') throw new Failure('FORBIDDEN');
  }
}
