/** The Service Platform v2 namespace `/`: contract §4. */
import { z } from 'zod';
import { clientEvent, serverEvent, type Namespace } from '../declare.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { Count, Reference, Time, UserId, Uuid, text } from '../values.ts';
import { EditedText, MessageSend } from './message-types.ts';
import { Notification } from './notifications.ts';
import { Chat, Message } from './objects.ts';
import { presenceClientEvents, presenceServerEvents } from './presence.ts';
import { socialClientEvents, socialServerEvents } from './social.ts';

const Ok = z.object({ status: z.literal('ok') });
const InChat = z.object({ chat_id: Reference });
const OfMessage = InChat.extend({ message_id: Reference });

export const ErrorBody = z
  .object({
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    timestamp: Time,
    event: z.string().optional().meta({ description: 'The inbound event that failed.' }),
    details: z.record(z.string(), z.unknown()).optional().meta({ description: 'Which field, and why; `retry_after_ms` for RATE_LIMIT.' }),
  })
  .meta({ id: 'Error' });
export type ErrorBody = z.output<typeof ErrorBody>;

export const Announcement = z.object({ message: z.string(), timestamp: Time }).meta({ id: 'Announcement' });

/** Of every namespace. */
export const batch = serverEvent({
  name: 'batch',
  summary:
    'Other events together, in their order: to clients that connect with `auth.batch: true`, who get all of them so. Flushed 100 ms after the ' +
    'first, or at 64. Acknowledgements do not wait for it.',
  payload: z.array(z.object({ event: z.string(), data: z.unknown() })),
});

const Version = z.int().min(0);

export const StreamPage = z
  .object({
    events: z.array(z.object({ version: Version, event: z.string(), data: z.unknown() })),
    version: Version.meta({ description: 'The version of the last event here; ask again from it while has_more.' }),
    has_more: z
      .boolean()
      .meta({ description: 'There was no room for all that follows, or for the receipts: ask again about the streams that have more.' }),
    reset: z.boolean().meta({ description: 'What follows the asked version is no longer kept: reload by REST.' }),
    receipts: z
      .record(UserId, z.object({ delivered_seq: Count, read_seq: Count }))
      .nullable()
      .meta({ description: 'A chat of up to 100 members: how far each member has received and read. Null elsewhere.' }),
  })
  .meta({ id: 'StreamPage' });
export type StreamPage = z.output<typeof StreamPage>;

const NotificationRead = z.object({ notification_id: Uuid, is_read: z.literal(true), read_at: Time });

export const clientEvents = {
  chatJoin: clientEvent({
    name: 'chat:join',
    summary: 'From the first join on, this socket gets the events of the chats that it joined and no others.',
    budget: 'light',
    payload: InChat,
    ack: z.object({ status: z.literal('joined'), chat_id: Uuid }),
  }),
  chatLeave: clientEvent({
    name: 'chat:leave',
    summary: 'This socket gets no more events of the chat until it joins or reconnects.',
    budget: 'light',
    payload: InChat,
    ack: z.object({ status: z.literal('left'), chat_id: Uuid }),
  }),
  messageSend: clientEvent({
    name: 'chat:message:send',
    summary: 'Sends a message; acknowledged after it is durably stored. A repeated client_message_id stores and delivers nothing.',
    budget: 'write',
    payload: MessageSend,
    ack: z.object({ status: z.literal('sent'), message_id: Uuid, created_at: Time, seq: z.int() }),
  }),
  typing: clientEvent({
    name: 'chat:typing',
    summary: `Typing; ends by itself after ${LIMITS.typingTtlMs / 1000} s without renewal.`,
    budget: 'light',
    dropsSilently: { status: 'ok' },
    payload: InChat.extend({ is_typing: z.boolean() }),
    ack: Ok,
  }),
  messageRead: clientEvent({
    name: 'chat:message:read',
    summary: 'Everything up to this message is read.',
    budget: 'light',
    payload: OfMessage,
    ack: Ok.extend({ read_at: Time }),
  }),
  messageEdit: clientEvent({
    name: 'chat:message:edit',
    summary: 'Changes the text of one’s own text message.',
    budget: 'write',
    payload: OfMessage.extend({ content: EditedText }),
    ack: Ok.extend({ edited_at: Time }),
  }),
  messageDelete: clientEvent({
    name: 'chat:message:delete',
    summary: 'Deletes a message; the sender or an administrator. It stays in history without its content.',
    budget: 'write',
    payload: OfMessage,
    ack: Ok,
  }),
  messageReact: clientEvent({
    name: 'chat:message:react',
    summary: `Sets or takes back a reaction; a message has at most ${LIMITS.reactionsOfMessage} different ones.`,
    budget: 'write',
    payload: OfMessage.extend({ emoji: text(1, LIMITS.emojiCharacters), on: z.boolean() }),
    ack: Ok,
  }),
  chatSync: clientEvent({
    name: 'chat:sync',
    summary: 'Messages after the given seq of each chat, for plain clients.',
    budget: 'light',
    payload: z.object({ chats: z.record(z.string(), Count) }),
    ack: z.object({
      chats: z.record(
        z.string(),
        z.union([z.object({ messages: z.array(Message), last_seq: Count, has_more: z.boolean() }), z.object({ error: ErrorBody })]),
      ),
    }),
  }),
  sync: clientEvent({
    name: 'sync',
    summary: 'The events of each stream that follow the given version: nothing is missed.',
    budget: 'light',
    payload: z.object({ cursors: z.record(z.string(), Version) }),
    ack: z.object({ streams: z.record(z.string(), z.union([StreamPage, z.object({ error: ErrorBody })])) }),
  }),
  notificationRead: clientEvent({
    name: 'notification:read',
    summary: 'Marks a notification as read.',
    budget: 'light',
    payload: z.object({ notification_id: Reference }),
    ack: NotificationRead,
  }),
  ...presenceClientEvents,
  authRefresh: clientEvent({
    name: 'auth:refresh',
    summary: "Swaps the token for all of this user's sockets on the same connection.",
    budget: 'light',
    payload: z.object({ token: z.string() }),
    ack: Ok.extend({ expires_at: Time }),
  }),
  ...socialClientEvents,
  ping: clientEvent({
    name: 'ping',
    summary: 'Answered with the event pong.',
    budget: 'ping',
    payload: z.unknown(),
    ack: Ok,
  }),
} as const;

export const serverEvents = {
  connected: serverEvent({
    name: 'connected',
    summary: 'The first event of every connection.',
    payload: z.object({ socket_id: z.string(), user_id: UserId, timestamp: Time }),
  }),
  syncRequired: serverEvent({
    name: 'sync:required',
    summary: 'The second event of every connection, and after auth:refresh: fetch what you may have missed.',
    payload: z.object({ user_id: UserId, reason: z.enum(['connection_established', 'reconnection', 'token_refresh']), timestamp: Time }),
  }),
  messageNew: serverEvent({
    name: 'chat:message:new',
    summary: "A new message, to every member's sockets, the sender's too.",
    payload: Message,
  }),
  messageUpdated: serverEvent({ name: 'chat:message:updated', summary: 'A message was edited.', payload: Message }),
  messageDeleted: serverEvent({
    name: 'chat:message:deleted',
    summary: 'A message was deleted.',
    payload: z.object({ chat_id: Uuid, message_id: Uuid, deleted_at: Time, version: Version }),
  }),
  messageReaction: serverEvent({
    name: 'chat:message:reaction',
    summary: 'A reaction was set or taken back.',
    payload: z.object({
      chat_id: Uuid,
      message_id: Uuid,
      user_id: UserId,
      emoji: z.string(),
      on: z.boolean(),
      count: Count,
      version: Version,
    }),
  }),
  messageDelivered: serverEvent({
    name: 'chat:message:delivered',
    summary: "To the sender, once for each recipient: the message was written to one of the recipient's sockets, or fetched.",
    payload: z.object({ message_id: Uuid, chat_id: Uuid, delivered_to: UserId, delivered_at: Time }),
  }),
  messageRead: serverEvent({
    name: 'chat:message:read',
    summary: "To the message's sender and to the reader's other sockets, once for each message that became read (the newest 100).",
    payload: z.object({ message_id: Uuid, chat_id: Uuid, read_by: UserId, read_at: Time }),
  }),
  typing: serverEvent({
    name: 'chat:typing',
    summary: 'Somebody types or stopped typing, to the other sockets of the chat.',
    payload: z.object({ chat_id: Uuid, user_id: UserId, user_name: z.string(), is_typing: z.boolean() }),
  }),
  chatUpdated: serverEvent({
    name: 'chat:updated',
    summary: 'A chat that this socket has not joined has a new last message, or one read in it on another device; not a delivery.',
    payload: z.object({ chat_id: Uuid, last_message: Message, last_seq: Count, unread_count: Count }),
  }),
  chatCreated: serverEvent({
    name: 'chat:created',
    summary: 'You are now in this chat. `version` is of your user stream, `chat_version` of the chat’s.',
    payload: Chat.extend({ chat_version: Version }),
  }),
  chatChanged: serverEvent({ name: 'chat:changed', summary: "The chat's title or members changed.", payload: Chat }),
  chatRemoved: serverEvent({
    name: 'chat:removed',
    summary: 'You are no longer in this chat.',
    payload: z.object({ chat_id: Uuid, version: Version }),
  }),
  notificationNew: serverEvent({ name: 'notification:new', summary: 'A new notification.', payload: Notification }),
  notificationRead: serverEvent({
    name: 'notification:read',
    summary: "A notification was read, on any surface; to the user's sockets.",
    payload: NotificationRead.extend({ version: Version }),
  }),
  notificationReadAll: serverEvent({
    name: 'notification:read_all',
    summary: "All notifications were read; to the user's sockets.",
    payload: z.object({ read_at: Time, version: Version }),
  }),
  announcement: serverEvent({ name: 'announcement', summary: 'What an administrator tells everybody.', payload: Announcement }),
  ...presenceServerEvents,
  ...socialServerEvents,
  pong: serverEvent({ name: 'pong', summary: 'The answer to ping.', payload: z.object({ timestamp: Time }) }),
  batch,
  error: serverEvent({ name: 'error', summary: 'An inbound event failed, or the token is no longer good.', payload: ErrorBody }),
} as const;

/** The namespace `/` as the v2 document's clients use it. */
export const namespace: Namespace = {
  name: '/',
  description: 'Service Platform v2: chats, notifications and posts, snake_case.',
  receives: clientEvents,
  sends: serverEvents,
};
