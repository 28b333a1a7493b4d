/** SQL over notifications. */
import { sql } from 'kysely';
import type { NotificationsTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';
import type { NotificationRecord } from './notification-record.ts';

export function recordOf(row: NotificationsTable): NotificationRecord {
  const { id, type, title, body, data, created_at: createdAt, read_at: readAt, version } = row;
  return { id, type, title, body, data: JSON.parse(data) as Record<string, unknown>, createdAt, readAt, version };
}

/** Adds notifications: at most a thousand, since SQLite binds at most 32,766 values in one statement. */
export async function insertNotifications(db: Database, rows: readonly NotificationsTable[]): Promise<void> {
  if (rows.length > 0) await db.insertInto('notifications').values(rows).execute();
}

/** A user's notifications, the newest first, from before a place. */
export async function pageNotifications(
  db: Database,
  userId: string,
  { isRead, before, limit }: { isRead?: boolean | undefined; before?: number | undefined; limit: number },
): Promise<NotificationsTable[]> {
  let query = db.selectFrom('notifications').selectAll().where('user_id', '=', userId);
  if (isRead !== undefined) query = query.where('read_at', isRead ? 'is not' : 'is', null);
  if (before !== undefined) query = query.where('created_version', '<', before);
  return query.orderBy('created_version', 'desc').limit(limit).execute();
}

/** The notification of that id, where it is the user's. */
export function findNotification(db: Database, userId: string, id: string): Promise<NotificationsTable | undefined> {
  return db.selectFrom('notifications').selectAll().where('id', '=', id).where('user_id', '=', userId).executeTakeFirst();
}

/** Those of `ids` that are the user's and not read, the oldest first. */
export async function unreadAmong(db: Database, userId: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom('notifications')
    .select('id')
    .where('id', 'in', ids)
    .where('user_id', '=', userId)
    .where('read_at', 'is', null)
    .orderBy('created_version')
    .execute();
  return rows.map(({ id }) => id);
}

/** How many notifications each of these users has not read; who has read all is missing. */
export async function countUnread(db: Database, userIds: readonly string[]): Promise<Map<string, number>> {
  if (userIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('notifications')
    .select((eb) => ['user_id', eb.fn.countAll<number>().as('count')])
    .where('user_id', 'in', userIds)
    .where('read_at', 'is', null)
    .groupBy('user_id')
    .execute();
  return new Map(rows.map(({ user_id, count }) => [user_id, count]));
}

/** Marks one as read. */
export async function markRead(db: Database, id: string, set: Pick<NotificationsTable, 'read_at' | 'version'>): Promise<void> {
  await db.updateTable('notifications').set(set).where('id', '=', id).execute();
}

/** Marks all that a user has not read. */
export async function markAllRead(db: Database, userId: string, set: Pick<NotificationsTable, 'read_at' | 'version'>): Promise<void> {
  await db.updateTable('notifications').set(set).where('user_id', '=', userId).where('read_at', 'is', null).execute();
}

/** Removes all notifications of a user. */
export async function deleteNotifications(db: Database, userId: string): Promise<void> {
  await db.deleteFrom('notifications').where('user_id', '=', userId).execute();
}

/** The last id of the window of at most `size` notifications after one; undefined where none follows. */
export async function endOfWindow(db: Database, after: string, size: number): Promise<string | undefined> {
  const window = db.selectFrom('notifications').select('id').where('id', '>', after).orderBy('id').limit(size);
  const row = await db.selectFrom(window.as('window')).select(db.fn.max<string | null>('id').as('id')).executeTakeFirst();
  return row?.id ?? undefined;
}

/** Notifications of a window whose data has a text in it, anywhere. */
export function findWithData(db: Database, after: string, upTo: string, text: string): Promise<NotificationsTable[]> {
  const pattern = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
  return db
    .selectFrom('notifications')
    .selectAll()
    .where('id', '>', after)
    .where('id', '<=', upTo)
    .where(sql<boolean>`data like ${pattern} escape '\\'`)
    .execute();
}

/** Notifications that give the words of a message. */
export function findQuoting(db: Database, messageId: string): Promise<NotificationsTable[]> {
  return db.selectFrom('notifications').selectAll().where('quoted_message_id', '=', messageId).execute();
}

/** Changes what a notification says. */
export async function updateWords(db: Database, id: string, set: Pick<NotificationsTable, 'title' | 'body' | 'data'>): Promise<void> {
  await db.updateTable('notifications').set(set).where('id', '=', id).execute();
}
