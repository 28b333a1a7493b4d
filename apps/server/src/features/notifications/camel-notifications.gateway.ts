import { allawzi, type PayloadOf } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { UserStreams } from '../users/user-streams.ts';
import { NotificationsEmitter } from './notifications.emitter.ts';
import { NotificationsService } from './notifications.service.ts';

const events = allawzi.notificationClientEvents;

/** `/notifications`, in the words of Allawzi's document and of Depth's. */
@Gateway('/notifications')
export class CamelNotificationsGateway {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly emitter: NotificationsEmitter,
    private readonly userStreams: UserStreams,
  ) {}

  @On(events.getUnreadCount)
  async unreadCount(session: Session) {
    return { count: await this.emitter.tellCount(session) };
  }

  @On(events.markAsRead)
  async markAsRead({ userId }: Session, { notificationIds }: PayloadOf<typeof events.markAsRead>) {
    return { count: (await this.notifications.read(userId, notificationIds)).unreadCount };
  }

  @On(events.markAllAsRead)
  async markAllAsRead({ userId }: Session) {
    return { count: (await this.notifications.readAll(userId)).unreadCount };
  }

  @On(events.read)
  async read({ userId }: Session, { notificationId }: PayloadOf<typeof events.read>) {
    const readAt = await this.notifications.readOne(userId, notificationId);
    return { notificationId, isRead: true as const, readAt: isoTime(readAt) };
  }

  @On(events.subscribe)
  async subscribe(session: Session, { userId }: PayloadOf<typeof events.subscribe>) {
    await this.userStreams.subscribe(session, userId);
    return { data: { userId } };
  }

  @On(events.unsubscribe)
  async unsubscribe(session: Session, { userId }: PayloadOf<typeof events.unsubscribe>) {
    await this.userStreams.unsubscribe(session, userId);
    return { data: { userId } };
  }
}
