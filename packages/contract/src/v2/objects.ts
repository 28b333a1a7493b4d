/** What the v2 surface shows of a user, a chat and a message (contract §§4 and 8). Keys are always present, `null` where there is nothing. */
import { z } from 'zod';
import { LOCALES } from '../errors.ts';
import { Count, FreeObject, Time, UserId, Uuid } from '../values.ts';
import { MessageTypeName } from './message-types.ts';

export const ROLES = ['user', 'employee', 'manager', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const User = z
  .object({
    id: UserId,
    name: z.string(),
    avatar: z.string().nullable(),
    role: z.enum(ROLES),
    locale: z.enum(LOCALES).nullable(),
    is_master: z.boolean(),
    disabled: z.boolean(),
    created_at: Time,
  })
  .meta({ id: 'User' });
export type User = z.output<typeof User>;

/** A user as others see it in lists. */
export const UserProfile = User.extend({
  online: z.boolean(),
  last_seen: Time.nullable(),
}).meta({ id: 'UserProfile' });
export type UserProfile = z.output<typeof UserProfile>;

/** Oneself: with the address that only oneself sees. */
export const Me = User.extend({ email: z.string().nullable() }).meta({ id: 'Me' });
export type Me = z.output<typeof Me>;

export const Reaction = z
  .object({ emoji: z.string(), count: Count, user_ids: z.array(UserId).meta({ description: 'The first 20 who reacted so.' }) })
  .meta({ id: 'Reaction' });

export const Message = z
  .object({
    id: Uuid,
    chat_id: Uuid,
    seq: z.int().min(1).meta({ description: '1, 2, 3 … in each chat, without gaps.' }),
    version: z.int().min(1).meta({ description: "The version of the chat's stream at this message's latest change." }),
    sender_id: UserId,
    sender_name: z.string(),
    sender_avatar: z.string().nullable(),
    type: MessageTypeName,
    content: z.string(),
    metadata: FreeObject,
    client_message_id: z.string().nullable(),
    reply_to: Uuid.nullable(),
    reactions: z.array(Reaction),
    created_at: Time,
    edited_at: Time.nullable(),
    deleted_at: Time.nullable(),
    status: z.enum(['sent', 'delivered', 'read']),
  })
  .meta({ id: 'Message' });
export type Message = z.output<typeof Message>;

export const ChatMember = z
  .object({ user_id: UserId, name: z.string(), avatar: z.string().nullable(), joined_at: Time })
  .meta({ id: 'ChatMember' });
export type ChatMember = z.output<typeof ChatMember>;

export const Chat = z
  .object({
    id: Uuid,
    type: z.enum(['direct', 'group']),
    title: z.string().nullable(),
    created_by: UserId,
    created_at: Time,
    member_count: Count,
    members: z.array(ChatMember).meta({ description: 'The first 20.' }),
    unread_count: Count.nullable().meta({ description: "One's own; null in events that everybody gets: unchanged." }),
    last_message: Message.nullable().meta({ description: 'Null in events: unchanged.' }),
    last_seq: Count,
    version: Count.meta({ description: "The version of the chat's stream; in an event, of the stream that carried it." }),
    muted_until: Time.nullable(),
  })
  .meta({ id: 'Chat' });
export type Chat = z.output<typeof Chat>;
