/** Notifications in camelCase, as `/notifications` and REST `/api/v1` show them. Pure. */
import type { allawzi } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { NotificationRecord } from './notification-record.ts';

export function toV1Notification({ id, type, title, body, data, createdAt, readAt, version }: NotificationRecord): allawzi.NotificationV1 {
  return { id, type, title, body, data, createdAt: isoTime(createdAt), isRead: readAt !== null, version };
}
