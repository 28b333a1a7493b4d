/** Records of the domain in the v2 document's shapes: snake_case, ISO times, every key present. Pure. */
import { isHttpUrl, type v2 } from '@majlis/contract';
import { isoTime, isoTimeOrNull } from '../../iso-time.ts';
import type { ChatRecord } from './chat-record.ts';
import type { MessageRecord, MessageStatus } from './message-record.ts';

/** A message. `status` is more than `sent` only for its own sender. */
export function toV2Message(message: MessageRecord, status: MessageStatus = 'sent'): v2.Message {
  return {
    id: message.id,
    chat_id: message.chatId,
    seq: message.seq,
    version: message.version,
    sender_id: message.senderId,
    sender_name: message.senderName,
    sender_avatar: message.senderAvatar,
    type: message.type === 'file' ? 'text' : message.type,
    content: message.content,
    metadata: message.type === 'file' ? fileMetadata(message) : message.metadata,
    client_message_id: message.clientMessageId,
    reply_to: message.replyTo,
    reactions: message.reactions.map(({ emoji, count, userIds }) => ({ emoji, count, user_ids: userIds })),
    created_at: isoTime(message.createdAt),
    edited_at: isoTimeOrNull(message.editedAt),
    deleted_at: isoTimeOrNull(message.deletedAt),
    status,
  };
}

/** What only one member sees of a chat; null in events that everybody gets. */
export interface OwnView {
  unreadCount: number | null;
  lastMessage: v2.Message | null;
  mutedUntil: number | null;
}

const NOBODYS: OwnView = { unreadCount: null, lastMessage: null, mutedUntil: null };

/** A chat. `version` is the chat stream's, or, in an event, of the stream that carries it. */
export function toV2Chat(chat: ChatRecord, version: number, own: OwnView = NOBODYS): v2.Chat {
  return {
    id: chat.id,
    type: chat.type,
    title: chat.title,
    created_by: chat.createdBy,
    created_at: isoTime(chat.createdAt),
    member_count: chat.memberCount,
    members: chat.members.map((member) => ({
      user_id: member.userId,
      name: member.name,
      avatar: member.avatar,
      joined_at: isoTime(member.joinedAt),
    })),
    unread_count: own.unreadCount,
    last_message: own.lastMessage,
    last_seq: chat.lastSeq,
    version,
    muted_until: isoTimeOrNull(own.mutedUntil),
  };
}

/** Depth's file is a text here, with the file in `metadata.file`: as the sender put it there, else made of what the message says. */
function fileMetadata({ content, metadata, deletedAt }: MessageRecord): MessageRecord['metadata'] {
  if (deletedAt !== null || 'file' in metadata) return metadata;
  return { ...metadata, file: { ...(isHttpUrl(content) && { url: content }), ...metadata } };
}
