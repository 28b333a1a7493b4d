import { allawzi, type PayloadOf } from '@majlis/contract';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { NotificationsEmitter } from './notifications.emitter.ts';
import { NotificationsService } from './notifications.service.ts';

const events = allawzi.notificationClientEvents;

/** `/notifications`, in the words of Allawzi's document. */
@Gateway('/notifications')
export class CamelNotificationsGateway {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly emitter: NotificationsEmitter,
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
}
