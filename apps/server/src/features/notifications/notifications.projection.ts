/** How each dialect shows what the log says of notifications. Pure: the same entry gives the same event, live and in `sync`. */
import type { LogEntry } from '../../log/log-entry.ts';
import type { Projections } from '../../realtime/publisher.ts';
import { isoTime } from '../../iso-time.ts';
import type { NotificationCreated, NotificationRead, NotificationsRead } from './notification-record.ts';
import { toV1Notification } from './v1-shapes.ts';
import { toV2Notification } from './v2-shapes.ts';

/** Depth's sockets on `/` get them as `/notifications` does. */
const camelCase = (project: Projections[string]): Projections => ({ notifications: project, depth: project });

export const NOTIFICATION_PROJECTIONS: Readonly<Record<string, Projections>> = {
  'notification.created': {
    v2: ({ data }: LogEntry<NotificationCreated>) => ({ event: 'notification:new', data: toV2Notification(data.notification) }),
    ...camelCase(({ data }: LogEntry<NotificationCreated>) => ({ event: 'notification:new', data: toV1Notification(data.notification) })),
  },
  // The socket that marked it gets the event like all others: otherwise its stream would have a gap.
  'notification.read': {
    v2: ({ data, version }: LogEntry<NotificationRead>) => ({
      event: 'notification:read',
      data: { notification_id: data.notificationId, is_read: true, read_at: isoTime(data.readAt), version },
    }),
    ...camelCase(({ data, version }: LogEntry<NotificationRead>) => ({
      event: 'notification:read',
      data: { notificationId: data.notificationId, isRead: true, readAt: isoTime(data.readAt), version },
    })),
  },
  'notification.read-all': {
    v2: ({ data, version }: LogEntry<NotificationsRead>) => ({
      event: 'notification:read_all',
      data: { read_at: isoTime(data.readAt), version },
    }),
    ...camelCase(({ data, version }: LogEntry<NotificationsRead>) => ({
      event: 'notification:read-all',
      data: { readAt: isoTime(data.readAt), version },
    })),
  },
};
