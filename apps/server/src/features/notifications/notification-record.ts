/** A notification as the domain and the log know it, in no dialect. Times are milliseconds. */
export interface NotificationRecord {
  id: string;
  type: string;
  title: string;
  body: string;
  data: Record<string, unknown>;
  createdAt: number;
  readAt: number | null;
  /** Of the user's stream, at its latest change. */
  version: number;
}

/** What a notification says, before anybody has it. */
export type NotificationDraft = Pick<NotificationRecord, 'type' | 'title' | 'body' | 'data'>;

/** The kinds of log entries that notifications write. */
export const NOTIFICATION_CREATED = 'notification.created';
export const NOTIFICATION_READ = 'notification.read';
export const NOTIFICATIONS_READ = 'notification.read-all';

/** What every entry has: how many are unread after it, so that the count that sockets are told is that of the change, in its order. */
export interface Counted {
  unreadCount: number;
}

export interface NotificationCreated extends Counted {
  notification: NotificationRecord;
}

export interface NotificationRead extends Counted {
  notificationId: string;
  readAt: number;
}

export interface NotificationsRead extends Counted {
  readAt: number;
}
