/** Tables of chats, their messages, and the index that finds them. */
import type { v2 } from '@majlis/contract';

export interface ChatsTable {
  id: string;
  /** Chosen at random; stands for the id in the indexes of messages. */
  key: number;
  type: 'direct' | 'group';
  title: string | null;
  /** The two ids of a direct chat, sorted, as JSON; null for groups. Unique, so a direct chat is never made twice. */
  direct_key: string | null;
  created_by: string;
  member_count: number;
  created_at: number;
}

export interface ChatMembersTable {
  chat_id: string;
  user_id: string;
  joined_at: number;
  /** Watermarks on the chat's seq: how far this member has received and read. */
  delivered_seq: number;
  /** What was delivered beyond the watermark, as JSON `[[from, to], …]`: live messages that came before an absence was caught up. */
  delivered_ahead: string | null;
  read_seq: number;
  read_at: number | null;
  muted_until: number | null;
}

export interface MessagesTable {
  id: string;
  chat_id: string;
  /** The chat's `key`: by it, not by its id, its messages are found quickly. */
  chat_key: number;
  seq: number;
  /** The chat stream's version at this message's latest change. */
  version: number;
  /** The stream's version at which it was sent. The row is the log's entry of that version too, until an edit puts the original into the log. */
  created_version: number;
  /** The version of the latest entry that carries content: where erasing starts (see log entries' `previous`). */
  content_version: number;
  sender_id: string;
  /** As they were when the message was sent: what its event said. */
  sender_name: string;
  sender_avatar: string | null;
  /** Of v2, or Depth's file. */
  type: v2.MessageTypeName | 'file';
  content: string;
  /** JSON object. */
  metadata: string;
  client_message_id: string | null;
  reply_to: string | null;
  created_at: number;
  edited_at: number | null;
  deleted_at: number | null;
}

export interface MessageReactionsTable {
  message_id: string;
  user_id: string;
  emoji: string;
  created_at: number;
}

/** Messages of which nobody has looked yet whom they mention. */
export interface PendingMentionsTable {
  message_id: string;
}

/** The full-text index of the messages, which trails them. `words` is asked in each engine's own way. */
export interface MessageSearchTable {
  /** Begins with the time at which the message was created: the order of the answers. */
  id: number;
  chat_id: string;
  seq: number;
}

/** How far the full-text index has come in a chat. */
export interface MessageSearchPositionsTable {
  chat_id: string;
  /** Messages up to this one are in the index, */
  seq: number;
  /** as they were at this version of the chat's stream, or later. */
  version: number;
}
