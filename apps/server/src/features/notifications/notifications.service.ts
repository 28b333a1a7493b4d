import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Failure } from '../../errors.ts';
import { forgetEntries, readCounters, rewriteEntry } from '../../log/stream-log.repository.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import type { NotificationsTable } from '../../storage/schema.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { deliveryOf, mayPush } from '../preferences/preferences-record.ts';
import { PreferencesService } from '../preferences/preferences.service.ts';
import { PushQueue, type WantedPush } from '../push/push-queue.service.ts';
import { FALLBACK } from '../push/push-content.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { userStream } from '../users/user-stream.ts';
import {
  NOTIFICATIONS_READ,
  NOTIFICATION_CREATED,
  NOTIFICATION_READ,
  type NotificationCreated,
  type NotificationDraft,
  type NotificationRead,
  type NotificationRecord,
  type NotificationsRead,
} from './notification-record.ts';
import {
  countUnread,
  deleteNotifications,
  endOfWindow,
  findNotification,
  findQuoting,
  findWithData,
  insertNotifications,
  markAllRead,
  markRead,
  pageNotifications,
  recordOf,
  unreadAmong,
  updateWords,
} from './notifications.repository.ts';

/** Who is to be told what. */
export interface Notice {
  userId: string;
  draft: NotificationDraft;
  /** The message whose words it gives: they leave it when that is deleted. */
  quotedMessageId?: string;
}

/** What marking as read led to. */
export interface Marked {
  /** Milliseconds. */
  readAt: number;
  unreadCount: number;
}

/** A page of one's notifications, and the version of the user's stream in the same snapshot. */
export interface NotificationPage {
  notifications: NotificationRecord[];
  version: number;
  /** Where it ends, if there is more. */
  end: number | undefined;
}

/** What people are told: one store, whatever surface raises it and whatever surface shows it. */
@Injectable()
export class NotificationsService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;
  readonly #preferences: PreferencesService;
  readonly #pushes: PushQueue;

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    users: UserDirectory,
    preferences: PreferencesService,
    pushes: PushQueue,
  ) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
    this.#preferences = preferences;
    this.#pushes = pushes;
  }

  /**
   * Notifies each of these users, at most a thousand, who has not turned the type off; all or none.
   * @returns the notifications that were made, in the order of `userIds`
   * @throws Failure NOT_FOUND where one does not exist, UNAVAILABLE
   */
  async notify(userIds: readonly string[], draft: NotificationDraft): Promise<NotificationRecord[]> {
    const recipients = [...new Set(userIds)];
    const users = await this.#users.loadMany(recipients);
    const missing = recipients.find((id) => !users.has(id) || users.get(id)!.erased);
    if (missing !== undefined) throw new Failure('NOT_FOUND', { field: 'user_id', problem: `no user ${missing}` });
    return this.#queue.run(recipients.map(userStream), (tx) =>
      this.raise(
        tx,
        recipients.map((userId) => ({ userId, draft })),
      ),
    );
  }

  /**
   * Notifies users within a transaction that may append to their streams: what happened and that they are told of it, or neither.
   * Who has turned a type off is not told, and nothing of it is stored.
   * @param wanted at most a thousand
   * @returns the notifications that were made, in the order of `wanted`
   */
  async raise(tx: WriteTransaction, wanted: readonly Notice[]): Promise<NotificationRecord[]> {
    const preferencesOf = await this.#preferences.of(
      tx.db,
      wanted.map(({ userId }) => userId),
    );
    const notices = wanted.filter(({ userId, draft }) => deliveryOf(preferencesOf(userId), draft.type) !== 'off');
    const unread = await countUnread(
      tx.db,
      notices.map(({ userId }) => userId),
    );
    const made = notices.map(({ userId, draft }) => {
      const count = (unread.get(userId) ?? 0) + 1;
      unread.set(userId, count);
      return announce(tx, userId, draft, count);
    });
    await insertNotifications(
      tx.db,
      made.map(({ id, type, title, body, data, createdAt, version }, i) => ({
        id,
        user_id: notices[i]!.userId,
        created_version: version,
        version,
        type,
        title,
        body,
        data: JSON.stringify(data),
        created_at: createdAt,
        read_at: null,
        quoted_message_id: notices[i]!.quotedMessageId ?? null,
      })),
    );
    const mayBePushed = made.flatMap((notification, i) => {
      const { userId } = notices[i]!;
      return mayPush(preferencesOf(userId), notification.type, tx.now) ? [{ userId, notification }] : [];
    });
    await this.#push(tx, mayBePushed);
    return made;
  }

  async #push(tx: WriteTransaction, told: readonly { userId: string; notification: NotificationRecord }[]): Promise<void> {
    const users = await this.#users.loadMany(told.map(({ userId }) => userId));
    const wanted = told.map(({ userId, notification: { type, id, title, body, data } }): WantedPush => {
      const lang = users.get(userId)?.locale ?? FALLBACK;
      return { userId, message: { type, id, title, body, tag: id, lang, data }, position: 1 };
    });
    await this.#pushes.add(tx, wanted, tx.now + this.#pushes.delayMs);
  }

  /** One's own notifications, the newest first. @param page.before where the page before ended */
  list(userId: string, page: { isRead?: boolean | undefined; before?: number | undefined; limit: number }): Promise<NotificationPage> {
    return this.#storage.snapshot(async (db) => {
      const found = await pageNotifications(db, userId, { ...page, limit: page.limit + 1 });
      const rows = found.slice(0, page.limit);
      const stream = userStream(userId);
      const version = (await readCounters(db, [stream])).get(stream)?.version ?? 0;
      return { notifications: rows.map(recordOf), version, end: found.length > rows.length ? rows.at(-1)?.created_version : undefined };
    });
  }

  /** How many one has not read. */
  async unreadCount(userId: string): Promise<number> {
    return (await countUnread(this.#storage.db, [userId])).get(userId) ?? 0;
  }

  /** Marks one's own notification as read; again changes nothing. @returns when it was read @throws Failure NOT_FOUND, UNAVAILABLE */
  async readOne(userId: string, id: string): Promise<number> {
    const found = await findNotification(this.#storage.db, userId, id);
    if (!found) throw new Failure('NOT_FOUND', { field: 'notification_id', problem: 'no notification of yours has this id' });
    if (found.read_at !== null) return found.read_at;
    await this.read(userId, [id]);
    return (await findNotification(this.#storage.db, userId, id))?.read_at ?? Date.now();
  }

  /** Marks those of `ids` as read that are one's own and unread; the others are passed over. @throws Failure UNAVAILABLE */
  read(userId: string, ids: readonly string[]): Promise<Marked> {
    const stream = userStream(userId);
    return this.#queue.run([stream], async (tx) => {
      let unreadCount = (await countUnread(tx.db, [userId])).get(userId) ?? 0;
      for (const id of await unreadAmong(tx.db, userId, ids)) {
        unreadCount--;
        const entry: NotificationRead = { notificationId: id, readAt: tx.now, unreadCount };
        await markRead(tx.db, id, { read_at: tx.now, version: tx.append(stream, NOTIFICATION_READ, entry) });
      }
      return { readAt: tx.now, unreadCount };
    });
  }

  /** Marks all of one's own as read, as one change. @throws Failure UNAVAILABLE */
  readAll(userId: string): Promise<Marked> {
    const stream = userStream(userId);
    return this.#queue.run([stream], async (tx) => {
      const marked: Marked = { readAt: tx.now, unreadCount: 0 };
      if (!(await countUnread(tx.db, [userId])).has(userId)) return marked;
      const version = tx.append(stream, NOTIFICATIONS_READ, marked satisfies NotificationsRead);
      await markAllRead(tx.db, userId, { read_at: tx.now, version });
      return marked;
    });
  }

  /** Takes a person's name and words out of what others were told of them, in the log as well: that they were told stays. */
  async eraseActor(userId: string): Promise<void> {
    // No index leads from a person to what others were told, so all is looked through, a little at a time.
    const WINDOW = 2_000;
    const text = JSON.stringify(userId);
    for (let after = ''; ;) {
      const upTo = await endOfWindow(this.#storage.db, after, WINDOW);
      if (upTo === undefined) return;
      const found = await findWithData(this.#storage.db, after, upTo, text);
      const theirs = found.filter(({ data }) => Object.values(JSON.parse(data) as object).includes(userId));
      if (theirs.length > 0) await this.#eraseWords(theirs);
      after = upTo;
    }
  }

  async #eraseWords(rows: readonly NotificationsTable[]): Promise<void> {
    await this.#queue.run([...new Set(rows.map((row) => userStream(row.user_id)))], async (tx) => {
      for (const row of rows) {
        await reword(tx, row, { title: '', body: '', data: idsIn(JSON.parse(row.data) as Record<string, unknown>) });
      }
    });
  }

  /**
   * Takes the words of a message out of the notifications that quote it, in the log as well; in the transaction that deletes it. None
   * may be made at the same time: whoever quotes a message in a notification holds the lock of its chat's stream.
   */
  async eraseQuotes(tx: WriteTransaction, messageId: string): Promise<void> {
    for (const row of await findQuoting(tx.db, messageId)) {
      await reword(tx, row, { title: row.title, body: '', data: JSON.parse(row.data) as Record<string, unknown> });
    }
  }

  /** Removes all that a person was told, from the log as well. */
  async erase(userId: string): Promise<void> {
    const stream = userStream(userId);
    await this.#queue.run([stream], async (tx) => {
      await deleteNotifications(tx.db, userId);
      await forgetEntries(tx.db, stream);
    });
  }
}

function announce(
  tx: WriteTransaction,
  userId: string,
  { type, title, body, data }: NotificationDraft,
  unreadCount: number,
): NotificationRecord {
  const stream = userStream(userId);
  const version = tx.stream(stream).version + 1;
  const notification: NotificationRecord = { id: uuidv7(), type, title, body, data, createdAt: tx.now, readAt: null, version };
  tx.append(stream, NOTIFICATION_CREATED, { notification, unreadCount } satisfies NotificationCreated);
  return notification;
}

/** Changes what a notification says, in its row and where the log tells of it. */
async function reword(
  tx: WriteTransaction,
  row: NotificationsTable,
  words: Pick<NotificationRecord, 'title' | 'body' | 'data'>,
): Promise<void> {
  await updateWords(tx.db, row.id, { ...words, data: JSON.stringify(words.data) });
  const stream = userStream(row.user_id);
  const entry = await tx.entry(stream, row.created_version);
  if (entry?.kind !== NOTIFICATION_CREATED) return;
  const created = entry.data as NotificationCreated;
  const notification = { ...created.notification, ...words };
  await rewriteEntry(tx.db, stream, row.created_version, { ...created, notification } satisfies NotificationCreated);
}

/** Of a notification's data what only points at things: a link stays a link. */
function idsIn(data: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).filter(([key]) => /(^id|_id|Id)$/.test(key)));
}
