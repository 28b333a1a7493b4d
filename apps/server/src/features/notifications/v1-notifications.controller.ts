import { Controller } from '@nestjs/common';
import { allawzi, type InputOf } from '@majlis/contract';
import { z } from 'zod';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { isoTime } from '../../iso-time.ts';
import { NotificationsService, type Marked } from './notifications.service.ts';
import { toV1Notification } from './v1-shapes.ts';

const { notificationRoutes: routes } = allawzi;

const cursors = cursorsOf('notifications', z.number());
const present = ({ readAt, unreadCount }: Marked) => ({ readAt: isoTime(readAt), unreadCount });

/** Notifications by REST `/api/v1`. */
@Controller()
export class V1NotificationsController {
  constructor(private readonly notifications: NotificationsService) {}

  @Endpoint(routes.list)
  async list(@Caller() { userId }: UserCaller, @Input() { query }: InputOf<typeof routes.list>) {
    const page = { isRead: query.isRead, before: cursors.decode(query.cursor), limit: query.limit };
    const { notifications, version, end } = await this.notifications.list(userId, page);
    return { data: notifications.map(toV1Notification), nextCursor: cursors.encode(end), version };
  }

  @Endpoint(routes.unreadCount)
  async unreadCount(@Caller() { userId }: UserCaller) {
    return { count: await this.notifications.unreadCount(userId) };
  }

  @Endpoint(routes.markAsRead)
  async markAsRead(@Caller() { userId }: UserCaller, @Input() { body }: InputOf<typeof routes.markAsRead>) {
    return present(await this.notifications.read(userId, body.notificationIds));
  }

  @Endpoint(routes.markAllAsRead)
  async markAllAsRead(@Caller() { userId }: UserCaller) {
    return present(await this.notifications.readAll(userId));
  }
}
