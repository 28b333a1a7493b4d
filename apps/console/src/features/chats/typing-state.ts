import type { ServerEvents } from '@majlis/client';

/** Who is typing, by chat and user. */
export type TypingState = Readonly<Record<string, Readonly<Record<string, string>>>>;

const nobody: Readonly<Record<string, string>> = {};

/** Names of those who are typing in a chat, by user id. */
export function typists(state: TypingState, chatId: string): Readonly<Record<string, string>> {
  return state[chatId] ?? nobody;
}

export function applyTyping(state: TypingState, { chat_id, user_id, user_name, is_typing }: ServerEvents['chat:typing']): TypingState {
  return is_typing ? { ...state, [chat_id]: { ...state[chat_id], [user_id]: user_name } } : stopTyping(state, chat_id, user_id);
}

export function stopTyping(state: TypingState, chatId: string, userId: string): TypingState {
  const present = state[chatId];
  if (!present || !(userId in present)) return state;
  const { [userId]: _, ...others } = present;
  return { ...state, [chatId]: others };
}
