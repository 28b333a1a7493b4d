/** The Depth document's client in `/projects`, `/notifications` and on `/`, word for word where it emits: without callbacks. */
import { expect, test } from 'vitest';
import { caughtUp, makeUsers, ok, onServer, TIME, UUID_V7 } from '../support/chats.ts';
import { client, connected, type Client } from '../support/sockets.ts';
import { createProject, inRoom } from '../projects/projects.ts';

onServer('the Depth document', (server) => {
  const notify = async (userId: string, title: string) =>
    ok(
      await server().api('POST', '/api/v2/notifications', {
        key: true,
        body: { user_id: userId, type: 'mention', title, data: { post_id: 'p1' } },
      }),
    ).id as string;
  const socketOf = (userId: string, namespace: string) => connected(server().url, namespace, { token: server().token(userId) });
  const titles = (one: Client) => one.of('notification:new').map(({ title }) => title);

  test.each(['/', '/notifications'])('its notification events on %s: subscribe, receive, read, unsubscribe', async (namespace) => {
    const [userId] = await makeUsers(server(), 'Amal');
    const [socket, other] = [await socketOf(userId, namespace), await socketOf(userId, '/notifications')];
    socket.tell('notifications:subscribe', { userId });
    await caughtUp(socket);
    const notificationId = await notify(userId, 'first');
    expect(await socket.next('notification:new')).toEqual({
      id: expect.stringMatching(UUID_V7),
      type: 'mention',
      title: 'first',
      body: '',
      data: { post_id: 'p1' },
      createdAt: expect.stringMatching(TIME),
      isRead: false,
      version: 1,
    });
    socket.tell('notification:read', { notificationId });
    const read = { notificationId, isRead: true, readAt: expect.stringMatching(TIME), version: 2 };
    expect(await other.next('notification:read')).toEqual(read);
    socket.tell('notifications:unsubscribe', { userId });
    await caughtUp(socket);
    await notify(userId, 'second');
    await other.next('notification:new', ({ title }) => title === 'second');
    await caughtUp(socket);
    expect(titles(socket)).toEqual(['first']);
    // And again from here on.
    socket.tell('notifications:subscribe', { userId });
    await caughtUp(socket);
    await notify(userId, 'third');
    await socket.next('notification:new', ({ title }) => title === 'third');
    expect(titles(socket)).toEqual(['first', 'third']);
    expect(socket.of('error')).toEqual([]);
  });

  test.each(['/', '/notifications'])(
    "another's notifications on %s: FORBIDDEN; an administrator's to ask for, as long as he is one",
    async (namespace) => {
      const [amal, bashir, root] = await makeUsers(server(), 'Amal', 'Bashir', 'Root');
      await server().createUser(root, { role: 'admin' });
      const [bashirs, roots] = [await socketOf(bashir, namespace), await socketOf(root, namespace)];
      for (const event of ['notifications:subscribe', 'notifications:unsubscribe']) {
        bashirs.tell(event, { userId: amal });
        await bashirs.next('error', (error) => error.event === event && error.code === 'FORBIDDEN');
      }
      expect(await roots.ask('notifications:subscribe', { userId: amal })).toEqual({ data: { userId: amal } });
      await notify(amal, 'one');
      await roots.next('notification:new', ({ title }) => title === 'one');
      await server().createUser(root, { role: 'manager' });
      await expect.poll(async () => (await roots.ask('notifications:subscribe', { userId: amal })).error?.code).toBe('FORBIDDEN');
      await notify(amal, 'two');
      await caughtUp(bashirs, roots);
      expect([titles(bashirs), titles(roots)]).toEqual([[], ['one']]);
    },
  );

  test.each(['/', '/projects'])(
    'after a reconnection `rejoinRooms()` on %s: the room is as it was, and `sync` has what was missed',
    async (namespace) => {
      const [owner, member] = await makeUsers(server(), 'Owner', 'Member');
      const { id: projectId } = await createProject(server(), owner, member);
      const [owners] = await inRoom(server(), projectId, owner);
      const socket = client(server().url, namespace, {
        token: server().token(member),
        reconnection: true,
        reconnectionDelay: 10,
        reconnectionDelayMax: 20,
        reconnectionAttempts: 5,
      });
      const rejoinRooms = () => socket.tell('project:join', { projectId });
      socket.socket.io.on('reconnect', rejoinRooms);
      await socket.next('connected');
      rejoinRooms();
      await socket.count('project:joined', 1);
      const set = (status: string) => owners.ask('project:statusUpdate', { projectId, status, updatedBy: owner });
      await set('in_progress');
      await socket.count('project:update', 1);
      socket.cut();
      await owners.next('user:left', ({ userId }) => userId === member);
      await set('review');
      await socket.count('project:joined', 2);
      await set('completed');
      await socket.next('project:update', ({ status }) => status === 'completed');
      const { streams } = await socket.ask('sync', { cursors: { [`project:${projectId}`]: 2 } });
      expect(streams[`project:${projectId}`].events.map(({ data }: { data: object }) => data)).toEqual(
        owners.of('project:update').slice(1),
      );
      expect(owners.all.filter(({ event }) => event.startsWith('user:')).map(({ event }) => event)).toEqual([
        'user:joined',
        'user:left',
        'user:joined',
      ]);
    },
  );
});
