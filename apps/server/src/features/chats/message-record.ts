import type { v2 } from '@majlis/contract';
import type { LogEntry } from '../../log/log-entry.ts';
import type { MessageRow, ReactionRow } from './messages.repository.ts';

/** Reactions to a message with one emoji. */
export interface ReactionSummary {
  emoji: string;
  count: number;
  /** The first 20. */
  userIds: string[];
}

/** The types of v2, and the file of Depth, which v2 shows as a text. */
export type MessageType = v2.MessageTypeName | 'file';

/** A message as the domain and the log know it, in no dialect. Times are milliseconds. */
export interface MessageRecord {
  id: string;
  chatId: string;
  seq: number;
  version: number;
  senderId: string;
  senderName: string;
  senderAvatar: string | null;
  type: MessageType;
  content: string;
  metadata: Record<string, unknown>;
  clientMessageId: string | null;
  replyTo: string | null;
  reactions: ReactionSummary[];
  createdAt: number;
  editedAt: number | null;
  deletedAt: number | null;
}

/** How far a message has come with all the other members. */
export type MessageStatus = v2.Message['status'];

const SHOWN_REACTORS = 20;

/** Reactions grouped by emoji, in the order in which each was first used. */
export function summarizeReactions(rows: readonly ReactionRow[]): ReactionSummary[] {
  const byEmoji = new Map<string, ReactionSummary>();
  for (const { emoji, user_id } of rows) {
    let summary = byEmoji.get(emoji);
    if (!summary) byEmoji.set(emoji, (summary = { emoji, count: 0, userIds: [] }));
    summary.count++;
    if (summary.userIds.length < SHOWN_REACTORS) summary.userIds.push(user_id);
  }
  return [...byEmoji.values()];
}

/** A stored message with its reactions. */
export function recordOf(row: MessageRow, reactions: readonly ReactionRow[]): MessageRecord {
  return {
    id: row.id,
    chatId: row.chat_id,
    seq: row.seq,
    version: row.version,
    senderId: row.sender_id,
    senderName: row.sender_name,
    senderAvatar: row.sender_avatar,
    type: row.type,
    content: row.content,
    metadata: JSON.parse(row.metadata) as Record<string, unknown>,
    clientMessageId: row.client_message_id,
    replyTo: row.reply_to,
    reactions: summarizeReactions(reactions),
    createdAt: row.created_at,
    editedAt: row.edited_at,
    deletedAt: row.deleted_at,
  };
}

/** The kind of a message's first entry in the log. */
export const MESSAGE_CREATED = 'message.created';

/** The log's entry of a message's creation, from its row as it was sent. What was deleted since comes without its content. */
export function creationEntry(stream: string, row: MessageRow): LogEntry<MessageRecord> {
  const data = { ...recordOf(row, []), version: row.created_version, editedAt: null };
  return { stream, version: row.created_version, kind: MESSAGE_CREATED, data, createdAt: row.created_at };
}
