/** REST `/api/v2` (snake_case) and what a customer's backend calls: contract §8. */
import { z } from 'zod';
import { route } from '../declare.ts';
import { LOCALES } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { Count, FreeObject, HttpUrl, PageSize, Reference, Time, UserId, text } from '../values.ts';
import { EditedText, MessageDraft } from './message-types.ts';
import { Chat, ChatMember, Me, Message, ROLES, User, UserProfile } from './objects.ts';

/** Query of a list: an opaque cursor of ours and a page size. */
export const Page = z.object({ cursor: z.string().optional(), limit: PageSize });

/** A list: `{data, next_cursor}`. */
export function listOf<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() });
}

const UserPath = z.object({ id: UserId });
const ChatPath = z.object({ id: Reference });
const MessagePath = ChatPath.extend({ message_id: Reference });
const MemberPath = ChatPath.extend({ user_id: UserId });
const Email = z
  .email()
  .max(254)
  .transform((value) => value.toLowerCase());
// The upper bound keeps a hostile password from buying seconds of hashing.
const Password = text(8, 256);

export const Session = z
  .object({
    access_token: z.string(),
    refresh_token: z.string().meta({ description: 'Opaque; each use gives a new one and ends the old one.' }),
    expires_in: z.int().meta({ description: 'Seconds until access_token expires.' }),
    user: Me,
  })
  .meta({ id: 'Session' });
export type Session = z.output<typeof Session>;

const RefreshBody = z.object({ refresh_token: z.string().min(1).max(512) });

export const authRoutes = {
  login: route({
    method: 'POST',
    path: '/api/v2/auth/login',
    summary: 'Signs in.',
    tag: 'Sign-in',
    access: 'public',
    budget: 'write',
    body: z.object({ email: Email, password: z.string().min(1).max(256) }),
    answer: Session,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'RATE_LIMIT'],
  }),
  refresh: route({
    method: 'POST',
    path: '/api/v2/auth/refresh',
    summary: 'Rotates a refresh token; one used twice revokes its family.',
    tag: 'Sign-in',
    access: 'public',
    budget: 'write',
    body: RefreshBody,
    answer: Session,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'RATE_LIMIT'],
  }),
  logout: route({
    method: 'POST',
    path: '/api/v2/auth/logout',
    summary: 'Revokes a refresh token and its family.',
    tag: 'Sign-in',
    access: 'public',
    budget: 'write',
    body: RefreshBody,
    status: 204,
    errors: ['INVALID_DATA'],
  }),
  me: route({
    method: 'GET',
    path: '/api/v2/me',
    summary: 'Oneself.',
    tag: 'Users',
    access: 'user',
    budget: 'light',
    answer: Me,
    status: 200,
    errors: ['UNAUTHORIZED'],
  }),
} as const;

export const PutUser = z.object({
  name: text(1, LIMITS.nameCharacters),
  avatar: HttpUrl.nullish(),
  role: z.enum(ROLES).optional(),
  email: Email.nullish(),
  password: Password.optional(),
  locale: z.enum(LOCALES).nullish(),
  is_master: z.boolean().optional(),
  disabled: z.boolean().optional(),
});
export type PutUser = z.output<typeof PutUser>;

export const PersonExport = z
  .object({
    user_id: UserId,
    exported_at: Time,
    data: z
      .record(z.string(), z.array(FreeObject))
      .meta({ description: 'By table: its rows of this person, as they are stored; times as everywhere.' }),
  })
  .meta({ id: 'PersonExport' });

export const userRoutes = {
  put: route({
    method: 'PUT',
    path: '/api/v2/users/:id',
    summary: 'Creates or updates a user; keys left out keep their value.',
    tag: 'Users',
    access: 'key-or-admin',
    budget: 'write',
    params: UserPath,
    body: PutUser,
    answer: User,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN', 'CONFLICT'],
  }),
  get: route({
    method: 'GET',
    path: '/api/v2/users/:id',
    summary: 'A user.',
    tag: 'Users',
    access: 'user',
    budget: 'light',
    params: UserPath,
    answer: UserProfile,
    status: 200,
    errors: ['UNAUTHORIZED', 'NOT_FOUND'],
  }),
  list: route({
    method: 'GET',
    path: '/api/v2/users',
    summary: 'Users whose name or id begins with, or contains, q.',
    tag: 'Users',
    access: 'user',
    budget: 'light',
    query: Page.extend({ q: text(0, LIMITS.nameCharacters).optional() }),
    answer: listOf(UserProfile),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
  remove: route({
    method: 'DELETE',
    path: '/api/v2/users/:id',
    summary: "Erases the person; the others' conversations stay readable.",
    tag: 'Users',
    access: 'key-or-admin',
    budget: 'write',
    params: UserPath,
    status: 204,
    errors: ['UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND'],
  }),
  export: route({
    method: 'GET',
    path: '/api/v2/users/:id/export',
    summary: 'All that is kept of a person: oneself, an administrator or a key. Audited where it is not oneself.',
    tag: 'Users',
    access: 'user-or-key',
    budget: 'write',
    params: UserPath,
    answer: PersonExport,
    status: 200,
    errors: ['UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND'],
  }),
} as const;

export const CreateChat = z.object({
  type: z.enum(['direct', 'group']),
  member_ids: z.array(UserId).max(LIMITS.chatMembers, { error: `must have at most ${LIMITS.chatMembers} members` }),
  title: text(1, LIMITS.titleCharacters).nullish(),
});
export type CreateChat = z.output<typeof CreateChat>;

// Not coerced: `Number` takes '' for 0, and a key left empty (`?before_seq=&limit=3`) would ask for what is before the first message.
const Seq = z.preprocess((value) => (typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value), z.int().min(0));

export const chatRoutes = {
  create: route({
    method: 'POST',
    path: '/api/v2/chats',
    summary: 'Makes a chat; a direct chat that exists is returned instead.',
    tag: 'Chats',
    access: 'user',
    budget: 'write',
    body: CreateChat,
    answer: Chat,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND', 'RATE_LIMIT'],
  }),
  list: route({
    method: 'GET',
    path: '/api/v2/chats',
    summary: "One's own chats, the latest change first.",
    tag: 'Chats',
    access: 'user',
    budget: 'light',
    query: Page,
    answer: listOf(Chat),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
  get: route({
    method: 'GET',
    path: '/api/v2/chats/:id',
    summary: 'A chat.',
    tag: 'Chats',
    access: 'user',
    budget: 'light',
    params: ChatPath,
    answer: Chat,
    status: 200,
    errors: ['UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN'],
  }),
  patch: route({
    method: 'PATCH',
    path: '/api/v2/chats/:id',
    summary: "Changes a group's title.",
    tag: 'Chats',
    access: 'user',
    budget: 'write',
    params: ChatPath,
    body: z.object({ title: text(1, LIMITS.titleCharacters).nullable().optional() }),
    answer: Chat,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN'],
  }),
  members: route({
    method: 'GET',
    path: '/api/v2/chats/:id/members',
    summary: 'All members.',
    tag: 'Chats',
    access: 'user',
    budget: 'light',
    params: ChatPath,
    query: Page,
    answer: listOf(ChatMember),
    status: 200,
    errors: ['UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN'],
  }),
  addMembers: route({
    method: 'POST',
    path: '/api/v2/chats/:id/members',
    summary: 'Adds members to a group: its creator and administrators.',
    tag: 'Chats',
    access: 'user',
    budget: 'write',
    params: ChatPath,
    body: z.object({ user_ids: z.array(UserId).min(1).max(LIMITS.chatMembers) }),
    answer: Chat,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN', 'NOT_FOUND'],
  }),
  removeMember: route({
    method: 'DELETE',
    path: '/api/v2/chats/:id/members/:user_id',
    summary: 'Removes a member of a group; anyone leaves.',
    tag: 'Chats',
    access: 'user',
    budget: 'write',
    params: MemberPath,
    status: 204,
    errors: ['UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN', 'NOT_FOUND'],
  }),
  mute: route({
    method: 'PUT',
    path: '/api/v2/chats/:id/mute',
    summary: 'Mutes a chat for oneself until a time; null ends it.',
    tag: 'Chats',
    access: 'user',
    budget: 'write',
    params: ChatPath,
    body: z.object({ until: z.iso.datetime({ offset: true }).nullable() }),
    answer: z.object({ muted_until: Time.nullable() }),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN'],
  }),
} as const;

export const messageRoutes = {
  list: route({
    method: 'GET',
    path: '/api/v2/chats/:id/messages',
    summary: 'Messages, always ascending; without before_seq or after_seq the newest.',
    tag: 'Messages',
    access: 'user',
    budget: 'light',
    params: ChatPath,
    query: z.object({ before_seq: Seq.optional(), after_seq: Seq.optional(), cursor: z.string().optional(), limit: PageSize }),
    answer: listOf(Message),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN'],
  }),
  send: route({
    method: 'POST',
    path: '/api/v2/chats/:id/messages',
    summary: 'Sends a message; a repeated client_message_id returns the first.',
    tag: 'Messages',
    access: 'user',
    budget: 'write',
    params: ChatPath,
    body: MessageDraft,
    answer: Message,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN', 'CONFLICT', 'MESSAGE_TOO_LARGE', 'RATE_LIMIT', 'UNAVAILABLE'],
  }),
  edit: route({
    method: 'PATCH',
    path: '/api/v2/chats/:id/messages/:message_id',
    summary: "Changes one's own text message.",
    tag: 'Messages',
    access: 'user',
    budget: 'write',
    params: MessagePath,
    body: z.object({ content: EditedText }),
    answer: Message,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN', 'NOT_FOUND', 'MESSAGE_TOO_LARGE'],
  }),
  remove: route({
    method: 'DELETE',
    path: '/api/v2/chats/:id/messages/:message_id',
    summary: 'Deletes a message: its sender or an administrator.',
    tag: 'Messages',
    access: 'user',
    budget: 'write',
    params: MessagePath,
    status: 204,
    errors: ['UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN', 'NOT_FOUND'],
  }),
  read: route({
    method: 'POST',
    path: '/api/v2/chats/:id/read',
    summary: 'Everything up to this message is read.',
    tag: 'Messages',
    access: 'user',
    budget: 'light',
    params: ChatPath,
    body: z.object({ message_id: Reference }),
    answer: z.object({ read_at: Time, unread_count: Count }),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN', 'NOT_FOUND'],
  }),
  search: route({
    method: 'GET',
    path: '/api/v2/search/messages',
    summary: "Full-text search in one's own chats, the newest first; Arabic and Cyrillic spellings are folded.",
    tag: 'Messages',
    access: 'user',
    budget: 'light',
    query: Page.extend({ q: text(1, 200), chat_id: Reference.optional() }),
    answer: listOf(Message),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'CHAT_NOT_FOUND', 'FORBIDDEN'],
  }),
} as const;
