import { Injectable, type OnModuleInit } from '@nestjs/common';
import { allawzi } from '@majlis/contract';
import type { LogEntry } from '../../log/log-entry.ts';
import { Publisher } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { UserStreams } from '../users/user-streams.ts';
import { userStream } from '../users/user-stream.ts';
import { NOTIFICATIONS_READ, NOTIFICATION_CREATED, NOTIFICATION_READ, type Counted } from './notification-record.ts';
import { NOTIFICATION_PROJECTIONS } from './notifications.projection.ts';
import { NotificationsService } from './notifications.service.ts';

const { unreadCount } = allawzi.notificationServerEvents;
const { name: NAMESPACE } = allawzi.notificationsNamespace;

const CHANGES_COUNT: ReadonlySet<string> = new Set([NOTIFICATION_CREATED, NOTIFICATION_READ, NOTIFICATIONS_READ]);

/** The way out of notifications: what the log says of them, and how many are unread. */
@Injectable()
export class NotificationsEmitter implements OnModuleInit {
  /** Counts that are being read, by user: a change that is published meanwhile has told a newer one. */
  readonly #counting = new Map<string, Set<{ outdated: boolean }>>();

  constructor(
    private readonly publisher: Publisher,
    private readonly sessions: SessionRegistry,
    private readonly userStreams: UserStreams,
    private readonly notifications: NotificationsService,
  ) {}

  onModuleInit(): void {
    this.publisher.registerProjections(NOTIFICATION_PROJECTIONS);
    this.userStreams.onPublished((userId, entry) => this.#published(userId, entry));
    this.sessions.onOpen((session) => {
      // Where the store is away the client asks again, or learns it with the next change.
      if (session.namespace === NAMESPACE) void this.tellCount(session).catch(() => undefined);
    });
  }

  /** Tells a socket how many of its user's notifications are unread. @returns how many */
  async tellCount(session: Session): Promise<number> {
    const { userId } = session;
    for (;;) {
      const mark = { outdated: false };
      const marks = this.#counting.get(userId);
      if (marks) marks.add(mark);
      else this.#counting.set(userId, new Set([mark]));
      const count = await this.notifications.unreadCount(userId).finally(() => this.#counted(userId, mark));
      // A count that was read before a change must not be told after it.
      if (mark.outdated) continue;
      session.send(unreadCount.name, { count });
      return count;
    }
  }

  #counted(userId: string, mark: { outdated: boolean }): void {
    const marks = this.#counting.get(userId);
    marks?.delete(mark);
    if (marks?.size === 0) this.#counting.delete(userId);
  }

  #published(userId: string, { kind, data }: LogEntry): void {
    if (!CHANGES_COUNT.has(kind)) return;
    for (const mark of this.#counting.get(userId) ?? []) mark.outdated = true;
    const { unreadCount: count } = data as Counted;
    const stream = userStream(userId);
    const wants = (session: Session) => session.namespace === NAMESPACE && this.userStreams.interest(session, stream) === 'full';
    this.publisher.toUser(userId, () => ({ event: unreadCount.name, data: { count } }), wants);
  }
}
