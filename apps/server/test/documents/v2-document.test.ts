/** service-platform-v2-websocket.ru.md, section by section, with its own client code and its own payloads. */
import { afterEach, expect, test } from 'vitest';
import { makeDirect, makeUsers, ok, onServer, v2Client } from '../support/chats.ts';
import type { ApiOptions } from '../support/server.ts';
import { ChatService, closeAll, OfflineQueue, WebSocketService } from './v2-flutter.ts';

/** The document's payloads, as they stand there. */
const DOCUMENT = {
  connected: { socket_id: 'abc123socket', user_id: 'uuid-user-id', timestamp: '2026-01-10T12:00:00.000Z' },
  syncRequired: { user_id: 'uuid-user-id', reason: 'connection_established', timestamp: '2026-01-10T12:00:00.000Z' },
  sent: { status: 'sent', message_id: 'uuid-message-id', created_at: '2026-01-09T12:00:00Z' },
  messageNew: {
    id: 'uuid',
    chat_id: 'chat-uuid',
    sender_id: 'user-uuid',
    sender_name: 'Анна',
    sender_avatar: 'https://...',
    type: 'text',
    content: 'Hello!',
    metadata: {},
    created_at: '2026-01-09T12:00:00Z',
    status: 'sent',
  },
  typing: { chat_id: 'uuid', user_id: 'user-uuid', user_name: 'Анна', is_typing: true },
  read: { message_id: 'uuid', chat_id: 'chat-uuid', read_by: 'user-uuid', read_at: '2026-01-09T12:05:00Z' },
  delivered: { message_id: 'uuid', chat_id: 'chat-uuid', delivered_to: 'user-uuid', delivered_at: '2026-01-09T12:00:05Z' },
  notificationNew: {
    id: 'uuid',
    type: 'booking_confirmed',
    title: 'Запись подтверждена',
    body: 'Мастер Анна подтвердила вашу запись на 10 января в 14:00',
    data: { booking_id: 'uuid', master_id: 'uuid' },
    created_at: '2026-01-09T12:00:00Z',
    is_read: false,
  },
  notificationRead: { notification_id: 'uuid', is_read: true, read_at: '2026-01-09T12:10:00Z' },
  userOnline: { user_id: 'uuid', online: true, last_seen: '2026-01-09T12:00:00Z' },
  userOffline: { user_id: 'uuid', online: false, last_seen: '2026-01-09T12:15:00Z' },
  postLiked: { post_id: 'uuid', user_id: 'who-liked-uuid', user_name: 'Анна', likes_count: 125 },
  postCommented: {
    post_id: 'uuid',
    comment: {
      id: 'comment-uuid',
      author_id: 'user-uuid',
      author_name: 'Мария',
      author_avatar: 'https://...',
      content: 'Классная работа!',
      created_at: '2026-01-09T12:00:00Z',
    },
    comments_count: 42,
  },
  error: { code: 'UNAUTHORIZED', message: 'Invalid or expired token', timestamp: '2026-01-09T12:00:00Z' },
};

/** "Payload типов сообщений", all eight. */
const MESSAGES = [
  { type: 'text', content: 'Hello, how are you?' },
  {
    type: 'photo',
    content: 'https://storage.service.com/photos/123.jpg',
    metadata: { width: 1080, height: 1920, thumbnail: 'https://storage.service.com/photos/123_thumb.jpg' },
  },
  {
    type: 'video',
    content: 'https://storage.service.com/videos/456.mp4',
    metadata: { duration: 30, thumbnail: 'https://storage.service.com/videos/456_thumb.jpg' },
  },
  { type: 'voice', content: 'https://storage.service.com/voice/789.m4a', metadata: { duration: 15 } },
  { type: 'location', content: '55.7558,37.6173', metadata: { lat: 55.7558, lng: 37.6173, address: 'Красная площадь, Москва' } },
  {
    type: 'profile_share',
    content: 'user-uuid',
    metadata: { name: 'Анна Иванова', avatar: 'https://storage.service.com/avatars/user.jpg', is_master: true },
  },
  { type: 'post_share', content: 'post-uuid', metadata: { author_name: 'Мария', media_url: 'https://storage.service.com/posts/post.jpg' } },
  {
    type: 'booking_proposal',
    content: 'Хотите записаться на маникюр?',
    metadata: { service_id: 'service-uuid', service_name: 'Маникюр', price: 2000, duration: 60 },
  },
];

const ELEVEN_TYPES = [
  'booking_request',
  'booking_confirmed',
  'booking_cancelled',
  'friend_request',
  'friend_accepted',
  'post_liked',
  'post_commented',
  'post_reposted',
  'mention',
  'review_received',
  'auto_booking_proposal',
];

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** What a payload must be to be as the document shows it: every key of the example is there, and of its kind. */
function like(example: unknown): unknown {
  if (typeof example === 'object' && example !== null)
    return expect.objectContaining(Object.fromEntries(Object.entries(example).map(([key, value]) => [key, like(value)])));
  if (typeof example === 'string') return /^\d{4}-\d\d-\d\dT/.test(example) ? expect.stringMatching(ISO) : expect.any(String);
  return typeof example === 'number' ? expect.any(Number) : example;
}

onServer(
  'Service Platform v2, as its document shows it',
  (server) => {
    afterEach(closeAll);

    const people = () => makeUsers(server(), 'Анна', 'Мария');
    const ask = async (method: string, path: string, options: ApiOptions) => ok(await server().api(method, `/api/v2${path}`, options));
    const chatOf = async (anna: string, maria: string) => (await makeDirect(server(), anna, maria)).id;
    const chatService = (user: string, chatId: string) => new ChatService(server().url, server().token(user), chatId, user);
    const service = (user: string, token = server().token(user)) =>
      new WebSocketService(
        server().url,
        token,
        {
          getChats: async () => (await ask('GET', '/chats', { as: user })).data,
          getUnread: async () => (await ask('GET', '/notifications?is_read=false', { as: user })).data,
          refreshToken: async () => server().token(user, { jti: 'new' }),
        },
        5,
      );

    test('Подключение: `connected`, then `sync:required`, upon which the client gets its chats and notifications by REST', async () => {
      const [anna, maria] = await people();
      const chatId = await chatOf(anna, maria);
      await ask('POST', `/chats/${chatId}/messages`, { as: maria, body: { type: 'text', content: 'Hello!' } });
      await ask('PUT', `/users/${anna}/follow`, { as: maria });
      await ask('POST', '/friends/requests', { as: maria, body: { user_id: anna } });
      const annas = service(anna);
      await annas.next('ui updated');
      expect(annas.all.slice(0, 2).map(({ event }) => event)).toEqual(['connected', 'sync:required']);
      expect(await annas.next('connected')).toEqual(like(DOCUMENT.connected));
      const demand = await annas.next('sync:required');
      expect(demand).toEqual(like(DOCUMENT.syncRequired));
      expect(demand).toMatchObject({ user_id: anna, reason: 'connection_established' });
      expect(annas.chats).toMatchObject([{ id: chatId, unread_count: 1 }]);
      expect(annas.notifications).toMatchObject([{ type: 'friend_request', is_read: false }]);
    });

    test('Reconnection Strategy: 1 s, then from 1 s again after a success; `sync:required` says `reconnection`', async () => {
      const [anna] = await people();
      const annas = service(anna);
      annas.setupReconnection();
      await annas.next('sync:required');
      for (const times of [1, 2]) {
        await server().createUser(anna, { name: `Анна ${times}` });
        annas.loseNetwork();
        const reasons = await annas.count('sync:required', times + 1);
        expect(reasons[times]).toMatchObject({ user_id: anna, reason: 'reconnection' });
      }
      expect(annas.delays).toEqual([1, 1]);
      expect(annas.reconnectAttempts).toBe(0);
    });

    test('Token Refresh: `error` "Invalid token", a new token on the same socket, and `sync:required` says `token_refresh`', async () => {
      const [anna] = await people();
      const annas = service(anna, server().token(anna, { exp: Math.floor(Date.now() / 1000) - 60 }));
      const error = await annas.next('error');
      expect(error).toEqual(like(DOCUMENT.error));
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', message: 'Invalid token' });
      expect(await annas.next('sync:required')).toMatchObject({ user_id: anna, reason: 'token_refresh' });
      expect(annas.socket.connected).toBe(true);
    });

    test('Отправка и получение: the eight types, the ACK, `chat:message:new`, `chat:message:delivered`', async () => {
      const [anna, maria] = await people();
      const chatId = await chatOf(anna, maria);
      const marias = chatService(maria, chatId);
      const annas = service(anna);
      await Promise.all([marias.next('connected'), annas.next('connected')]);
      for (const [i, message] of MESSAGES.entries()) {
        const ack = await annas.ask('chat:message:send', { chat_id: chatId, ...message });
        expect(ack).toEqual(like(DOCUMENT.sent));
        expect(ack['status']).toBe('sent');
        await marias.count('chat:message:new', i + 1);
        expect(marias.messages[i]).toEqual(like(DOCUMENT.messageNew));
        expect(marias.messages[i]).toMatchObject({
          id: ack['message_id'],
          chat_id: chatId,
          sender_id: anna,
          sender_name: 'Анна',
          metadata: {},
          status: 'sent',
          created_at: ack['created_at'],
          ...message,
        });
        const delivered = await annas.next('chat:message:delivered', ({ message_id }) => message_id === ack['message_id']);
        expect(delivered).toEqual(like(DOCUMENT.delivered));
        expect(delivered).toMatchObject({ chat_id: chatId, delivered_to: maria });
      }
    });

    test('Полный пример чата: two of the document’s `ChatService`s write, type and read', async () => {
      const [anna, maria] = await people();
      const chatId = await chatOf(anna, maria);
      const [annas, marias] = [chatService(anna, chatId), chatService(maria, chatId)];
      await Promise.all([annas.next('connected'), marias.next('connected')]);
      annas.sendTyping(true);
      expect(await marias.next('chat:typing')).toEqual({ chat_id: chatId, user_id: anna, user_name: 'Анна', is_typing: true });
      expect(await marias.next('chat:typing')).toEqual(like(DOCUMENT.typing));
      expect(marias.isTyping).toBe(true);
      annas.sendTyping(false);
      await marias.next('chat:typing', ({ is_typing }) => is_typing === false);
      expect([annas.isTyping, marias.isTyping]).toEqual([false, false]);
      annas.sendMessage('Hello!', 'text');
      const { id } = await marias.next('chat:message:new');
      marias.markAsRead(id);
      const read = await annas.next('chat:message:read');
      expect(read).toEqual(like(DOCUMENT.read));
      expect(read).toMatchObject({ message_id: id, chat_id: chatId, read_by: maria });
      expect(annas.messageStatus.get(id)).toBe('read');
      // "to sender": the sender hears of it, and shows its own message once.
      expect(annas.messages).toHaveLength(1);
      annas.dispose();
      await annas.next('disconnect', (reason) => reason === 'io client disconnect');
    });

    test('Offline Queue: what was queued is sent once, in order, when the client is back', async () => {
      const [anna, maria] = await people();
      const chatId = await chatOf(anna, maria);
      const marias = chatService(maria, chatId);
      const annas = service(anna);
      await Promise.all([annas.next('sync:required'), marias.next('connected')]);
      const queue = new OfflineQueue();
      annas.loseNetwork();
      await annas.next('disconnect');
      for (const content of ['one', 'two', 'three']) queue.addToQueue('chat:message:send', { chat_id: chatId, type: 'text', content });
      await annas.reconnect();
      await annas.count('connected', 2);
      queue.flushQueue(annas.socket);
      queue.flushQueue(annas.socket);
      await marias.count('chat:message:new', 3);
      await annas.ask('ping', {});
      expect(marias.messages.map(({ content }) => content as string)).toEqual(['one', 'two', 'three']);
    });

    test('Room Management: `chat:join` and `chat:leave` are acknowledged, a stranger is told "Access denied"', async () => {
      const [anna, maria] = await people();
      const [stranger] = await makeUsers(server(), 'Stranger');
      const chatId = await chatOf(anna, maria);
      const annas = service(anna);
      expect(await annas.ask('chat:join', { chat_id: chatId })).toEqual({ status: 'joined', chat_id: chatId });
      expect(await annas.ask('chat:leave', { chat_id: chatId })).toEqual({ status: 'left', chat_id: chatId });
      const strangers = chatService(stranger, chatId);
      expect(await strangers.next('error')).toMatchObject({ code: 'FORBIDDEN', message: 'Access denied' });
    });

    test('События уведомлений: each of the 11 types comes of what people do, live and by REST; `notification:read` is acknowledged', async () => {
      const [anna, maria] = await people();
      const [annas, marias] = [service(anna), service(maria)];
      await Promise.all([annas.next('ui updated'), marias.next('ui updated')]);
      const hour = 3_600_000;
      const booking = (startsAt: number) => ({
        as: maria,
        body: { master_id: anna, service_name: 'Маникюр', starts_at: new Date(startsAt).toISOString(), duration: 60, price: 2000 },
      });
      const post = await ask('POST', '/posts', { as: anna, body: { content: 'Новая работа' } });
      const last = await ask('POST', '/bookings', booking(Date.now() - 60 * 24 * hour));
      await ask('POST', `/bookings/${last.id}/confirm`, { as: anna });
      const next = await ask('POST', '/bookings', booking(Date.now() - 50 * 24 * hour));
      await ask('POST', `/bookings/${next.id}/cancel`, { as: anna });
      const { id: request } = await ask('POST', '/friends/requests', { as: maria, body: { user_id: anna } });
      await ask('POST', `/friends/requests/${request}/accept`, { as: anna });
      await ask('PUT', `/posts/${post.id}/like`, { as: maria });
      await ask('POST', `/posts/${post.id}/comments`, { as: maria, body: { content: 'Классная работа!' } });
      await ask('POST', `/posts/${post.id}/repost`, { as: maria, body: {} });
      await ask('POST', '/reviews', { as: maria, body: { user_id: anna, rating: 5, content: 'Классная работа!' } });
      await ask('PUT', '/bookings/auto-rule', { as: anna, body: { weeks: 4 } });
      const heard = () => [...annas.of('notification:new'), ...marias.of('notification:new')];
      await marias.next('notification:new', ({ type }) => type === 'auto_booking_proposal');
      await annas.next('notification:new', ({ type }) => type === 'review_received');
      // Mentions are by ids of Latin letters; the document's users have those.
      const [latin] = await makeUsers(server(), 'maria');
      const latins = service(latin);
      await latins.next('ui updated');
      await ask('POST', '/posts', { as: anna, body: { content: `Спасибо, @${latin}` } });
      const mention = await latins.next('notification:new', ({ type }) => type === 'mention');
      expect(new Set([...heard(), mention].map(({ type }) => type as string))).toEqual(new Set(ELEVEN_TYPES));
      for (const notification of heard()) expect(notification).toEqual(like({ ...DOCUMENT.notificationNew, data: {} }));
      const confirmed = await marias.next('notification:new', ({ type }) => type === 'booking_confirmed');
      expect(confirmed).toEqual(like(DOCUMENT.notificationNew));
      expect(confirmed.data).toMatchObject({ booking_id: last.id, master_id: anna });

      const { unread, ...ack } = {
        unread: marias.notifications.length,
        ...(await marias.ask('notification:read', { notification_id: confirmed.id })),
      };
      expect(ack).toEqual({ notification_id: confirmed.id, is_read: true, read_at: expect.stringMatching(ISO) });
      expect(Object.keys(ack)).toEqual(Object.keys(DOCUMENT.notificationRead));
      expect((await ask('GET', '/notifications?is_read=false', { as: maria })).data).toHaveLength(unread - 1);
    });

    test('События онлайн-статуса: `user:online`, `user:offline`', async () => {
      const [anna, maria] = await people();
      const marias = service(maria);
      await marias.next('connected');
      const annas = service(anna);
      const online = await marias.next('user:online', ({ user_id }) => user_id === anna);
      expect(online).toEqual(like(DOCUMENT.userOnline));
      expect(online).toMatchObject({ user_id: anna, online: true });
      expect(marias.userStatus.get(anna)).toBe(true);
      annas.socket.disconnect();
      const offline = await marias.next('user:offline', ({ user_id }) => user_id === anna);
      expect(offline).toEqual(like(DOCUMENT.userOffline));
      expect(offline).toMatchObject({ user_id: anna, online: false });
      expect(Object.keys(offline)).toEqual(Object.keys(DOCUMENT.userOffline));
      expect(marias.userStatus.get(anna)).toBe(false);
    });

    test('События социальных функций: `post:liked` to followers, `post:commented` to the author', async () => {
      const [anna, maria] = await people();
      const [boris] = await makeUsers(server(), 'Борис');
      const post = await ask('POST', '/posts', { as: anna, body: { content: 'Новая работа' } });
      await ask('PUT', `/users/${anna}/follow`, { as: boris });
      const [annas, boriss] = [service(anna), service(boris)];
      await Promise.all([annas.next('connected'), boriss.next('connected')]);
      await ask('PUT', `/posts/${post.id}/like`, { as: maria });
      const liked = await boriss.next('post:liked');
      expect(liked).toEqual(like(DOCUMENT.postLiked));
      expect(liked).toEqual({ post_id: post.id, user_id: maria, user_name: 'Мария', likes_count: 1 });
      expect(boriss.postLikes.get(post.id)).toBe(1);
      await ask('POST', `/posts/${post.id}/comments`, { as: maria, body: { content: 'Классная работа!' } });
      const commented = await annas.next('post:commented');
      expect(commented).toEqual(like(DOCUMENT.postCommented));
      expect(commented).toMatchObject({ post_id: post.id, comments_count: 1, comment: { author_id: maria, author_name: 'Мария' } });
      expect(annas.postComments.get(post.id)).toHaveLength(1);
    });

    test('Обработка ошибок: the six codes come as `error {code, message, timestamp}` to a client that gives no callback', async () => {
      const [anna, maria] = await people();
      const [stranger] = await makeUsers(server(), 'Stranger');
      const chatId = await chatOf(anna, maria);
      const strangersChat = await chatOf(stranger, maria);
      const annas = service(anna);
      await annas.next('connected');
      const send = (data: object) => annas.socket.emit('chat:message:send', { chat_id: chatId, type: 'text', content: 'x', ...data });
      send({ type: 'nothing that there is' });
      send({ chat_id: 'uuid' });
      send({ content: 'x'.repeat(4_097) });
      send({ chat_id: strangersChat });
      for (let i = 0; i < 61; i++) annas.socket.emit('ping', {});
      const expiring = service(maria, server().token(maria, { exp: Math.floor(Date.now() / 1000) + 2 }));
      const codes = ['INVALID_DATA', 'CHAT_NOT_FOUND', 'MESSAGE_TOO_LARGE', 'FORBIDDEN', 'RATE_LIMIT'];
      const errors = await Promise.all(codes.map((code) => annas.next('error', (error) => error.code === code)));
      for (const error of [...errors, await expiring.next('error')]) expect(error).toEqual(like(DOCUMENT.error));
      expect(expiring.of('error')[0]).toMatchObject({ code: 'UNAUTHORIZED', message: 'Invalid or expired token' });
    });

    test('Метрики: `websocket_messages_total{event,status}` and `websocket_message_latency_seconds` with the document’s buckets', async () => {
      const [anna, maria] = await people();
      const chatId = await chatOf(anna, maria);
      const annas = await v2Client(server(), anna);
      await annas.ask('chat:message:send', { chat_id: chatId, type: 'text', content: 'Hello!' });
      annas.close();
      const { body } = await server().api('GET', '/metrics');
      expect(body).toMatch(/^websocket_messages_total\{event="chat:message:send",status="ok"\} [1-9]/m);
      for (const bucket of ['0.1', '0.5', '1', '2', '5'])
        expect(body).toMatch(new RegExp(`^websocket_message_latency_seconds_bucket\\{le="${bucket}"\\} [1-9]`, 'm'));
    });
  },
  { PRESENCE_GRACE_MS: '100' },
);
