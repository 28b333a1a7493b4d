import type { Chat } from '@majlis/client';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, use, useEffect, useState, type PropsWithChildren } from 'react';
import { useMajlis } from '../../session/majlis.tsx';
import type { ChatListState } from './chat-list-state.ts';
import { chatsKey, createChatsStore, messagesKey, type ChatsStore } from './chats-store.ts';

const ChatsContext = createContext<ChatsStore | null>(null);

/** Keeps the chats current while somebody is signed in. */
export function ChatsProvider({ children }: PropsWithChildren) {
  const { majlis, me } = useMajlis();
  const queries = useQueryClient();
  const [store] = useState(() => createChatsStore(majlis, me.id, queries));
  useEffect(() => store.listen(), [store]);
  return <ChatsContext value={store}>{children}</ChatsContext>;
}

export function useChatsStore(): ChatsStore {
  const store = use(ChatsContext);
  if (!store) throw new Error('useChatsStore outside of ChatsProvider');
  return store;
}

/** The list of chats; `select` narrows what a component follows. */
export function useChats<Part = ChatListState>(select?: (state: ChatListState) => Part) {
  const store = useChatsStore();
  return useQuery({ queryKey: chatsKey, queryFn: ({ signal }) => store.fetchChats(signal), select });
}

/** One chat, also one that is further down than the list was read; undefined while it loads. */
export function useChat(chatId: string) {
  const store = useChatsStore();
  const { majlis } = useMajlis();
  const listed = useChats((state) => state.chats.find((chat) => chat.id === chatId) ?? null);
  const fetched = useQuery({
    queryKey: ['chat', chatId],
    enabled: listed.data === null,
    // What was read before it was taken off the list says nothing of why it was.
    staleTime: 0,
    retry: false,
    queryFn: async ({ signal }): Promise<Chat> => {
      const chat = await majlis.rest.chat(chatId, signal);
      store.addChat(chat);
      return chat;
    },
  });
  return { chat: listed.data ?? undefined, error: listed.error ?? (listed.data === null ? fetched.error : null) };
}

/** The messages of a chat, from some point up to now. */
export function useMessages(chatId: string) {
  const store = useChatsStore();
  return useQuery({ queryKey: messagesKey(chatId), queryFn: ({ signal }) => store.fetchMessages(chatId, signal) });
}

const total = (state: ChatListState) => state.chats.reduce((sum, chat) => sum + (isMuted(chat) ? 0 : (chat.unread_count ?? 0)), 0);

/** How many messages are unread in all chats that are not muted. */
export function useUnreadTotal(): number {
  return useChats(total).data ?? 0;
}

export function isMuted(chat: Chat): boolean {
  return chat.muted_until !== null && Date.parse(chat.muted_until) > Date.now();
}
