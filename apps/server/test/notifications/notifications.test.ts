import { ERRORS } from '@majlis/contract';
import { expect, test } from 'vitest';
import { NotificationsService } from '../../src/features/notifications/notifications.service.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { heardSince, makeDirect, makeUsers, ok, onServers, TIME, UUID_V7, v2Client } from '../support/chats.ts';
import { freshId } from '../support/server.ts';
import { connected, type Client } from '../support/sockets.ts';

const NOTICE = { type: 'booking_request', title: 'حجز جديد', body: 'Friday, 14:00', data: { booking_id: 7, Inner: { camelCase: true } } };

onServers('notifications', (server) => {
  const bell = (userId: string, options: Parameters<typeof connected>[2] = {}) =>
    connected(server().url, '/notifications', { token: server().token(userId), ...options });
  const notify = async (user: string, more: object = {}) =>
    ok(await server().api('POST', '/api/v2/notifications', { key: true, body: { user_id: user, ...NOTICE, ...more } }));
  const counts = (client: Client) => client.of('unread-count').map(({ count }) => count);
  const caughtUp = (...clients: Client[]) => Promise.all(clients.map((client) => client.ask('ping', {})));

  test('`connected {userId, socketId}` on connection, then `unread-count {count}`', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    await notify(amal);
    await notify(amal);
    const amals = await bell(amal);
    await amals.next('unread-count');
    expect(amals.all.slice(1)).toEqual([
      { event: 'connected', data: { userId: amal, socketId: amals.socket.id }, arguments: 1 },
      { event: 'unread-count', data: { count: 2 }, arguments: 1 },
    ]);
  });

  test('`notification:new {id, type, title, body, data, created_at, is_read, version}` on `/`, in camelCase on `/notifications`, with the inner keys of `data` as they are', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    const [plain, camel] = await Promise.all([v2Client(server(), amal), bell(amal)]);
    const made = await notify(amal);
    expect(await plain.next('notification:new')).toEqual({
      id: expect.stringMatching(UUID_V7),
      ...NOTICE,
      created_at: expect.stringMatching(TIME),
      is_read: false,
      version: 1,
    });
    expect(made).toEqual(plain.of('notification:new')[0]);
    expect(await camel.next('notification:new')).toEqual({
      id: made.id,
      ...NOTICE,
      createdAt: made.created_at,
      isRead: false,
      version: 1,
    });
    expect(ok(await server().api('GET', '/api/v2/notifications', { as: amal }))).toEqual({ data: [made], next_cursor: null, version: 1 });
    expect(ok(await server().api('GET', '/api/v1/notifications', { as: amal }))).toEqual({
      data: camel.of('notification:new'),
      nextCursor: null,
      version: 1,
    });
  });

  test('"Every new or read notification, on any surface, sends `unread-count {count}` to all the user\'s `/notifications` sockets"', async () => {
    const [amal, other] = await makeUsers(server(), 'Amal', 'Other');
    const [phone, tablet, others, plain] = await Promise.all([bell(amal), bell(amal), bell(other), v2Client(server(), amal)]);
    await Promise.all([phone, tablet, others].map((client) => client.next('unread-count')));
    const made = [];
    for (let i = 0; i < 6; i++) made.push(await notify(amal, { title: `${i}` }));
    const [a, b, c, d, e] = made.map(({ id }) => id as string);
    // Each way to read: Allawzi's, Depth's and v2's events, then both surfaces' routes.
    expect(await phone.ask('mark-as-read', { notificationIds: [a, a, 'unknown'] })).toEqual({ count: 5 });
    expect(await tablet.ask('notification:read', { notificationId: b })).toEqual({
      notificationId: b,
      isRead: true,
      readAt: expect.stringMatching(TIME),
    });
    expect(await plain.ask('notification:read', { notification_id: c })).toEqual({
      notification_id: c,
      is_read: true,
      read_at: expect.stringMatching(TIME),
    });
    const v1 = await server().api('POST', '/api/v1/notifications/mark-as-read', { as: amal, body: { notificationIds: [d] } });
    expect(ok(v1)).toEqual({ readAt: expect.stringMatching(TIME), unreadCount: 2 });
    const v2 = await server().api('POST', '/api/v2/notifications/read', { as: amal, body: { notification_ids: [e] } });
    expect(ok(v2)).toEqual({ read_at: expect.stringMatching(TIME), unread_count: 1 });
    phone.tell('mark-all-as-read');
    await tablet.next('notification:read-all');
    await caughtUp(phone, tablet, others);
    expect(counts(phone)).toEqual([0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1, 0]);
    expect(counts(tablet)).toEqual(counts(phone));
    expect(counts(others)).toEqual([0]);
    expect(plain.of('unread-count')).toEqual([]);
  });

  test('"Every change has exactly one event in every dialect that carries its stream": the versions of the user\'s stream have no gaps, memberships of chats included', async () => {
    const [amal, other] = await makeUsers(server(), 'Amal', 'Other');
    const [phone, plain] = await Promise.all([bell(amal), v2Client(server(), amal)]);
    const { id } = await notify(amal);
    const chat = await makeDirect(server(), other, amal);
    await phone.ask('notification:read', { notificationId: id });
    await notify(amal);
    await plain.ask('notification:read', { notification_id: (await notify(amal)).id });
    await server().api('POST', '/api/v2/notifications/read-all', { as: amal });
    await Promise.all([phone.next('notification:read-all'), plain.next('notification:read_all')]);
    const versioned = (client: Client) => client.all.flatMap(({ event, data }) => (data?.version ? [[event, data.version]] : []));
    const same = ['notification:new', 'chat:created', 'notification:read', 'notification:new', 'notification:new', 'notification:read'];
    expect(versioned(phone)).toEqual([...same, 'notification:read-all'].map((event, i) => [event, i + 1]));
    expect(versioned(plain)).toEqual([...same, 'notification:read_all'].map((event, i) => [event, i + 1]));
    expect(phone.of('chat:created')).toEqual([{ chatId: chat.id, version: 2 }]);
  });

  test('"asks with `sync` for what follows the version it has, and gets the same events with the same payloads", with the names of the namespace', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    const [phone, plain] = await Promise.all([bell(amal), v2Client(server(), amal)]);
    const { id } = await notify(amal);
    await phone.ask('notification:read', { notificationId: id });
    await server().api('POST', '/api/v1/notifications/mark-all-as-read', { as: amal });
    await notify(amal);
    await Promise.all([phone.count('notification:new', 2), plain.count('notification:new', 2)]);
    const live = (client: Client) =>
      client.all.flatMap(({ event, data }) => (data?.version ? [{ version: data.version, event, data }] : []));
    expect((await phone.ask('sync', { cursors: { user: 0 } })).streams).toEqual({
      user: { events: live(phone), version: 3, hasMore: false, reset: false, receipts: null },
    });
    expect((await plain.ask('sync', { cursors: { user: 1 } })).streams.user.events).toEqual(live(plain).slice(1));
    const asked = { [`user:${freshId()}`]: 0, [`chat:${id}`]: 0, nothing: 0 };
    const { streams } = await phone.ask('sync', { cursors: asked });
    expect(Object.keys(asked).map((name) => streams[name].error.code)).toEqual(['FORBIDDEN', 'NOT_FOUND', 'NOT_FOUND']);
    expect(streams.user).toMatchObject({ events: [], version: 3 });
  });

  test('reading twice changes nothing: the same answer, no event, no count', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    const phone = await bell(amal);
    const { id } = await notify(amal);
    const first = await phone.ask('notification:read', { notificationId: id });
    const before = phone.all.length;
    expect(await phone.ask('notification:read', { notificationId: id })).toEqual(first);
    expect(await phone.ask('mark-as-read', { notificationIds: [id] })).toEqual({ count: 0 });
    expect(await phone.ask('mark-all-as-read')).toEqual({ count: 0 });
    await caughtUp(phone);
    expect(heardSince(phone, before)).toEqual([]);
  });

  test("another's notification is not there: NOT_FOUND, and marking passes it over", async () => {
    const [amal, stranger] = await makeUsers(server(), 'Amal', 'Stranger');
    const { id } = await notify(amal);
    const [strangers, plain] = await Promise.all([bell(stranger), v2Client(server(), stranger)]);
    expect(await strangers.ask('notification:read', { notificationId: id })).toMatchObject({
      status: 'error',
      error: { code: 'NOT_FOUND' },
    });
    expect(await plain.ask('notification:read', { notification_id: id })).toMatchObject({ status: 'error', error: { code: 'NOT_FOUND' } });
    expect(await strangers.ask('mark-as-read', { notificationIds: [id] })).toEqual({ count: 0 });
    expect(ok(await server().api('GET', '/api/v1/notifications/unread-count', { as: amal }))).toEqual({ count: 1 });
  });

  test('`get-unread-count` → `unread-count` to this socket', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    const [phone, tablet] = await Promise.all([bell(amal), bell(amal)]);
    await Promise.all([phone.next('unread-count'), tablet.next('unread-count')]);
    phone.tell('get-unread-count');
    await phone.count('unread-count', 2);
    await caughtUp(tablet);
    expect([counts(phone), counts(tablet)]).toEqual([[0, 0], [0]]);
  });

  test('a count that was read before a change is not told after it', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    const phone = await bell(amal);
    await phone.next('unread-count');
    // The database's answer is held up until there is something new.
    const service = server().app.get(NotificationsService, { strict: false });
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { promise: asked, resolve: noteAsked } = Promise.withResolvers<void>();
    service.unreadCount = async (userId) => {
      const count = await NotificationsService.prototype.unreadCount.call(service, userId);
      noteAsked();
      await held;
      return count;
    };
    try {
      const answer = phone.ask('get-unread-count');
      await asked;
      await notify(amal);
      await phone.next('unread-count', ({ count }) => count === 1);
      release();
      expect(await answer).toEqual({ count: 1 });
      expect(counts(phone)).toEqual([0, 1, 1]);
    } finally {
      Reflect.deleteProperty(service, 'unreadCount');
    }
  });

  test('`notifications:subscribe {userId}` / `notifications:unsubscribe {userId}` → `{data:{userId}}`: oneself only (an administrator: anyone)', async () => {
    const [amal, other, admin] = await makeUsers(server(), 'Amal', 'Other', 'Admin');
    await server().createUser(admin, { role: 'admin' });
    const [amals, others, admins] = await Promise.all([bell(amal), bell(other), bell(admin)]);
    for (const event of ['notifications:subscribe', 'notifications:unsubscribe']) {
      expect(await others.ask(event, { userId: amal })).toMatchObject({
        status: 'error',
        error: { code: 'FORBIDDEN', message: ERRORS.FORBIDDEN.ar },
      });
    }
    expect(await admins.ask('notifications:subscribe', { userId: amal })).toEqual({ data: { userId: amal } });
    expect(await amals.ask('notifications:unsubscribe', { userId: amal })).toEqual({ data: { userId: amal } });
    await notify(amal, { title: 'to the administrator' });
    await admins.next('notification:new');
    expect(await amals.ask('notifications:subscribe', { userId: amal })).toEqual({ data: { userId: amal } });
    await notify(amal, { title: 'to both' });
    expect(await amals.next('notification:new')).toMatchObject({ title: 'to both' });
    await admins.count('notification:new', 2);
    // "A user … whose role no longer suffices for … a room, is out of it".
    await server().createUser(admin, { role: 'manager' });
    expect(await admins.ask('notifications:subscribe', { userId: amal })).toMatchObject({ error: { code: 'FORBIDDEN' } });
    await notify(amal, { title: 'to her alone' });
    await amals.next('notification:new', ({ title }) => title === 'to her alone');
    await caughtUp(admins, others);
    expect([admins.of('notification:new').length, counts(admins), others.of('notification:new')]).toEqual([2, [0], []]);
  });

  test('`POST /notifications {user_id | user_ids, type, title, body, data}` (API key or admin) makes one for each, all or none', async () => {
    const [amal, boris, admin] = await makeUsers(server(), 'Amal', 'Boris', 'Admin');
    await server().createUser(admin, { role: 'admin' });
    const post = (body: object, as = admin) => server().api('POST', '/api/v2/notifications', { as, body });
    const { status, body } = await post({ user_ids: [amal, boris, amal], ...NOTICE });
    expect([status, body.data.length]).toEqual([201, 2]);
    expect((await post({ user_id: amal, ...NOTICE }, boris)).body.code).toBe('FORBIDDEN');
    expect((await post({ user_ids: [amal, freshId()], ...NOTICE })).body.code).toBe('NOT_FOUND');
    const wrong: [string, object][] = [
      ['type', { user_id: amal, ...NOTICE, type: 'Not A Type' }],
      ['title', { user_id: amal, ...NOTICE, title: '' }],
      ['data', { user_id: amal, ...NOTICE, data: [] }],
      ['user_id', { ...NOTICE }],
      ['user_id', { user_id: amal, user_ids: [boris], ...NOTICE }],
    ];
    for (const [field, draft] of wrong) expect((await post(draft)).body, field).toMatchObject({ code: 'INVALID_DATA', details: { field } });
    expect((await post({ user_id: amal, ...NOTICE, data: { long: 'x'.repeat(20_000) } })).body.code).toBe('MESSAGE_TOO_LARGE');
    expect(ok(await server().api('GET', '/api/v2/notifications/unread-count', { as: amal }))).toEqual({ count: 1 });
  });

  test('`GET /notifications?is_read=`, the newest first, page by page', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.unshift((await notify(amal)).id);
    await server().api('POST', '/api/v2/notifications/read', { as: amal, body: { notification_ids: ids.filter((_, i) => i % 2 === 0) } });
    const all = async (path: string, more: string) => {
      const found: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page = ok(await server().api('GET', `${path}?limit=2${more}${cursor && `&cursor=${cursor}`}`, { as: amal }));
        found.push(...page.data.map(({ id }: { id: string }) => id));
        cursor = page.next_cursor ?? page.nextCursor ?? null;
      }
      return found;
    };
    expect(await all('/api/v2/notifications', '')).toEqual(ids);
    expect(await all('/api/v1/notifications', '&isRead=true')).toEqual(ids.filter((_, i) => i % 2 === 0));
    expect(await all('/api/v2/notifications', '&is_read=false')).toEqual(ids.filter((_, i) => i % 2 === 1));
    const { body } = await server().api('GET', '/api/v2/notifications?is_read=maybe', { as: amal });
    expect(body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'is_read' } });
  });

  test('what an erased person was told is gone, from the log as well', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    await notify(amal, { title: 'a secret' });
    ok(await server().api('DELETE', `/api/v2/users/${amal}`, { key: true }));
    const { db } = server().app.get<Storage>(STORAGE, { strict: false });
    expect(await db.selectFrom('notifications').select('id').where('user_id', '=', amal).execute()).toEqual([]);
    expect(await db.selectFrom('stream_log').select('data').where('stream', '=', `user:${amal}`).execute()).toEqual([]);
  });
});
