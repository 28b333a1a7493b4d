import { v2, type PayloadOf } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { NotificationsService } from './notifications.service.ts';

const { notificationRead } = v2.clientEvents;

/** Notifications as the v2 document's clients speak of them, on `/`. */
@Gateway('/')
export class V2NotificationsGateway {
  constructor(private readonly notifications: NotificationsService) {}

  @On(notificationRead)
  async read({ userId }: Session, { notification_id }: PayloadOf<typeof notificationRead>) {
    const readAt = await this.notifications.readOne(userId, notification_id);
    return { notification_id, is_read: true as const, read_at: isoTime(readAt) };
  }
}
