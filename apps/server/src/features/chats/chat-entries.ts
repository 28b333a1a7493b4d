/** What the log's entries of chats carry, by kind; a message's creation carries the message itself. */
import type { ChatRecord } from './chat-record.ts';
import type { MessageRecord } from './message-record.ts';

/** An edited message knows where its content stood before, so that deleting can follow the content back through the log. */
export type EditedMessage = MessageRecord & { previous: number };

export interface DeletedMessage {
  chatId: string;
  messageId: string;
  seq: number;
  deletedAt: number;
}

export interface Reacted {
  chatId: string;
  messageId: string;
  userId: string;
  emoji: string;
  on: boolean;
  count: number;
}

export interface ChatAdded {
  chat: ChatRecord;
  /** The version of the chat's stream as of this change. */
  chatVersion: number;
}

export interface ChatRemoved {
  chatId: string;
}
