/** Notifications in the v2 document's shape. Pure. */
import type { v2 } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { NotificationRecord } from './notification-record.ts';

export function toV2Notification({ id, type, title, body, data, createdAt, readAt, version }: NotificationRecord): v2.Notification {
  return { id, type, title, body, data, created_at: isoTime(createdAt), is_read: readAt !== null, version };
}
