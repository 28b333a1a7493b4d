import { Controller, Res } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { isoTime } from '../../iso-time.ts';
import { NotificationsService, type Marked } from './notifications.service.ts';
import { toV2Notification } from './v2-shapes.ts';

const { notificationRoutes: routes } = v2;

const cursors = cursorsOf('notifications', z.number());
const present = ({ readAt, unreadCount }: Marked) => ({ read_at: isoTime(readAt), unread_count: unreadCount });

/** Notifications by REST `/api/v2`. */
@Controller()
export class V2NotificationsController {
  constructor(private readonly notifications: NotificationsService) {}

  @Endpoint(routes.list)
  async list(@Caller() { userId }: UserCaller, @Input() { query }: InputOf<typeof routes.list>) {
    const page = { isRead: query.is_read, before: cursors.decode(query.cursor), limit: query.limit };
    const { notifications, version, end } = await this.notifications.list(userId, page);
    return { data: notifications.map(toV2Notification), next_cursor: cursors.encode(end), version };
  }

  @Endpoint(routes.create)
  async create(@Input() { body }: InputOf<typeof routes.create>, @Res({ passthrough: true }) reply: FastifyReply) {
    const { user_id, user_ids, ...draft } = body;
    const made = (await this.notifications.notify(user_ids ?? [user_id!], draft)).map(toV2Notification);
    if (made.length === 0) reply.status(200);
    return user_ids ? { data: made } : (made[0] ?? { data: [] });
  }

  @Endpoint(routes.read)
  async read(@Caller() { userId }: UserCaller, @Input() { body }: InputOf<typeof routes.read>) {
    return present(await this.notifications.read(userId, body.notification_ids));
  }

  @Endpoint(routes.readAll)
  async readAll(@Caller() { userId }: UserCaller) {
    return present(await this.notifications.readAll(userId));
  }

  @Endpoint(routes.unreadCount)
  async unreadCount(@Caller() { userId }: UserCaller) {
    return { count: await this.notifications.unreadCount(userId) };
  }
}
