import type { AnswerOf, InputOf, Route, v2 } from '@majlis/contract';
import { createCall, type Call } from './http.ts';
import { resolveOptions, type ClientOptions } from './options.ts';

type Body<R extends Route> = InputOf<R>['body'];
type Query<R extends Route> = Partial<InputOf<R>['query']>;

/** The REST calls of a signed-in user: contract §8. Every one rejects with `MajlisError`. */
export function createRest(call: Call) {
  const chats = '/api/v2/chats';
  return {
    /** For routes that have no function of their own here. */
    call,
    me: () => call<typeof v2.authRoutes.me>('GET', '/api/v2/me', {}),
    users: (query: Query<typeof v2.userRoutes.list> = {}, signal?: AbortSignal) =>
      call<typeof v2.userRoutes.list>('GET', '/api/v2/users', { query, signal }),
    user: (id: string) => call<typeof v2.userRoutes.get>('GET', '/api/v2/users/:id', { params: { id } }),
    chats: (query: Query<typeof v2.chatRoutes.list> = {}, signal?: AbortSignal) =>
      call<typeof v2.chatRoutes.list>('GET', chats, { query, signal }),
    chat: (id: string, signal?: AbortSignal) => call<typeof v2.chatRoutes.get>('GET', `${chats}/:id`, { params: { id }, signal }),
    createChat: (body: Body<typeof v2.chatRoutes.create>) => call<typeof v2.chatRoutes.create>('POST', chats, { body }),
    changeChat: (id: string, body: Body<typeof v2.chatRoutes.patch>) =>
      call<typeof v2.chatRoutes.patch>('PATCH', `${chats}/:id`, { params: { id }, body }),
    members: (id: string, query: Query<typeof v2.chatRoutes.members> = {}) =>
      call<typeof v2.chatRoutes.members>('GET', `${chats}/:id/members`, { params: { id }, query }),
    addMembers: (id: string, user_ids: string[]) =>
      call<typeof v2.chatRoutes.addMembers>('POST', `${chats}/:id/members`, { params: { id }, body: { user_ids } }),
    removeMember: (id: string, user_id: string) =>
      call<typeof v2.chatRoutes.removeMember>('DELETE', `${chats}/:id/members/:user_id`, { params: { id, user_id } }),
    /** Mutes a chat for oneself; `null` ends it. */
    muteChat: (id: string, until: string | null) =>
      call<typeof v2.chatRoutes.mute>('PUT', `${chats}/:id/mute`, { params: { id }, body: { until } }),
    /** Messages in ascending order; without `before_seq` and `after_seq` the newest. */
    messages: (id: string, query: Query<typeof v2.messageRoutes.list> = {}, signal?: AbortSignal) =>
      call<typeof v2.messageRoutes.list>('GET', `${chats}/:id/messages`, { params: { id }, query, signal }),
    searchMessages: (query: Query<typeof v2.messageRoutes.search>, signal?: AbortSignal) =>
      call<typeof v2.messageRoutes.search>('GET', '/api/v2/search/messages', { query, signal }),
  };
}

export type Rest = ReturnType<typeof createRest>;

/** The calls that need no token: signing in, renewing a session, ending it. */
export function createSignIn(options: Pick<ClientOptions, 'url' | 'fetch' | 'restTimeoutMs'>) {
  const { url, fetch, restTimeoutMs } = resolveOptions({ ...options, getToken: () => null });
  const call = createCall({ url, fetch, restTimeoutMs, token: () => Promise.resolve(null) });
  type Answer = Promise<AnswerOf<typeof v2.authRoutes.login>>;
  return {
    login: (email: string, password: string): Answer =>
      call<typeof v2.authRoutes.login>('POST', '/api/v2/auth/login', { body: { email, password } }),
    refresh: (refresh_token: string): Answer =>
      call<typeof v2.authRoutes.refresh>('POST', '/api/v2/auth/refresh', { body: { refresh_token } }),
    logout: (refresh_token: string): Promise<void> =>
      call<typeof v2.authRoutes.logout>('POST', '/api/v2/auth/logout', { body: { refresh_token } }),
  };
}
