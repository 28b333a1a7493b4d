import { MajlisError, type Chat, type MajlisClient, type Message, type QueuedMessage, type Receipts } from '@majlis/client';
import type { QueryClient } from '@tanstack/react-query';
import { createStore, type Store } from '../../state/store.ts';
import {
  applyChatChanged,
  applyLastMessage,
  applyNewMessage,
  applyUnread,
  mergeChats,
  removeChat,
  type ChatListState,
} from './chat-list-state.ts';
import { applyDeleted, applyReaction, emptyLog, mergeMessages, type MessageLog } from './message-log.ts';
import { applyOutboxChange, discard, type OutboxState } from './outbox-state.ts';
import { advanceReceipt, mergeReceipts } from './receipts.ts';
import { applyTyping, stopTyping, type TypingState } from './typing-state.ts';

export const chatsKey = ['chats'] as const;
export const messagesKey = (chatId: string) => ['messages', chatId] as const;

const CHATS_PER_PAGE = 100;
const MESSAGES_PER_PAGE = 50;

/** What the chats section knows beside what TanStack Query keeps. */
export interface ChatsStore {
  typing: Store<TypingState>;
  outbox: Store<OutboxState>;
  receipts: Store<Readonly<Record<string, Receipts>>>;
  /** What was begun to be written, by chat. */
  drafts: Map<string, string>;
  fetchChats: (signal: AbortSignal) => Promise<ChatListState>;
  fetchMoreChats: () => Promise<void>;
  fetchMessages: (chatId: string, signal: AbortSignal) => Promise<MessageLog>;
  fetchEarlier: (chatId: string) => Promise<void>;
  /** Puts a chat on the list that came as the answer to one's own action. */
  addChat: (chat: Chat) => void;
  markRead: (chatId: string, message: Message) => Promise<void>;
  discard: (message: QueuedMessage) => void;
  /** Starts listening; the answer ends it. */
  listen: () => () => void;
}

/**
 * The state of the chats section. Reads go through TanStack Query, live events change what was read; both meet in pure functions
 * that put the later state on top, so it does not matter which of them comes first.
 */
export function createChatsStore(majlis: MajlisClient, me: string, queries: QueryClient): ChatsStore {
  const typing = createStore<TypingState>({});
  const outbox = createStore<OutboxState>({});
  const receipts = createStore<Readonly<Record<string, Receipts>>>({});
  /** Highest `seq` that was reported as read, by chat, so that it is reported once. */
  const reported = new Map<string, number>();
  /** Chats that are being read anew, and whether that was asked for once more meanwhile. */
  const refreshing = new Map<string, boolean>();

  const readChats = (cursor?: string, signal?: AbortSignal) =>
    majlis.rest.chats({ ...(cursor !== undefined && { cursor }), limit: CHATS_PER_PAGE }, signal);
  const chatsNow = () => queries.getQueryData<ChatListState>(chatsKey);
  const logNow = (chatId: string) => queries.getQueryData<MessageLog>(messagesKey(chatId));

  function changeChats(change: (state: ChatListState) => ChatListState): void {
    queries.setQueryData<ChatListState>(chatsKey, (state) => state && change(state));
  }

  /** Only what is on its way or there already: otherwise a single event would pass for the whole log. */
  function changeLog(chatId: string, change: (log: MessageLog) => MessageLog): void {
    const key = messagesKey(chatId);
    const fetching = queries.getQueryState(key)?.fetchStatus === 'fetching';
    queries.setQueryData<MessageLog>(key, (log) => (log || fetching ? change(log ?? emptyLog) : undefined));
  }

  /** Reads a chat anew: what is asked for while it is under way, by an event for each of many messages, costs one more reading. */
  async function refreshChat(chatId: string): Promise<void> {
    if (refreshing.has(chatId)) return void refreshing.set(chatId, true);
    do {
      refreshing.set(chatId, false);
      try {
        const chat = await majlis.rest.chat(chatId);
        changeChats((state) => mergeChats(state, [chat]));
      } catch (error) {
        const gone = error instanceof MajlisError && ['CHAT_NOT_FOUND', 'FORBIDDEN'].includes(error.code);
        if (gone) changeChats((state) => removeChat(state, chatId));
      }
    } while (refreshing.get(chatId));
    refreshing.delete(chatId);
  }

  /** Reads anew what is on the list, page by page, and then what was opened from further down. What fails is due with the next `synced`. */
  async function refreshChats(): Promise<void> {
    const state = chatsNow();
    if (!state) return;
    const listed = new Set(state.chats.map((chat) => chat.id));
    let left = listed.size;
    let cursor: string | undefined;
    do {
      const page = await readChats(cursor);
      changeChats((present) => mergeChats(present, page.data));
      for (const chat of page.data) listed.delete(chat.id);
      left -= page.data.length;
      if (page.next_cursor === null) break;
      cursor = page.next_cursor;
    } while (left > 0);
    for (const chatId of listed) void refreshChat(chatId);
  }

  function onNewMessage(message: Message): void {
    changeLog(message.chat_id, (log) => mergeMessages(log, [message]));
    typing.set((state) => stopTyping(state, message.chat_id, message.sender_id));
    const state = chatsNow();
    if (state && !state.chats.some((chat) => chat.id === message.chat_id)) void refreshChat(message.chat_id);
    else changeChats((present) => applyNewMessage(present, message, me));
  }

  /** Until the event of one's own message is here its acknowledgement has to do. */
  function onSent(message: QueuedMessage, id: string, seq: number, created_at: string): void {
    changeLog(message.chat_id, (log) => {
      if (log.messages.at(-1)?.seq !== seq - 1) return log;
      const { type, content, client_message_id, metadata = {}, reply_to = null } = message;
      const sender = { sender_id: me, sender_name: '', sender_avatar: null };
      const state = { reactions: [], edited_at: null, deleted_at: null, status: 'sent' as const, version: 0 };
      return mergeMessages(log, [
        { id, chat_id: message.chat_id, seq, ...sender, type, content, metadata, client_message_id, reply_to, created_at, ...state },
      ]);
    });
  }

  function onReceipt(chatId: string, messageId: string, userId: string, kind: 'delivered_seq' | 'read_seq'): void {
    const seq = logNow(chatId)?.messages.findLast((message) => message.id === messageId)?.seq;
    if (seq !== undefined) receipts.set((all) => ({ ...all, [chatId]: advanceReceipt(all[chatId] ?? {}, userId, kind, seq) }));
  }

  function onReset(stream: string): void {
    if (!stream.startsWith('chat:')) return void refreshChats().catch(() => undefined);
    const chatId = stream.slice('chat:'.length);
    void refreshChat(chatId);
    void queries.resetQueries({ queryKey: messagesKey(chatId) });
  }

  return {
    typing,
    outbox,
    receipts,
    drafts: new Map(),

    async fetchChats(signal) {
      const { data, next_cursor } = await readChats(undefined, signal);
      return mergeChats({ chats: [], next_cursor }, data);
    },

    async fetchMoreChats() {
      const cursor = chatsNow()?.next_cursor;
      if (!cursor) return;
      const { data, next_cursor } = await readChats(cursor);
      changeChats((state) => mergeChats(state, data, next_cursor));
    },

    async fetchMessages(chatId, signal) {
      const { data } = await majlis.rest.messages(chatId, { limit: MESSAGES_PER_PAGE }, signal);
      return mergeMessages(logNow(chatId) ?? emptyLog, data);
    },

    async fetchEarlier(chatId) {
      const before_seq = logNow(chatId)?.messages[0]?.seq;
      if (before_seq === undefined) return;
      const { data } = await majlis.rest.messages(chatId, { before_seq, limit: MESSAGES_PER_PAGE });
      changeLog(chatId, (log) => mergeMessages(log, data));
    },

    addChat: (chat) => changeChats((state) => mergeChats(state, [chat])),

    async markRead(chatId, message) {
      if ((reported.get(chatId) ?? 0) >= message.seq) return;
      const before = reported.get(chatId) ?? 0;
      reported.set(chatId, message.seq);
      try {
        await majlis.read(chatId, message.id);
        // What has come meanwhile is unread still.
        const unread = logNow(chatId)?.messages.filter((other) => other.seq > message.seq && other.sender_id !== me).length ?? 0;
        changeChats((state) => applyUnread(state, chatId, unread));
      } catch (error) {
        reported.set(chatId, before);
        throw error;
      }
    },

    discard: (message) => outbox.set((state) => discard(state, message)),

    listen() {
      const ends = [
        majlis.on('chat:message:new', onNewMessage),
        majlis.on('chat:message:updated', (message) => {
          changeLog(message.chat_id, (log) => mergeMessages(log, [message]));
          changeChats((state) => applyLastMessage(state, message.chat_id, message.id, () => message));
        }),
        majlis.on('chat:message:deleted', (event) => {
          changeLog(event.chat_id, (log) => applyDeleted(log, event));
          const empty = { content: '', metadata: {}, deleted_at: event.deleted_at };
          changeChats((state) => applyLastMessage(state, event.chat_id, event.message_id, (message) => ({ ...message, ...empty })));
        }),
        majlis.on('chat:message:reaction', (event) => changeLog(event.chat_id, (log) => applyReaction(log, event))),
        majlis.on('chat:message:delivered', (event) => onReceipt(event.chat_id, event.message_id, event.delivered_to, 'delivered_seq')),
        majlis.on('chat:message:read', (event) => {
          // From another of one's own devices: how much is left unread the server knows.
          if (event.read_by === me) void refreshChat(event.chat_id);
          else onReceipt(event.chat_id, event.message_id, event.read_by, 'read_seq');
        }),
        majlis.on('chat:typing', (event) => typing.set((state) => applyTyping(state, event))),
        majlis.on('chat:created', ({ chat_version, ...chat }) => {
          // The version in the event is that of one's own stream.
          changeChats((state) => mergeChats(state, [{ ...chat, version: chat_version }]));
          if (chat.last_seq > 0) void refreshChat(chat.id);
        }),
        majlis.on('chat:changed', (chat) => changeChats((state) => applyChatChanged(state, chat))),
        majlis.on('chat:removed', ({ chat_id }) => {
          changeChats((state) => removeChat(state, chat_id));
          queries.removeQueries({ queryKey: messagesKey(chat_id) });
        }),
        majlis.on('receipts', (event) =>
          receipts.set((all) => ({ ...all, [event.chat_id]: mergeReceipts(all[event.chat_id] ?? {}, event.receipts) })),
        ),
        majlis.on('outbox', (change) => {
          if (change.status === 'sent') onSent(change.message, change.ack.message_id, change.ack.seq, change.ack.created_at);
          outbox.set((state) => applyOutboxChange(state, change));
        }),
        majlis.on('reset', ({ stream }) => onReset(stream)),
        // What was read on another device before this one was connected is a state, and no event tells of it afterwards.
        majlis.on('synced', () => void refreshChats().catch(() => undefined)),
        // Typing that ended while away ended unheard.
        majlis.on('state', ({ state }) => state === 'reconnecting' && typing.set({})),
      ];
      return () => {
        for (const end of ends) end();
      };
    },
  };
}
