import type { Chat, Message, ServerEvents } from '@majlis/client';

/** The chats that were read so far, the latest change first. */
export interface ChatListState {
  chats: readonly Chat[];
  /** Where the next page begins; null at the end. */
  next_cursor: string | null;
}

/** When something last happened in a chat. */
export function lastActivity(chat: Chat): string {
  return chat.last_message?.created_at ?? chat.created_at;
}

/** Adds chats, or replaces those that are there. */
export function mergeChats(state: ChatListState, incoming: readonly Chat[], next_cursor = state.next_cursor): ChatListState {
  const byId = new Map(state.chats.map((chat) => [chat.id, chat]));
  for (const chat of incoming) byId.set(chat.id, chat);
  return { chats: sortChats([...byId.values()]), next_cursor };
}

export function removeChat(state: ChatListState, chatId: string): ChatListState {
  return { ...state, chats: state.chats.filter((chat) => chat.id !== chatId) };
}

/** A new message: last, and unread unless it is one's own. Writing reads nothing: what came before is unread until it is reported as read. */
export function applyNewMessage(state: ChatListState, message: Message, me: string): ChatListState {
  return update(state, message.chat_id, (chat) =>
    message.seq <= chat.last_seq
      ? chat
      : {
          ...chat,
          last_message: message,
          last_seq: message.seq,
          version: message.version,
          unread_count: (chat.unread_count ?? 0) + (message.sender_id === me ? 0 : 1),
        },
  );
}

/** The last message was edited, or deleted. */
export function applyLastMessage(
  state: ChatListState,
  chatId: string,
  messageId: string,
  change: (message: Message) => Message,
): ChatListState {
  return update(state, chatId, (chat) =>
    chat.last_message?.id === messageId ? { ...chat, last_message: change(chat.last_message) } : chat,
  );
}

/** Title or members changed; what is null in the event is one's own and unchanged. */
export function applyChatChanged(state: ChatListState, event: ServerEvents['chat:changed']): ChatListState {
  return update(state, event.id, (chat) => ({
    ...event,
    unread_count: event.unread_count ?? chat.unread_count,
    last_message: event.last_message ?? chat.last_message,
    muted_until: event.muted_until ?? chat.muted_until,
  }));
}

export function applyUnread(state: ChatListState, chatId: string, unread_count: number): ChatListState {
  return update(state, chatId, (chat) => (chat.unread_count === unread_count ? chat : { ...chat, unread_count }));
}

function update(state: ChatListState, chatId: string, apply: (chat: Chat) => Chat): ChatListState {
  const at = state.chats.findIndex((chat) => chat.id === chatId);
  const present = state.chats[at];
  if (!present) return state;
  const changed = apply(present);
  return changed === present ? state : { ...state, chats: sortChats(state.chats.with(at, changed)) };
}

function sortChats(chats: readonly Chat[]): Chat[] {
  return chats.toSorted((a, b) => lastActivity(b).localeCompare(lastActivity(a)));
}
