import type { MajlisError, OutboxChange, QueuedMessage } from '@majlis/client';

/** One's own messages that are not part of the chat yet, by chat, in the order in which they were written. */
export type OutboxState = Readonly<Record<string, readonly OutgoingMessage[]>>;

export interface OutgoingMessage {
  message: QueuedMessage;
  /** Why the server refused it for good; null while it is on its way. */
  error: MajlisError | null;
}

const none: readonly OutgoingMessage[] = [];

export function outgoing(state: OutboxState, chatId: string): readonly OutgoingMessage[] {
  return state[chatId] ?? none;
}

export function applyOutboxChange(state: OutboxState, change: OutboxChange): OutboxState {
  const { message } = change;
  if (change.status === 'sent') return discard(state, message);
  // The client is only closed, and what it has kept it will send next time.
  if (change.status === 'failed' && change.error.code === 'CLOSED') return state;
  const entry: OutgoingMessage = { message, error: change.status === 'failed' ? change.error : null };
  const present = outgoing(state, message.chat_id);
  const at = present.findIndex((other) => other.message.client_message_id === message.client_message_id);
  return { ...state, [message.chat_id]: at === -1 ? [...present, entry] : present.with(at, entry) };
}

export function discard(state: OutboxState, { chat_id, client_message_id }: QueuedMessage): OutboxState {
  return { ...state, [chat_id]: outgoing(state, chat_id).filter((other) => other.message.client_message_id !== client_message_id) };
}
