/** Records of the domain in the Depth document's shapes: camelCase, ISO times, every key present. Pure. */
import type { depth } from '@majlis/contract';
import { isoTime, isoTimeOrNull } from '../../iso-time.ts';
import type { ChatRecord } from './chat-record.ts';
import type { MessageRecord, MessageStatus, MessageType } from './message-record.ts';

const TYPES: Readonly<Partial<Record<MessageType, depth.DepthMessageType>>> = {
  photo: 'image',
  video: 'file',
  voice: 'file',
  file: 'file',
};

/** A message. `status` is more than `sent` only for its own sender. */
export function toDepthMessage(message: MessageRecord, status: MessageStatus = 'sent'): depth.DepthMessage {
  return {
    id: message.id,
    chatId: message.chatId,
    conversationId: message.chatId,
    seq: message.seq,
    version: message.version,
    senderId: message.senderId,
    senderName: message.senderName,
    senderAvatar: message.senderAvatar,
    type: TYPES[message.type] ?? 'text',
    content: message.content,
    metadata: message.metadata,
    clientMessageId: message.clientMessageId,
    replyTo: message.replyTo,
    reactions: message.reactions.map(({ emoji, count, userIds }) => ({ emoji, count, userIds })),
    createdAt: isoTime(message.createdAt),
    editedAt: isoTimeOrNull(message.editedAt),
    deletedAt: isoTimeOrNull(message.deletedAt),
    status,
  };
}

/** A chat as everybody in it sees it. `version` is of the stream that carries the event. */
export function toConversation(chat: ChatRecord, version: number): depth.Conversation {
  return {
    id: chat.id,
    chatId: chat.id,
    conversationId: chat.id,
    type: chat.type,
    title: chat.title,
    createdBy: chat.createdBy,
    createdAt: isoTime(chat.createdAt),
    memberCount: chat.memberCount,
    members: chat.members.map(({ userId, name, avatar, joinedAt }) => ({ userId, name, avatar, joinedAt: isoTime(joinedAt) })),
    lastSeq: chat.lastSeq,
    version,
  };
}
