import { CONNECT_REFUSALS } from '@majlis/contract';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Nodes } from '../../src/features/admin/nodes.ts';
import { OwnNode } from '../../src/features/admin/own-node.ts';
import { StaffDirectory } from '../../src/features/users/staff-directory.ts';
import { UserDirectory } from '../../src/features/users/user-directory.ts';
import { UserStreams } from '../../src/features/users/user-streams.ts';
import { Pipeline } from '../../src/realtime/pipeline.ts';
import { SessionRegistry } from '../../src/realtime/session-registry.ts';
import { closeFeeds, following } from '../orders/feed-client.ts';
import { caughtUp, makeDirect, makeUsers, ok, onServer, onServers, say, TIME, UUID_V7, v2Client } from '../support/chats.ts';
import { freshId, startServer } from '../support/server.ts';
import { client, connected } from '../support/sockets.ts';
import { adminClient, makeAdmin } from './admins.ts';

afterEach(closeFeeds);

const isTime = expect.stringMatching(TIME) as string;

onServer('"An administrator sees a busy server\'s figures move and can disconnect a user, announce, and read who did what."', (server) => {
  test('all of it, by one administrator', async () => {
    const [amal, bashir] = await makeUsers(server(), 'amal', 'bashir');
    const chat = await makeDirect(server(), amal, bashir);
    const adminId = await makeAdmin(server());
    const admin = await adminClient(server(), adminId);
    const [one, two] = [await v2Client(server(), amal), await v2Client(server(), bashir)];

    const quiet = new AbortController();
    const talk = (async () => {
      while (!quiet.signal.aborted) await say(one, chat.id, 'the content');
    })();
    const first = await admin.next('admin:stats', ({ eventsPerSecond }) => eventsPerSecond > 0);
    const second = await admin.next('admin:stats', ({ timestamp }) => timestamp > first.timestamp);
    quiet.abort();
    await talk;
    expect(second).toEqual({
      timestamp: isTime,
      connections: 3,
      connectionsByNamespace: { '/': 2, '/admin': 1 },
      connectionsByNode: { [server().app.get(OwnNode).id]: 3 },
      usersOnline: 3,
      eventsPerSecond: expect.any(Number) as number,
      deliveriesPerSecond: expect.any(Number) as number,
      latencyP50Ms: expect.any(Number) as number,
      latencyP99Ms: expect.any(Number) as number,
      errorsByCode: {},
      rateLimited: 0,
      memoryBytes: expect.any(Number) as number,
      eventLoopDelayP99Ms: expect.any(Number) as number,
    });
    // Each message goes to both.
    expect(second.deliveriesPerSecond).toBeGreaterThan(second.eventsPerSecond);
    expect(second.latencyP99Ms).toBeGreaterThanOrEqual(second.latencyP50Ms);
    expect(second.memoryBytes).toBeGreaterThan(10_000_000);

    const announced = await admin.ask('admin:announce', { message: 'We close at six.' });
    expect(announced).toEqual({ data: { message: 'We close at six.', timestamp: isTime } });
    expect(await two.next('announcement')).toEqual(announced.data);

    expect(await admin.ask('admin:disconnect', { userId: amal, reason: 'talks too much' })).toEqual({
      data: { userId: amal, disconnected: 1, blockedUntil: null },
    });
    expect(await one.next('error')).toMatchObject({ code: 'FORBIDDEN', details: { reason: 'talks too much' } });
    expect(await one.next('disconnect')).toBe('io server disconnect');

    const { data } = ok(await server().api('GET', `/api/v2/audit?actor_id=${adminId}`, { as: adminId }));
    const entry = { id: expect.stringMatching(UUID_V7) as string, actor_kind: 'user', actor_id: adminId, created_at: isTime };
    expect(data).toEqual([
      { ...entry, action: 'user.disconnect', subject: amal, details: { reason: 'talks too much' } },
      { ...entry, action: 'announcement.make', subject: null, details: { message: 'We close at six.' } },
    ]);
  });
});

onServers('what administrators do is kept', (server) => {
  test('"`admin:disconnect {userId | socketId, reason, blockForS?}` (refused while blocked)": connecting, REST, signing in, refreshing', async () => {
    const adminId = await makeAdmin(server());
    const admin = await adminClient(server(), adminId);
    const user = freshId('blocked');
    const login = { email: `${user}@example.com`, password: 'correct horse' };
    await server().createUser(user, login);
    const { refresh_token } = ok(await server().api('POST', '/api/v2/auth/login', { body: login }));
    const one = await v2Client(server(), user, { reconnection: true });
    const { data } = await admin.ask('admin:disconnect', { userId: user, reason: 'enough', blockForS: 3600 });
    expect(data).toEqual({ userId: user, disconnected: 1, blockedUntil: isTime });
    expect(Date.parse(data.blockedUntil) - Date.now()).toBeLessThanOrEqual(3_600_000);
    expect(await one.next('disconnect')).toBe('io server disconnect');

    const refused = client(server().url, '/', { token: server().token(user) });
    expect(await refused.next('error')).toMatchObject({ code: 'UNAUTHORIZED', message: 'Invalid token' });
    const elsewhere = client(server().url, '/notifications', { token: server().token(user) });
    expect((await elsewhere.next('connect_error')).message).toBe(CONNECT_REFUSALS.unknownUser.ar);
    expect((await server().api('GET', '/api/v2/me', { as: user })).status).toBe(401);
    expect((await server().api('POST', '/api/v2/auth/refresh', { body: { refresh_token } })).status).toBe(401);
    expect((await server().api('POST', '/api/v2/auth/login', { body: login })).status).toBe(401);
    // The customer's backend still does what it does for anybody.
    expect((await server().api('GET', '/api/v2/me', { key: true, onBehalfOf: user })).status).toBe(200);

    expect((await admin.ask('admin:disconnect', { userId: user, reason: 'sorry', blockForS: 0 })).data).toEqual({
      userId: user,
      disconnected: 0,
      blockedUntil: null,
    });
    await v2Client(server(), user);
    expect((await server().api('POST', '/api/v2/auth/login', { body: login })).status).toBe(200);

    const { data: entries } = ok(await server().api('GET', `/api/v2/audit?subject=${user}&action=user.disconnect&limit=1`, { key: true }));
    expect(entries).toMatchObject([{ actor_id: adminId, details: { reason: 'sorry', blockForS: 0 } }]);
  });

  test('the audit log has pages, the latest first, for administrators and keys alone', async () => {
    const adminId = await makeAdmin(server());
    const admin = await adminClient(server(), adminId);
    for (let i = 0; i < 5; i++) await admin.ask('admin:announce', { message: `no ${i}`, userIds: [adminId] });
    const read: string[] = [];
    for (let cursor = ''; ;) {
      const page = ok(await server().api('GET', `/api/v2/audit?actor_id=${adminId}&limit=2${cursor}`, { as: adminId }));
      read.push(...page.data.map(({ details }: { details: { message: string } }) => details.message));
      if (page.next_cursor === null) break;
      cursor = `&cursor=${page.next_cursor}`;
    }
    expect(read).toEqual(['no 4', 'no 3', 'no 2', 'no 1', 'no 0']);
    const [user] = await makeUsers(server(), 'user');
    expect((await server().api('GET', '/api/v2/audit', { as: user })).body).toMatchObject({ code: 'FORBIDDEN' });
    expect((await server().api('GET', '/api/v2/audit')).status).toBe(401);
  });
});

onServer('`/admin` (role `admin`; acknowledgements `{data}` or `{error}`)', (server) => {
  test.each(['user', 'employee', 'manager'])('FORBIDDEN (role too low for `/admin`): %s, by `connect_error`', async (role) => {
    const id = freshId(role);
    await server().createUser(id, { role });
    const refused = client(server().url, '/admin', { token: server().token(id) });
    expect(await refused.next('connect_error')).toEqual({
      message: 'فشلت المصادقة',
      data: { code: 'FORBIDDEN', message: 'Access denied', timestamp: isTime },
    });
    expect(refused.socket.active).toBe(false);
    expect(refused.all).toHaveLength(1);
  });

  test('in the language of the user: `auth.locale`, then the user’s stored locale', async () => {
    const id = freshId('user');
    await server().createUser(id, { locale: 'ru' });
    const refused = (locale?: string) =>
      client(server().url, '/admin', { auth: { token: server().token(id), ...(locale && { locale }) } }).next('connect_error');
    expect((await refused()).message).toBe(CONNECT_REFUSALS.forbidden.ru);
    expect((await refused('en')).message).toBe(CONNECT_REFUSALS.forbidden.en);
  });

  test('a CONNECT without a token is that of the user who is on the connection: with the role, or without it', async () => {
    const adminId = await makeAdmin(server());
    const [user] = await makeUsers(server(), 'user');
    for (const [id, event] of [
      [adminId, 'connected'],
      [user, 'connect_error'],
    ] as const) {
      const first = await v2Client(server(), id);
      // On the same network connection, as `io('/admin')` beside `io('/')` makes it.
      const sibling = first.socket.io.socket('/admin');
      const heard = new Promise<string>((resolve) => {
        sibling.on('connected', () => resolve('connected'));
        sibling.on('connect_error', (error) => resolve(error.message === 'فشلت المصادقة' ? 'connect_error' : error.message));
      });
      sibling.connect();
      expect(await heard).toBe(event);
      sibling.disconnect();
    }
  });

  test('a user "whose role no longer suffices for a namespace … is out of it everywhere within 5 s", and keeps the rest', async () => {
    const adminId = await makeAdmin(server());
    const admin = await adminClient(server(), adminId);
    const root = await v2Client(server(), adminId);
    await server().createUser(adminId, { role: 'manager' });
    expect(await admin.next('error')).toMatchObject({ code: 'FORBIDDEN' });
    expect(await admin.next('disconnect')).toBe('io server disconnect');
    expect(await root.ask('ping')).toEqual({ status: 'ok' });
  });

  test('`admin:stats` every 2 s, and nothing is counted up while nobody watches', async () => {
    const figures = vi.spyOn(server().app.get(Nodes), 'figures');
    const adminId = await makeAdmin(server());
    await expect.poll(() => server().app.get(SessionRegistry).count('/admin'), { timeout: 10_000 }).toBe(0);
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const admin = await adminClient(server(), adminId);
      for (const ticks of [1, 2, 3]) {
        vi.advanceTimersByTime(1_999);
        expect(figures).toHaveBeenCalledTimes(ticks);
        vi.advanceTimersByTime(1);
        await admin.count('admin:stats', ticks);
      }
      admin.close();
      await expect.poll(() => server().app.get(SessionRegistry).count('/admin'), { timeout: 10_000 }).toBe(0);
      vi.advanceTimersByTime(60_000);
      // The first was to have something to compare with.
      expect(figures).toHaveBeenCalledTimes(4);
    } finally {
      vi.useRealTimers();
      figures.mockRestore();
    }
  });

  test('`admin:events {on}` → `admin:event {timestamp, userId, namespace, event, status, durationMs, ip}`, never content', async () => {
    const admin = await adminClient(server(), await makeAdmin(server()));
    const [amal, bashir] = await makeUsers(server(), 'amal', 'bashir');
    const chat = await makeDirect(server(), amal, bashir);
    const one = await v2Client(server(), amal);
    await say(one, chat.id, 'before');
    expect(await admin.ask('admin:events', { on: true })).toEqual({ data: { on: true } });
    await say(one, chat.id, 'the content', { metadata: { secret: 'in metadata' } });
    await one.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: '' });
    await one.ask('no such event', { content: 'the content' });
    await admin.ask('admin:events', { on: false });
    await say(one, chat.id, 'after');
    await caughtUp(admin);
    const told = { timestamp: isTime, userId: amal, namespace: '/', durationMs: expect.any(Number) as number, ip: '127.0.0.1' };
    expect(admin.of('admin:event').filter(({ userId }) => userId === amal)).toEqual([
      { ...told, event: 'chat:message:send', status: 'ok' },
      { ...told, event: 'chat:message:send', status: 'error' },
      { ...told, event: 'unknown', status: 'error' },
    ]);
    expect(JSON.stringify(admin.all)).not.toMatch(/the content|in metadata|no such event/);
  });

  test('who has gone while the role was looked up is told of nothing: neither of events, nor of what concerns a user', async () => {
    const { app } = server();
    const [users, sessions] = [app.get(UserDirectory), app.get(SessionRegistry)];
    const watch = vi.spyOn(app.get(Pipeline), 'watch');
    const adminId = await makeAdmin(server());
    const [amal] = await makeUsers(server(), 'amal');
    const admin = await adminClient(server(), adminId);
    const other = await connected(server().url, '/notifications', { token: server().token(adminId) });
    for (const [one, event, payload] of [
      [admin, 'admin:events', { on: true }],
      [other, 'notifications:subscribe', { userId: amal }],
    ] as const) {
      const done = Promise.withResolvers<void>();
      vi.spyOn(users, 'load').mockImplementationOnce(async (id) => {
        const [session] = [...sessions.of(id)].filter(({ id: socketId }) => socketId === one.socket.id);
        one.close();
        await expect.poll(() => sessions.of(id).has(session!)).toBe(false);
        setImmediate(done.resolve);
        return users.get(id);
      });
      one.tell(event, payload);
      await done.promise;
    }
    expect(watch.mock.calls.filter(([listener]) => listener)).toEqual([]);
    expect([...app.get(UserStreams).members(amal).keys()]).toEqual([amal]);
    vi.restoreAllMocks();
  });

  test('`admin:sockets {userId?, namespace?, cursor?}` → `{data:{sockets:[{id, userId, namespace, node, connectedAt, transport, ip}], nextCursor}}`', async () => {
    const adminId = await makeAdmin(server());
    const admin = await adminClient(server(), adminId);
    const [amal, bashir] = await makeUsers(server(), 'amal', 'bashir');
    const crowd = await Promise.all(
      Array.from({ length: 120 }, () => connected(server().url, '/support', { token: server().token(bashir) })),
    );
    const polling = await connected(server().url, '/notifications', { token: server().token(amal), transports: ['polling'] });

    expect(await admin.ask('admin:sockets', { userId: amal })).toEqual({
      data: {
        sockets: [
          {
            id: polling.socket.id,
            userId: amal,
            namespace: '/notifications',
            node: server().app.get(OwnNode).id,
            connectedAt: isTime,
            transport: 'polling',
            ip: '127.0.0.1',
          },
        ],
        nextCursor: null,
      },
    });
    expect((await admin.ask('admin:sockets', { userId: amal, namespace: '/' })).data.sockets).toEqual([]);

    const found: string[] = [];
    const pages: number[] = [];
    for (let cursor: string | undefined; ;) {
      const { data } = await admin.ask('admin:sockets', { namespace: '/support', ...(cursor === undefined ? {} : { cursor }) });
      found.push(...data.sockets.map(({ id }: { id: string }) => id));
      pages.push(data.sockets.length);
      if (data.nextCursor === null) break;
      cursor = data.nextCursor;
    }
    expect(pages).toEqual([100, 20]);
    expect(found.toSorted()).toEqual(crowd.map(({ socket }) => socket.id).toSorted());
    // All its keys may be left out, so it needs no payload.
    const whole: unknown = await admin.socket.timeout(5_000).emitWithAck('admin:sockets');
    expect(whole).toMatchObject({ data: { sockets: { length: 100 }, nextCursor: expect.any(String) } });
    expect((await admin.ask('admin:sockets', { cursor: 'of nobody' })).error).toMatchObject({
      code: 'INVALID_DATA',
      event: 'admin:sockets',
      details: { field: 'cursor' },
    });
  });

  test('`admin:disconnect` of one socket leaves the user’s others; who is not there is NOT_FOUND', async () => {
    const admin = await adminClient(server(), await makeAdmin(server()));
    const [amal] = await makeUsers(server(), 'amal');
    const [one, other] = [await v2Client(server(), amal), await v2Client(server(), amal)];
    const socketId = one.socket.id!;
    expect(await admin.ask('admin:disconnect', { socketId, reason: 'this one' })).toEqual({
      data: { userId: amal, disconnected: 1, blockedUntil: null },
    });
    expect(await one.next('disconnect')).toBe('io server disconnect');
    expect(await other.ask('ping')).toEqual({ status: 'ok' });
    for (const nobody of [{ socketId }, { userId: freshId('nobody') }])
      expect((await admin.ask('admin:disconnect', { ...nobody, reason: 'x' })).error).toMatchObject({ code: 'NOT_FOUND' });
    for (const unclear of [{}, { userId: amal, socketId: 'x' }])
      expect((await admin.ask('admin:disconnect', { ...unclear, reason: 'x' })).error).toMatchObject({
        code: 'INVALID_DATA',
        details: { field: 'userId' },
      });
    // By the socket its user is kept out, and the others go as well.
    const { data } = await admin.ask('admin:disconnect', { socketId: other.socket.id, reason: 'x', blockForS: 60 });
    expect(data).toEqual({ userId: amal, disconnected: 1, blockedUntil: isTime });
  });

  test('"No inbound event with a callback is ever left unanswered": not to who disconnects oneself either; nobody locks oneself out', async () => {
    const adminId = await makeAdmin(server());
    const [admin, other] = [await adminClient(server(), adminId), await v2Client(server(), adminId)];
    const own = { userId: adminId, reason: 'a lost phone' };
    expect((await admin.ask('admin:disconnect', { ...own, blockForS: 60 })).error).toMatchObject({
      code: 'INVALID_DATA',
      details: { field: 'blockForS' },
    });
    expect(await admin.ask('admin:disconnect', own)).toEqual({ data: { userId: adminId, disconnected: 1, blockedUntil: null } });
    expect(await other.next('disconnect')).toBe('io server disconnect');
    expect(await admin.ask('admin:disconnect', { socketId: admin.socket.id, reason: 'x' })).toMatchObject({ data: { disconnected: 0 } });
  });

  test('`admin:announce {message, namespaces?, userIds?}` → `announcement`: to everybody, or to these', async () => {
    const admin = await adminClient(server(), await makeAdmin(server()));
    const staff = freshId('staff');
    await server().createUser(staff, { role: 'employee' });
    const token = server().token(staff);
    const root = await connected(server().url, '/', { token });
    const batched = client(server().url, '/', { auth: { token, batch: true } });
    await batched.next('batch');
    const support = await connected(server().url, '/support', { token });
    const [amal] = await makeUsers(server(), 'amal');
    const other = await v2Client(server(), amal);
    const feed = await following(server(), staff);

    for (const payload of [
      { message: 'to all' },
      { message: 'to support', namespaces: ['/support'] },
      { message: 'to Amal', userIds: [amal, freshId('nobody')] },
      { message: 'to staff on /', userIds: [staff], namespaces: ['/'] },
    ])
      expect((await admin.ask('admin:announce', payload)).data.message).toBe(payload.message);
    await caughtUp(root, support, other, admin);
    await feed.barrier();
    const heard = (one: { of(event: string): { message: string }[] }) => one.of('announcement').map(({ message }) => message);
    expect(heard(root)).toEqual(['to all', 'to staff on /']);
    expect(heard(support)).toEqual(['to all', 'to support']);
    expect(heard(other)).toEqual(['to all', 'to Amal']);
    expect(heard(admin)).toEqual(['to all']);
    expect(root.of('announcement')[0]).toEqual({ message: 'to all', timestamp: isTime });
    expect(feed.all.filter(({ event }) => event === 'announcement')).toEqual([]);
    await batched.next('batch', (events) => JSON.stringify(events).includes('to staff on /'));
    expect((await admin.ask('admin:announce', { message: 'x', namespaces: ['/nowhere'] })).error).toMatchObject({ code: 'INVALID_DATA' });
  });

  test('`admin:rate-limit {userId}` shows what a user has used', async () => {
    const admin = await adminClient(server(), await makeAdmin(server()));
    const [amal, bashir] = await makeUsers(server(), 'amal', 'bashir');
    const chat = await makeDirect(server(), amal, bashir);
    const one = await v2Client(server(), amal);
    const { data: before } = await admin.ask('admin:rate-limit', { userId: amal });
    for (let i = 0; i < 3; i++) await say(one, chat.id, 'x');
    const { data: after } = await admin.ask('admin:rate-limit', { userId: amal });
    expect(after).toMatchObject({ userId: amal, windowMs: 60_000, budgets: { write: { limit: 1_000_000, retryAfterMs: 0 } } });
    expect(after.budgets.write.used - before.budgets.write.used).toBe(3);
    expect((await admin.ask('admin:rate-limit', { userId: freshId('nobody') })).data.budgets.ping).toEqual({
      limit: 60,
      used: 0,
      retryAfterMs: 0,
    });
  });
});

describe('a user who is kept out', () => {
  test('and becomes staff belongs to the staff, whose events come as soon as the time is over', async () => {
    const server = await startServer();
    const staff = server.app.get(StaffDirectory);
    const user = freshId('blocked');
    await server.createUser(user);
    const admin = await adminClient(server, await makeAdmin(server));
    await admin.ask('admin:disconnect', { userId: user, reason: 'x', blockForS: 3600 });
    await staff.load();
    await server.createUser(user, { role: 'employee' });
    await staff.load();
    expect(staff.known()).toContain(user);
    expect(await staff.has(user)).toBe(false);
    admin.close();
    await server.stop();
  });

  test('is kept out after a restart, and until the time has come', async () => {
    const first = await startServer();
    const user = freshId('blocked');
    await first.createUser(user);
    const admin = await adminClient(first, await makeAdmin(first));
    await admin.ask('admin:disconnect', { userId: user, reason: 'x', blockForS: 2 });
    const until = Date.now() + 2_000;
    admin.close();
    await first.app.close();
    const second = await startServer({ DATA_DIR: first.settings.DATA_DIR });
    const refused = await second.api('GET', '/api/v2/me', { as: user });
    // A start that takes longer proves nothing here, and fails nothing.
    if (Date.now() < until) expect(refused.status).toBe(401);
    await expect.poll(async () => (await second.api('GET', '/api/v2/me', { as: user })).status, { timeout: 8_000 }).toBe(200);
    expect(Date.now()).toBeGreaterThanOrEqual(until - 1_000);
    await second.stop();
    await first.stop();
  });
});
