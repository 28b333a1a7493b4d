import type { MajlisClient, Message } from '@majlis/client';
import { createContext, use } from 'react';
import { showError } from '../../notices/notices.ts';
import type { ChatsStore } from './chats-store.ts';
import type { OutgoingMessage } from './outbox-state.ts';

/** What can be done with a message of the conversation on the screen. */
export interface RoomActions {
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  askRemove: (message: Message) => void;
  react: (message: Message, emoji: string, on: boolean) => void;
  /** Brings a message onto the screen and the focus to it; false if it is not loaded. */
  goTo: (messageId: string) => boolean;
  resend: (outgoing: OutgoingMessage) => void;
  discard: (outgoing: OutgoingMessage) => void;
}

const RoomActionsContext = createContext<RoomActions | null>(null);
export const RoomActionsProvider = RoomActionsContext.Provider;

export function useRoomActions(): RoomActions {
  const actions = use(RoomActionsContext);
  if (!actions) throw new Error('useRoomActions outside of a conversation');
  return actions;
}

interface RoomTasks {
  reply: (message: Message) => void;
  edit: (message: Message) => void;
  askRemove: (message: Message) => void;
}

/** Failures are shown where they happen; nothing here is to be waited for. */
export function createRoomActions(majlis: MajlisClient, store: ChatsStore, tasks: RoomTasks): RoomActions {
  return {
    ...tasks,
    react: (message, emoji, on) => void majlis.react(message.chat_id, message.id, emoji, on).catch(showError),
    goTo(messageId) {
      const row = document.getElementById(rowId(messageId));
      row?.scrollIntoView({ block: 'center', behavior: 'smooth' });
      row?.focus({ preventScroll: true });
      return row !== null;
    },
    resend: ({ message: { chat_id, queued_at: _, ...draft } }) => void majlis.send(chat_id, draft).catch(() => undefined),
    discard: ({ message }) => store.discard(message),
  };
}

export function rowId(messageId: string): string {
  return `message-${messageId}`;
}
