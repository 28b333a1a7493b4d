/** The v2 surface as types, taken from the contract; nothing of the contract's run-time schemas ends up in a client's bundle. */
import type { AckOf, PayloadOf, v2 } from '@majlis/contract';

export type Message = v2.Message;
export type Chat = v2.Chat;
export type ChatMember = v2.ChatMember;
export type User = v2.User;
export type UserProfile = v2.UserProfile;
export type Me = v2.Me;
export type Reaction = Message['reactions'][number];
export type Session = v2.Session;
export type MessageDraft = v2.MessageDraft;
export type MessageTypeName = v2.MessageTypeName;
export type StreamPage = v2.StreamPage;

type Sends = typeof v2.serverEvents;
type Receives = typeof v2.clientEvents;

/** Events of the server, by their names on the wire, with the contract's name of each; a test compares the two. */
export const serverEventKeys = {
  connected: 'connected',
  'sync:required': 'syncRequired',
  'chat:message:new': 'messageNew',
  'chat:message:updated': 'messageUpdated',
  'chat:message:deleted': 'messageDeleted',
  'chat:message:reaction': 'messageReaction',
  'chat:message:delivered': 'messageDelivered',
  'chat:message:read': 'messageRead',
  'chat:typing': 'typing',
  'chat:created': 'chatCreated',
  'chat:changed': 'chatChanged',
  'chat:removed': 'chatRemoved',
} as const satisfies Record<string, keyof Sends>;

/** Events of the client, likewise. */
export const clientEventKeys = {
  'chat:message:send': 'messageSend',
  'chat:message:edit': 'messageEdit',
  'chat:message:delete': 'messageDelete',
  'chat:message:react': 'messageReact',
  'chat:message:read': 'messageRead',
  'chat:typing': 'typing',
  sync: 'sync',
  'auth:refresh': 'authRefresh',
} as const satisfies Record<string, keyof Receives>;

export type ServerEventName = keyof typeof serverEventKeys;
export type ClientEventName = keyof typeof clientEventKeys;

/** What the server sends, by event name. */
export type ServerEvents = { [Name in ServerEventName]: PayloadOf<Sends[(typeof serverEventKeys)[Name]]> };
/** What a client sends, by event name. */
export type Requests = { [Name in ClientEventName]: PayloadOf<Receives[(typeof clientEventKeys)[Name]]> };
/** What the server acknowledges it with. */
export type Acks = { [Name in ClientEventName]: AckOf<Receives[(typeof clientEventKeys)[Name]]> };

export type SendAck = Acks['chat:message:send'];
export type Receipts = NonNullable<StreamPage['receipts']>;

/** Key of the payload that names the chat whose stream carries the event, or the user's own stream. */
const streamKeys: Readonly<Record<string, 'chat_id' | 'id' | 'user'>> = {
  'chat:message:new': 'chat_id',
  'chat:message:updated': 'chat_id',
  'chat:message:deleted': 'chat_id',
  'chat:message:reaction': 'chat_id',
  'chat:changed': 'id',
  'chat:created': 'user',
  'chat:removed': 'user',
  'notification:new': 'user',
  'notification:read': 'user',
  'notification:read_all': 'user',
};

/** The stream that an event belongs to; undefined for those that are states and not changes (typing, receipts, presence). */
export function streamOf(event: string, data: Readonly<Record<string, unknown>>): string | undefined {
  const key = streamKeys[event];
  if (key === undefined || typeof data['version'] !== 'number') return undefined;
  return key === 'user' ? 'user' : `chat:${String(data[key])}`;
}
