import { bulkInsert, bulkUpdate } from '../../storage/bulk.ts';
import type { MessagesTable } from '../../storage/schema.ts';
import { keyOf } from './chats.repository.ts';
import type { MessageRecord } from './message-record.ts';
import type { Database, WriteConnection } from '../../storage/storage.ts';

/** A message with its sender as the users table has it now; an erased person has no name. */
export type MessageRow = MessagesTable;

/** Who reacted to a message with what. */
export interface ReactionRow {
  message_id: string;
  user_id: string;
  emoji: string;
}

// `content_version` is `version` at first.
const INSERT = bulkInsert(
  'messages',
  {
    id: 'text',
    chat_id: 'text',
    chat_key: 'int8',
    seq: 'int8',
    version: 'int8',
    created_version: 'int8',
    content_version: 'int8',
    sender_id: 'text',
    sender_name: 'text',
    sender_avatar: 'text',
    type: 'text',
    content: 'text',
    metadata: 'text',
    client_message_id: 'text',
    reply_to: 'text',
    created_at: 'int8',
  },
  { onConflict: 'nothing' },
);

/**
 * Inserts messages as they were sent.
 * @param chatKeys of the chat of each
 * @returns how many were: fewer where a `client_message_id` had been used
 */
export function insertMessages(
  connection: WriteConnection,
  messages: readonly MessageRecord[],
  chatKeys: readonly number[],
): Promise<number> {
  return connection.insertMany(
    INSERT,
    messages.map((m, i) => [
      m.id,
      m.chatId,
      chatKeys[i]!,
      m.seq,
      m.version,
      m.version,
      m.version,
      m.senderId,
      m.senderName,
      m.senderAvatar,
      m.type,
      m.content,
      JSON.stringify(m.metadata),
      m.clientMessageId,
      m.replyTo,
      m.createdAt,
    ]),
  );
}

// SQLite refuses expressions that are nested deeper than 1,000, and every `or` is one level.
const SENT_AT_ONCE = 500;

/** The messages that these sends were stored as before. */
export async function findSent(
  db: Database,
  sends: readonly { chatKey: number; senderId: string; clientMessageId: string }[],
): Promise<MessagesTable[]> {
  const found: MessagesTable[] = [];
  for (let i = 0; i < sends.length; i += SENT_AT_ONCE) {
    const part = sends.slice(i, i + SENT_AT_ONCE);
    const rows = await db
      .selectFrom('messages')
      .selectAll()
      .where((eb) =>
        eb.or(
          part.map((send) =>
            eb.and([
              eb('chat_key', '=', send.chatKey),
              eb('sender_id', '=', send.senderId),
              eb('client_message_id', '=', send.clientMessageId),
            ]),
          ),
        ),
      )
      .execute();
    found.push(...rows);
  }
  return found;
}

function withSender(db: Database) {
  return (
    db
      .selectFrom('messages as m')
      .leftJoin('users as u', 'u.id', 'm.sender_id')
      .selectAll('m')
      // These two stand for the row's own of the same names, which say what they were when the message was sent.
      .select((eb) => [eb.fn.coalesce('u.name', eb.val('')).as('sender_name'), 'u.avatar as sender_avatar'])
  );
}

const NOTE_MAY_MENTION = bulkInsert('pending_mentions', { message_id: 'text' });

/** Remembers messages that may mention somebody, until they are looked at. */
export async function noteMayMention(connection: WriteConnection, messageIds: readonly string[]): Promise<void> {
  await connection.insertMany(
    NOTE_MAY_MENTION,
    messageIds.map((id) => [id]),
  );
}

/** Messages that may mention somebody and have not been looked at, the oldest first. */
export function mayMention(db: Database, limit: number): Promise<MessageRow[]> {
  return withSender(db).innerJoin('pending_mentions as n', 'n.message_id', 'm.id').orderBy('n.message_id').limit(limit).execute();
}

/** Takes those that have not been looked at and still say this: of all nodes that ask, one gets each, once. @returns their ids */
export async function claimMayMention(db: Database, messages: readonly { id: string; content: string }[]): Promise<string[]> {
  const unchanged = db
    .selectFrom('messages')
    .select('id')
    .where((eb) => eb.or(messages.map(({ id, content }) => eb.and([eb('id', '=', id), eb('content', '=', content)]))));
  const rows = await db.deleteFrom('pending_mentions').where('message_id', 'in', unchanged).returning('message_id').execute();
  return rows.map(({ message_id }) => message_id);
}

/** A message of a chat. */
export function findMessage(db: Database, chatId: string, messageId: string): Promise<MessageRow | undefined> {
  return withSender(db).where('m.id', '=', messageId).where('m.chat_id', '=', chatId).executeTakeFirst();
}

/** Messages by id, in no particular order. */
export async function findMessages(db: Database, ids: readonly string[]): Promise<MessageRow[]> {
  return ids.length === 0 ? [] : withSender(db).where('m.id', 'in', ids).execute();
}

/** Messages of a chat, always ascending: after a seq the oldest, else the newest (before a seq). */
export async function pageMessages(
  db: Database,
  chatId: string,
  range: { afterSeq?: number | undefined; beforeSeq?: number | undefined; limit: number },
): Promise<MessageRow[]> {
  let query = withSender(db).where('m.chat_key', '=', keyOf(chatId));
  if (range.beforeSeq !== undefined) query = query.where('m.seq', '<', range.beforeSeq);
  if (range.afterSeq !== undefined) return query.where('m.seq', '>', range.afterSeq).orderBy('m.seq').limit(range.limit).execute();
  return (await query.orderBy('m.seq', 'desc').limit(range.limit).execute()).toReversed();
}

/** Messages of a chat after a seq as they were when they were sent, in order. */
export function messagesAsSent(db: Database, chatId: string, afterSeq: number, limit: number): Promise<MessagesTable[]> {
  return db
    .selectFrom('messages')
    .selectAll()
    .where('chat_key', '=', keyOf(chatId))
    .where('seq', '>', afterSeq)
    .orderBy('seq')
    .limit(limit)
    .execute();
}

/** Messages by their places in chats, in no particular order. */
export async function messagesAt(db: Database, places: readonly { chatId: string; seq: number }[]): Promise<MessageRow[]> {
  if (places.length === 0) return [];
  return withSender(db)
    .where((eb) => eb.or(places.map(({ chatId, seq }) => eb.and([eb('m.chat_key', '=', keyOf(chatId)), eb('m.seq', '=', seq)]))))
    .execute();
}

/** Ids, seqs and senders of the newest `limit` messages in `afterSeq < seq <= upToSeq` that `readerId` did not send, ascending. */
export async function othersMessages(
  db: Database,
  chatId: string,
  readerId: string,
  range: { afterSeq: number; upToSeq: number; limit: number },
): Promise<{ id: string; seq: number; sender_id: string }[]> {
  const rows = await db
    .selectFrom('messages')
    .select(['id', 'seq', 'sender_id'])
    .where('chat_key', '=', keyOf(chatId))
    .where('seq', '>', range.afterSeq)
    .where('seq', '<=', range.upToSeq)
    .where('sender_id', '!=', readerId)
    .orderBy('seq', 'desc')
    .limit(range.limit)
    .execute();
  return rows.toReversed();
}

/** Reactions to messages, the earliest first. */
export async function readReactions(db: Database, messageIds: readonly string[]): Promise<ReactionRow[]> {
  if (messageIds.length === 0) return [];
  return db
    .selectFrom('message_reactions')
    .select(['message_id', 'user_id', 'emoji'])
    .where('message_id', 'in', messageIds)
    .orderBy('created_at')
    .orderBy('user_id')
    .execute();
}

/** Sets or takes back a reaction. @returns false where it was so already */
export async function setReaction(db: Database, reaction: ReactionRow, on: boolean, now: number): Promise<boolean> {
  if (on) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('message_reactions')
      .values({ ...reaction, created_at: now })
      .onConflict((oc) => oc.doNothing())
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }
  const { numDeletedRows } = await db
    .deleteFrom('message_reactions')
    .where('message_id', '=', reaction.message_id)
    .where('emoji', '=', reaction.emoji)
    .where('user_id', '=', reaction.user_id)
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

/** How many have this reaction to a message. */
export async function countReactions(db: Database, messageId: string, emoji: string): Promise<number> {
  const { n } = await db
    .selectFrom('message_reactions')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .where('message_id', '=', messageId)
    .where('emoji', '=', emoji)
    .executeTakeFirstOrThrow();
  return n;
}

/** How many different reactions a message has. */
export async function countEmoji(db: Database, messageId: string): Promise<number> {
  const { n } = await db
    .selectFrom('message_reactions')
    .select((eb) => eb.fn.count<number>('emoji').distinct().as('n'))
    .where('message_id', '=', messageId)
    .executeTakeFirstOrThrow();
  return n;
}

/** Takes back every reaction to a message. */
export async function deleteReactions(db: Database, messageId: string): Promise<void> {
  await db.deleteFrom('message_reactions').where('message_id', '=', messageId).execute();
}

/** Changes a message. */
export async function updateMessage(db: Database, messageId: string, set: Partial<MessagesTable>): Promise<void> {
  await db.updateTable('messages').set(set).where('id', '=', messageId).execute();
}

/** Some messages of a sender that still have content, or the sender's name: what erasing a person works off. */
export function findTracesOf(db: Database, senderId: string, limit: number): Promise<{ id: string; chat_id: string }[]> {
  return db
    .selectFrom('messages')
    .select(['id', 'chat_id'])
    .where('sender_id', '=', senderId)
    .where((eb) => eb.or([eb('deleted_at', 'is', null), eb('sender_name', '!=', ''), eb('sender_avatar', 'is not', null)]))
    .limit(limit)
    .execute();
}

const UPDATE_DELIVERED = bulkUpdate('chat_members', {
  set: { delivered_seq: 'int8', delivered_ahead: 'text' },
  key: { chat_id: 'text', user_id: 'text' },
});

/** Stores how far members have received. */
export async function storeDelivered(
  connection: WriteConnection,
  rows: readonly { chatId: string; userId: string; watermark: number; ahead: string | null }[],
): Promise<void> {
  await connection.updateMany(
    UPDATE_DELIVERED,
    rows.map((row) => [row.watermark, row.ahead, row.chatId, row.userId]),
  );
}

/** Moves the read watermark of a member forward. @returns where it was; undefined where it was there already, or further */
export async function moveReadWatermark(
  db: Database,
  chatId: string,
  userId: string,
  seq: number,
  now: number,
): Promise<number | undefined> {
  for (;;) {
    const member = await db
      .selectFrom('chat_members')
      .select('read_seq')
      .where('chat_id', '=', chatId)
      .where('user_id', '=', userId)
      .executeTakeFirst();
    if (!member || member.read_seq >= seq) return undefined;
    const { numUpdatedRows } = await db
      .updateTable('chat_members')
      .set({ read_seq: seq, read_at: now })
      .where('chat_id', '=', chatId)
      .where('user_id', '=', userId)
      // Another node may have moved it meanwhile.
      .where('read_seq', '=', member.read_seq)
      .executeTakeFirst();
    if (numUpdatedRows === 1n) return member.read_seq;
  }
}
