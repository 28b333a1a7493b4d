/** The namespace `/chat`: contract §5. The document gives two families of names; a socket gets the family of its latest join. */
import { z } from 'zod';
import { Version, camelClientEvents, camelServerEvents } from '../camel.ts';
import { clientEvent, serverEvent, type Namespace } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Count, FreeObject, Reference, Time, UserId, Uuid, text } from '../values.ts';
import { EditedText, checkMessage } from '../v2/message-types.ts';
import { Conversation, DEPTH_MESSAGE_TYPES, DepthMessage, type DepthMessageType } from './objects.ts';

const InConversation = z.object({ conversationId: Reference });
const OfMessage = InConversation.extend({ messageId: Reference });
const Place = z.object({ conversationId: Uuid });
const MessagePlace = Place.extend({ messageId: Uuid });

/** What the content and metadata of each type must be: an image is a photo of v2, and its clients are to be able to show it. */
const CHECKED_AS = { text: 'text', image: 'photo', file: 'text' } as const satisfies Record<DepthMessageType, string>;

export const DepthMessageDraft = InConversation.extend({
  content: z.string(),
  type: z.enum(DEPTH_MESSAGE_TYPES).default('text'),
  metadata: FreeObject.optional(),
  clientMessageId: text(1, LIMITS.clientMessageIdCharacters).nullish(),
  replyTo: Reference.nullish(),
}).superRefine((draft, context) => checkMessage({ ...draft, type: CHECKED_AS[draft.type] }, context));
export type DepthMessageDraft = z.output<typeof DepthMessageDraft>;

const join = {
  budget: 'light',
  payload: InConversation,
  ack: z.object({ data: Place }),
} as const;

const send = {
  summary: 'Sends a message; acknowledged after it is durably stored. A repeated clientMessageId stores and delivers nothing.',
  budget: 'write',
  payload: DepthMessageDraft,
  ack: z.object({ data: DepthMessage }),
} as const;

const typing = {
  summary: `Typing; ends by itself after ${LIMITS.typingTtlMs / 1000} s without renewal.`,
  budget: 'light',
  dropsSilently: { data: {} },
  payload: InConversation.extend({ isTyping: z.boolean() }),
  ack: z.object({ data: z.object({}) }),
} as const;

const read = {
  summary: 'Everything up to this message is read.',
  budget: 'light',
  payload: OfMessage,
  ack: z.object({ data: z.object({ readAt: Time }) }),
} as const;

const JOINING = 'This socket is in the conversation now, and gets its events';
const LEAVING = 'This socket gets no more events of the conversation.';

export const chatClientEvents = {
  chatJoin: clientEvent({ name: 'chat:join', summary: `${JOINING} under the names \`chat:*\`.`, ...join }),
  conversationJoin: clientEvent({
    name: 'conversation:join',
    summary: `${JOINING} under the names \`message:*\` and \`user:typing\`.`,
    ...join,
  }),
  chatLeave: clientEvent({ name: 'chat:leave', summary: LEAVING, ...join }),
  conversationLeave: clientEvent({ name: 'conversation:leave', summary: LEAVING, ...join }),
  chatMessage: clientEvent({ name: 'chat:message', ...send }),
  messageSend: clientEvent({ name: 'message:send', ...send }),
  chatTyping: clientEvent({ name: 'chat:typing', ...typing }),
  userTyping: clientEvent({ name: 'user:typing', ...typing }),
  chatRead: clientEvent({ name: 'chat:read', ...read }),
  messageRead: clientEvent({ name: 'message:read', ...read }),
  messageEdit: clientEvent({
    name: 'message:edit',
    summary: 'Changes the text of one’s own text message.',
    budget: 'write',
    payload: OfMessage.extend({ content: EditedText }),
    ack: z.object({ data: DepthMessage }),
  }),
  messageDelete: clientEvent({
    name: 'message:delete',
    summary: 'Deletes a message; the sender or an administrator. It stays in history without its content.',
    budget: 'write',
    payload: OfMessage,
    ack: z.object({ data: MessagePlace }),
  }),
  messageReact: clientEvent({
    name: 'message:react',
    summary: 'Sets or takes back a reaction.',
    budget: 'write',
    payload: OfMessage.extend({ emoji: text(1, LIMITS.emojiCharacters), on: z.boolean() }),
    ack: z.object({ data: MessagePlace.extend({ emoji: z.string(), on: z.boolean() }) }),
  }),
} as const;

const newMessage = { summary: "A new message, to all sockets in the conversation, the sender's too.", payload: DepthMessage };
const somebodyTypes = {
  summary: 'Somebody types or stopped typing, to the other sockets in the conversation.',
  payload: z.object({ userId: UserId, userName: z.string(), conversationId: Uuid, isTyping: z.boolean() }),
};
const somebodyRead = {
  summary: 'Somebody has read everything up to this message, to the other sockets in the conversation (up to 100 members).',
  payload: MessagePlace.extend({ userId: UserId, readAt: Time }),
};

export const chatServerEvents = {
  chatMessage: serverEvent({ name: 'chat:message', ...newMessage }),
  messageNew: serverEvent({ name: 'message:new', ...newMessage }),
  chatTyping: serverEvent({ name: 'chat:typing', ...somebodyTypes }),
  userTyping: serverEvent({ name: 'user:typing', ...somebodyTypes }),
  chatRead: serverEvent({ name: 'chat:read', ...somebodyRead }),
  messageRead: serverEvent({ name: 'message:read', ...somebodyRead }),
  messageUpdated: serverEvent({ name: 'message:updated', summary: 'A message was edited.', payload: DepthMessage }),
  messageDeleted: serverEvent({
    name: 'message:deleted',
    summary: 'A message was deleted.',
    payload: MessagePlace.extend({ chatId: Uuid, deletedAt: Time, version: Version }),
  }),
  messageReaction: serverEvent({
    name: 'message:reaction',
    summary: 'A reaction was set or taken back.',
    payload: MessagePlace.extend({ chatId: Uuid, userId: UserId, emoji: z.string(), on: z.boolean(), count: Count, version: Version }),
  }),
  chatChanged: serverEvent({ name: 'chat:changed', summary: "The conversation's title or members changed.", payload: Conversation }),
  privateMessage: serverEvent({
    name: 'private:message',
    summary:
      "A new message of a direct conversation, to the recipient's sockets that have not joined it: a word that there is one. Its edits, deletion and " +
      'reactions come to sockets in the conversation, or with `sync`.',
    payload: DepthMessage,
  }),
} as const;

export const chatNamespace: Namespace = {
  name: '/chat',
  description:
    'Depth: the same chats as on `/`, camelCase. A socket gets the events of the conversations that it joined, under the family of names of its ' +
    'latest join: `chat:join` gives `chat:message`, `chat:typing`, `chat:read`; `conversation:join` gives `message:new`, `user:typing`, `message:read`. ' +
    'The streams are `chat:<id>`; `sync` answers them whether joined or not, in the same names (those of `chat:join` before any join).',
  receives: { ...chatClientEvents, ...camelClientEvents },
  sends: { ...camelServerEvents, ...chatServerEvents },
};
