/** How each dialect shows what the log says of chats. Pure: the same entry gives the same event, live and in `sync`. */
import { depth } from '@majlis/contract';
import type { LogEntry } from '../../log/log-entry.ts';
import type { Projections } from '../../realtime/publisher.ts';
import type { EditedMessage, DeletedMessage, Reacted, ChatAdded, ChatRemoved } from './chat-entries.ts';
import type { ChatRecord } from './chat-record.ts';
import type { MessageRecord } from './message-record.ts';
import { isoTime } from '../../iso-time.ts';
import { DEPTH, FAMILIES } from './depth-views.projection.ts';
import { toConversation, toDepthMessage } from './depth-shapes.ts';
import { toV2Chat, toV2Message } from './v2-shapes.ts';

const { chatServerEvents: depthEvents, rootServerEvents: depthRootEvents } = depth;

/** What both families of Depth's names call the same. */
function inBothFamilies(project: Projections[string]): Projections {
  return Object.fromEntries(Object.values(FAMILIES).map(({ view }) => [view, project]));
}

const inEachFamily: Projections = Object.fromEntries(
  Object.values(FAMILIES).map(({ view, message }) => [
    view,
    ({ data }: LogEntry<MessageRecord>) => ({ event: message, data: toDepthMessage(data) }),
  ]),
);

/** The kinds of log entries that chats write, and their events. */
export const CHAT_PROJECTIONS: Readonly<Record<string, Projections>> = {
  'message.created': {
    v2: ({ data }: LogEntry<MessageRecord>) => ({ event: 'chat:message:new', data: toV2Message(data) }),
    ...inEachFamily,
  },
  'message.edited': {
    v2: ({ data }: LogEntry<EditedMessage>) => ({ event: 'chat:message:updated', data: toV2Message(data) }),
    ...inBothFamilies(({ data }: LogEntry<EditedMessage>) => ({ event: depthEvents.messageUpdated.name, data: toDepthMessage(data) })),
  },
  'message.deleted': {
    v2: ({ data, version }: LogEntry<DeletedMessage>) => ({
      event: 'chat:message:deleted',
      data: { chat_id: data.chatId, message_id: data.messageId, deleted_at: isoTime(data.deletedAt), version },
    }),
    ...inBothFamilies(({ data: { chatId, messageId, deletedAt }, version }: LogEntry<DeletedMessage>) => ({
      event: depthEvents.messageDeleted.name,
      data: { chatId, conversationId: chatId, messageId, deletedAt: isoTime(deletedAt), version },
    })),
  },
  'message.reacted': {
    v2: ({ data, version }: LogEntry<Reacted>) => ({
      event: 'chat:message:reaction',
      data: {
        chat_id: data.chatId,
        message_id: data.messageId,
        user_id: data.userId,
        emoji: data.emoji,
        on: data.on,
        count: data.count,
        version,
      },
    }),
    ...inBothFamilies(({ data, version }: LogEntry<Reacted>) => ({
      event: depthEvents.messageReaction.name,
      data: {
        chatId: data.chatId,
        conversationId: data.chatId,
        messageId: data.messageId,
        userId: data.userId,
        emoji: data.emoji,
        on: data.on,
        count: data.count,
        version,
      },
    })),
  },
  'chat.changed': {
    v2: ({ data, version }: LogEntry<ChatRecord>) => ({ event: 'chat:changed', data: toV2Chat(data, version) }),
    ...inBothFamilies(({ data, version }: LogEntry<ChatRecord>) => ({
      event: depthEvents.chatChanged.name,
      data: toConversation(data, version),
    })),
  },
  'chat.added': {
    v2: ({ data, version }: LogEntry<ChatAdded>) => ({
      event: 'chat:created',
      data: { ...toV2Chat(data.chat, version, { unreadCount: 0, lastMessage: null, mutedUntil: null }), chat_version: data.chatVersion },
    }),
    notifications: ({ data, version }: LogEntry<ChatAdded>) => ({ event: 'chat:created', data: { chatId: data.chat.id, version } }),
    [DEPTH]: ({ data, version }: LogEntry<ChatAdded>) => ({
      event: depthRootEvents.chatCreated.name,
      data: { ...toConversation(data.chat, version), chatVersion: data.chatVersion },
    }),
  },
  'chat.removed': {
    v2: ({ data, version }: LogEntry<ChatRemoved>) => ({ event: 'chat:removed', data: { chat_id: data.chatId, version } }),
    notifications: ({ data, version }: LogEntry<ChatRemoved>) => ({ event: 'chat:removed', data: { chatId: data.chatId, version } }),
    [DEPTH]: ({ data: { chatId }, version }: LogEntry<ChatRemoved>) => ({
      event: depthRootEvents.chatRemoved.name,
      data: { chatId, conversationId: chatId, version },
    }),
  },
};
