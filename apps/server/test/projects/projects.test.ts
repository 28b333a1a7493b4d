import { ERRORS } from '@majlis/contract';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StoreUnavailable } from '../../src/storage/storage.ts';
import { ProjectsService } from '../../src/features/projects/projects.service.ts';
import { caughtUp, heardSince, makeCrowd, makeUsers, ok, onServers, TIME, UUID_V7, v2Client } from '../support/chats.ts';
import { client, type Client } from '../support/sockets.ts';
import { addMember, createProject, getProject, inRoom, join, makeProject, projectClient, removeMember } from './projects.ts';

const updates = (one: Client) => one.of('project:update');
const versions = (one: Client) => updates(one).map(({ version }) => version);
const people = (one: Client) =>
  one.all.filter(({ event }) => event === 'user:joined' || event === 'user:left').map(({ event, data }) => [event, data.userId]);
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

onServers('`/projects`', (server) => {
  const set = (one: Client, projectId: string, status: string) => one.ask('project:statusUpdate', { projectId, status });

  describe('rooms', () => {
    test('`project:join {projectId}` → members and administrators only: `project:joined {projectId}` to the socket; otherwise `FORBIDDEN`', async () => {
      const { owner, member, admin, stranger, id } = await makeProject(server());
      for (const user of [owner, member, admin]) {
        const one = await projectClient(server(), user);
        one.tell('project:join', { projectId: id });
        expect(await one.next('project:joined')).toEqual({ projectId: id });
      }
      const one = await projectClient(server(), stranger);
      const refusal = (code: string) => ({
        error: { code, message: expect.any(String), timestamp: expect.stringMatching(TIME), event: 'project:join' },
      });
      expect(await one.ask('project:join', { projectId: id })).toEqual(refusal('FORBIDDEN'));
      for (const projectId of [uuidv7(), 'nonsense', '', `${id} `])
        expect(await one.ask('project:join', { projectId })).toMatchObject(refusal('NOT_FOUND'));
      one.tell('project:join', { projectId: id });
      expect(await one.next('error')).toMatchObject({ code: 'FORBIDDEN', message: ERRORS.FORBIDDEN.ar, event: 'project:join' });
      expect(one.of('project:joined')).toEqual([]);
    });

    test('`user:joined {userId, projectId}` to the others; `project:leave {projectId}`, and disconnecting → `user:left {userId, projectId}`', async () => {
      const { owner, member, admin, id } = await makeProject(server());
      const [owners] = await inRoom(server(), id, owner);
      const members = await projectClient(server(), member);
      expect(await members.ask('project:join', { projectId: id })).toEqual({ data: { projectId: id, userIds: [owner, member] } });
      expect(await owners.next('user:joined')).toEqual({ userId: member, projectId: id });
      expect(await members.ask('project:leave', { projectId: id })).toEqual({ data: { projectId: id } });
      expect(await owners.next('user:left')).toEqual({ userId: member, projectId: id });
      const [admins] = await inRoom(server(), id, admin);
      await owners.next('user:joined', ({ userId }) => userId === admin);
      admins.cut();
      await owners.next('user:left', ({ userId }) => userId === admin);
      await caughtUp(owners, members);
      expect(people(owners)).toEqual([
        ['user:joined', member],
        ['user:left', member],
        ['user:joined', admin],
        ['user:left', admin],
      ]);
      // Who left hears no more.
      await set(owners, id, 'review');
      await caughtUp(members);
      expect([updates(members), people(members)]).toEqual([[], []]);
    });

    test('a user comes with the first socket and goes with the last; joining twice is joining once', async () => {
      const { owner, member, id } = await makeProject(server());
      const [owners, phone, tablet] = await inRoom(server(), id, owner, member, member);
      await join(phone, id);
      phone.close();
      await owners.next('user:joined');
      await join(tablet, id);
      await set(owners, id, 'review');
      await tablet.next('project:update');
      expect(people(owners)).toEqual([['user:joined', member]]);
      tablet.close();
      await owners.next('user:left');
      await caughtUp(owners);
      expect(people(owners)).toEqual([
        ['user:joined', member],
        ['user:left', member],
      ]);
      expect(people(tablet)).toEqual([]);
    });

    test('rooms are apart: each hears of its own project only', async () => {
      const { owner, member, id } = await makeProject(server());
      const other = await createProject(server(), owner, member);
      const [owners, members] = await inRoom(server(), id, owner, member);
      await join(owners, other.id);
      await set(members, other.id, 'completed');
      await owners.next('project:update');
      await caughtUp(owners, members);
      expect(updates(owners).map(({ projectId }) => projectId)).toEqual([other.id]);
      expect([updates(members), people(members)]).toEqual([[], []]);
    });
  });

  describe('changes', () => {
    test("the document's project examples, as its client writes them: without acknowledgements, with `updatedBy`", async () => {
      const { owner, member, id: projectId } = await makeProject(server());
      const userId = 'whoever I say I am';
      const [other] = await inRoom(server(), projectId, owner);
      const socket = await projectClient(server(), member);
      socket.tell('project:join', { projectId });
      socket.tell('project:statusUpdate', { projectId, status: 'in_progress', updatedBy: userId });
      socket.tell('project:progress', { projectId, progress: 75, milestone: 'تصوير مكتمل' });
      socket.tell('project:comment', { projectId, comment: 'عمل رائع!', attachments: [] });
      await socket.next('project:joined');
      await Promise.all([socket.count('project:update', 3), other.count('project:update', 3)]);
      const what = { projectId, updatedBy: member, timestamp: expect.stringMatching(TIME) };
      expect(updates(other)).toEqual([
        { ...what, kind: 'status', status: 'in_progress', version: 2 },
        { ...what, kind: 'progress', progress: 75, milestone: 'تصوير مكتمل', version: 3 },
        { ...what, kind: 'comment', comment: 'عمل رائع!', attachments: [], version: 4 },
      ]);
      expect(updates(socket)).toEqual(updates(other));
      await caughtUp(socket, other);
      expect(other.of('activity')).toEqual(
        ['status_updated', 'progress_updated', 'commented'].map((action) => ({
          projectId,
          userId: member,
          userName: 'Member',
          action,
          timestamp: expect.stringMatching(TIME),
        })),
      );
      expect(socket.all.filter(({ event }) => event === 'activity' || event === 'error')).toEqual([]);
      for (const one of [socket, other]) for (const { arguments: count } of one.all) expect(count).toBe(1);
      expect(await getProject(server(), owner, projectId)).toMatchObject({
        status: 'in_progress',
        progress: 75,
        milestone: 'تصوير مكتمل',
        version: 4,
      });
    });

    test('the same on `/`, where its plain client lives, without the namespace: it speaks Depth from `project:join` on', async () => {
      const { owner, member, id: projectId } = await makeProject(server());
      const [other] = await inRoom(server(), projectId, owner);
      const socket = await v2Client(server(), member);
      socket.tell('project:join', { projectId });
      expect(await socket.next('project:joined')).toEqual({ projectId });
      await other.next('user:joined', ({ userId }) => userId === member);
      socket.tell('project:statusUpdate', { projectId, status: 'in_progress', updatedBy: 'me' });
      expect(await socket.ask('project:comment', { projectId, comment: 'عمل رائع!', attachments: [] })).toMatchObject({
        data: { version: 3 },
      });
      await set(other, projectId, 'review');
      await socket.next('activity');
      await Promise.all([socket, other].map((one) => one.count('project:update', 3)));
      expect(updates(socket)).toEqual(updates(other));
      const { streams } = await socket.ask('sync', { cursors: { [`project:${projectId}`]: 1 } });
      expect(streams[`project:${projectId}`]).toMatchObject({ version: 4, hasMore: false });
      expect(streams[`project:${projectId}`].events).toEqual(
        updates(socket).map((data) => ({ version: data.version, event: 'project:update', data })),
      );
      expect(await socket.ask('project:join', { projectId: 'x' })).toMatchObject({
        status: 'error',
        error: { code: 'NOT_FOUND', details: { field: 'projectId' } },
      });
      socket.close();
      await other.next('user:left');
    });

    test('a socket on `/` that speaks v2 knows nothing of projects', async () => {
      const { owner, member, id } = await makeProject(server());
      const [v2, other] = [await v2Client(server(), member), await projectClient(server(), owner)];
      const before = v2.all.length;
      await set(other, id, 'review');
      const { streams } = await v2.ask('sync', { cursors: { [`project:${id}`]: 0 } });
      expect([streams[`project:${id}`], Object.keys(streams)]).toMatchObject([{ error: { code: 'NOT_FOUND' } }, [`project:${id}`, 'user']]);
      expect(heardSince(v2, before)).toEqual([]);
    });

    test('`project:update` to everybody in the room, `activity` to everybody but the sender: the socket, not its user', async () => {
      const { owner, member, id } = await makeProject(server());
      const [owners, phone, tablet] = await inRoom(server(), id, owner, member, member);
      await set(phone, id, 'review');
      await Promise.all([owners, tablet].map((one) => one.next('activity')));
      await caughtUp(owners, phone, tablet);
      expect([owners, phone, tablet].map((one) => [updates(one).length, one.of('activity').length])).toEqual([
        [1, 1],
        [1, 0],
        [1, 1],
      ]);
    });

    test('Acknowledgement `{data}` or `{error}`. Project: `{id, name, status, progress, milestone, members, version}`; who is no member of the room may write', async () => {
      const { owner, member, id } = await makeProject(server());
      const one = await projectClient(server(), member);
      const { data } = await one.ask('project:progress', { projectId: id, progress: 12.5, milestone: 'script' });
      const joinedAt = expect.stringMatching(TIME);
      expect(data).toEqual({
        id,
        name: 'فيلم قصير',
        status: 'draft',
        progress: 12.5,
        milestone: 'script',
        members: [owner, member].toSorted().map((userId) => ({
          userId,
          name: userId === owner ? 'Owner' : 'Member',
          avatar: expect.any(String),
          joinedAt,
        })),
        version: 2,
      });
      expect((await one.ask('project:progress', { projectId: id, progress: 0 })).data).toMatchObject({ progress: 0, milestone: 'script' });
      expect((await one.ask('project:progress', { projectId: id, progress: 100, milestone: null })).data).toMatchObject({
        progress: 100,
        milestone: null,
      });
      const attachments = ['https://files.test/a.pdf', { url: 'https://files.test/b.png', name: 'b' }];
      expect((await one.ask('project:comment', { projectId: id, comment: '', attachments })).data).toEqual({
        id: expect.stringMatching(UUID_V7),
        projectId: id,
        userId: member,
        userName: 'Member',
        comment: '',
        attachments,
        createdAt: expect.stringMatching(TIME),
        version: 5,
      });
      expect(updates(one)).toEqual([]);
    });

    test.each<[string, string, object]>([
      ['status', 'project:statusUpdate', { status: 'lost' }],
      ['progress', 'project:progress', { progress: 101 }],
      ['progress', 'project:progress', { progress: -0.5 }],
      ['progress', 'project:progress', { progress: '75' }],
      ['milestone', 'project:progress', { progress: 1, milestone: 'x'.repeat(201) }],
      ['comment', 'project:comment', { comment: '' }],
      ['comment', 'project:comment', { comment: 'x'.repeat(4_097) }],
      ['attachments', 'project:comment', { comment: 'x', attachments: Array.from({ length: 21 }, () => 'https://files.test/a') }],
      ['attachments.0', 'project:comment', { comment: 'x', attachments: ['javascript:alert(1)'] }],
      ['attachments', 'project:comment', { comment: 'x', attachments: [`https://files.test/${'a'.repeat(17_000)}`] }],
    ])('what is wrong is refused, naming `%s` (%s)', async (field, event, payload) => {
      const { owner, id } = await makeProject(server());
      const [one] = await inRoom(server(), id, owner);
      const { error } = await one.ask(event, { projectId: id, ...payload });
      const tooLarge = JSON.stringify(payload).length > 4_096;
      expect(error).toMatchObject({ code: tooLarge ? 'MESSAGE_TOO_LARGE' : 'INVALID_DATA', event, details: { field } });
      await caughtUp(one);
      expect(updates(one)).toEqual([]);
    });

    test('100 updates at once: versions without gaps, in one order for everybody, each in the history', async () => {
      const { owner, member, id } = await makeProject(server());
      const clients = await inRoom(server(), id, owner, member, owner, member);
      const EVENTS = [
        () => ['project:statusUpdate', { status: 'review' }],
        (i: number) => ['project:progress', { progress: i }],
        (i: number) => ['project:comment', { comment: `${i}` }],
      ] as const;
      const acks = await Promise.all(
        upTo(1, 100).map((i) => {
          const [event, said] = EVENTS[i % EVENTS.length]!(i);
          return clients[i % clients.length]!.ask(event as string, { projectId: id, ...(said as object) });
        }),
      );
      expect(acks.map(({ data }) => data.version).toSorted((a, b) => a - b)).toEqual(upTo(2, 101));
      for (const one of clients) {
        await one.count('project:update', 100);
        expect(versions(one)).toEqual(upTo(2, 101));
        expect(updates(one)).toEqual(updates(clients[0]));
        await one.count('activity', 75);
      }
      const { data } = ok(await server().api('GET', `/api/v2/projects/${id}/activity?limit=200`, { as: member }));
      expect(data.map(({ version }: { version: number }) => version)).toEqual(upTo(1, 101).toReversed());
    });
  });

  describe('who may', () => {
    test('strangers get nothing by any event or route', async () => {
      const { owner, stranger, id } = await makeProject(server());
      const [owners] = await inRoom(server(), id, owner);
      const one = await projectClient(server(), stranger);
      const events: [string, object][] = [
        ['project:join', {}],
        ['project:leave', {}],
        ['project:statusUpdate', { status: 'cancelled' }],
        ['project:progress', { progress: 1 }],
        ['project:comment', { comment: 'let me in' }],
      ];
      for (const [event, said] of events) {
        expect(await one.ask(event, { projectId: id, ...said }), event).toMatchObject({ error: { code: 'FORBIDDEN' } });
        expect(await one.ask(event, { projectId: uuidv7(), ...said }), event).toMatchObject({ error: { code: 'NOT_FOUND' } });
      }
      const routes: [string, string, object?][] = [
        ['GET', ''],
        ['GET', '/activity'],
        ['POST', '/members', { user_ids: [stranger] }],
        ['DELETE', '/members', { user_ids: [owner] }],
        ['DELETE', '/members', { user_ids: [stranger] }],
        ['DELETE', `/members/${owner}`],
        ['DELETE', `/members/${stranger}`],
        ['POST', '/status', { status: 'cancelled' }],
        ['POST', '/progress', { progress: 1 }],
        ['POST', '/comments', { comment: 'let me in' }],
      ];
      for (const [method, path, body] of routes) {
        const ask = (projectId: string) => server().api(method, `/api/v2/projects/${projectId}${path}`, { as: stranger, body });
        expect(await ask(id), `${method} ${path}`).toMatchObject({ status: 403, body: { code: 'FORBIDDEN', detail: 'Access denied' } });
        expect(await ask(uuidv7()), `${method} ${path}`).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
        expect(await ask('x'), `${method} ${path}`).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
      }
      expect(ok(await server().api('GET', '/api/v2/projects', { as: stranger })).data).toEqual([]);
      const { streams } = await one.ask('sync', { cursors: { [`project:${id}`]: 0, [`project:${uuidv7()}`]: 0, 'project:': 0 } });
      expect(Object.values(streams)).toMatchObject([
        { error: { code: 'FORBIDDEN' } },
        { error: { code: 'NOT_FOUND' } },
        { error: { code: 'NOT_FOUND' } },
      ]);
      await set(owners, id, 'review');
      await caughtUp(one, owners);
      expect(one.all.filter(({ event }) => !['connect', 'connected', 'pong'].includes(event))).toEqual([]);
      expect(versions(owners)).toEqual([2]);
      expect(people(owners)).toEqual([]);
    });

    test('removal of a member takes effect on connected sockets at once, whatever they are doing', async () => {
      const { owner, member, id } = await makeProject(server());
      const [owners, phone, tablet] = await inRoom(server(), id, owner, member, member);
      expect((await removeMember(server(), owner, id, member)).status).toBe(204);
      await set(owners, id, 'review');
      await caughtUp(owners, phone, tablet);
      expect(updates(owners).map(({ kind }) => kind)).toEqual(['members', 'status']);
      expect(updates(owners)[0].members.map(({ userId }: { userId: string }) => userId)).toEqual([owner]);
      expect(people(owners)).toEqual([
        ['user:joined', member],
        ['user:left', member],
      ]);
      for (const one of [phone, tablet]) {
        // It is told that it is out, and nothing else.
        expect(one.of('user:left')).toEqual([{ userId: member, projectId: id }]);
        expect([updates(one), one.of('activity')]).toEqual([[], []]);
        expect(await set(one, id, 'draft')).toMatchObject({ error: { code: 'FORBIDDEN' } });
        expect(await one.ask('project:join', { projectId: id })).toMatchObject({ error: { code: 'FORBIDDEN' } });
        expect((await one.ask('sync', { cursors: { [`project:${id}`]: 1 } })).streams[`project:${id}`]).toMatchObject({
          error: { code: 'FORBIDDEN' },
        });
      }
      // Back in, it sees what it missed.
      expect((await addMember(server(), owner, id, member)).status).toBe(201);
      await join(phone, id);
      const { events } = (await phone.ask('sync', { cursors: { [`project:${id}`]: 1 } })).streams[`project:${id}`];
      expect(events.map(({ data }: { data: { kind: string } }) => data.kind)).toEqual(['members', 'status', 'members']);
    });

    test('who is removed between the look at the members and the joining is not in the room', async () => {
      const { owner, member, id } = await makeProject(server());
      const projects = server().app.get(ProjectsService, { strict: false });
      const [looked, removed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const authorize = projects.authorize.bind(projects);
      onTestFinished(() => void Object.assign(projects, { authorize }));
      Object.assign(projects, {
        authorize: async (...asked: Parameters<typeof authorize>) => {
          await authorize(...asked);
          looked.resolve();
          await removed.promise;
        },
      });
      const [owners, members] = await Promise.all([projectClient(server(), owner), projectClient(server(), member)]);
      const joining = members.ask('project:join', { projectId: id });
      await looked.promise;
      ok(await removeMember(server(), owner, id, member));
      removed.resolve();
      expect(await joining).toMatchObject({ error: { code: 'FORBIDDEN' } });
      await set(owners, id, 'review');
      await caughtUp(members);
      expect([updates(members), members.of('project:joined')]).toEqual([[], []]);
    });

    test('who is in a room stays in it while the store cannot say whether they may', async () => {
      const { owner, member, id } = await makeProject(server());
      const [owners, members] = await inRoom(server(), id, owner, member);
      const projects = server().app.get(ProjectsService, { strict: false });
      const authorize = projects.authorize.bind(projects);
      onTestFinished(() => void Object.assign(projects, { authorize }));
      const asked = Promise.withResolvers<void>();
      let away = true;
      Object.assign(projects, {
        authorize: async (...question: Parameters<typeof authorize>) => {
          asked.resolve();
          if (away) throw new StoreUnavailable();
          return authorize(...question);
        },
      });
      await server().createUser(member, { name: 'Renamed' });
      await asked.promise;
      await set(owners, id, 'review');
      away = false;
      await members.next('project:update');
      await caughtUp(owners, members);
      expect(people(owners)).toEqual([['user:joined', member]]);
      expect(people(members)).toEqual([]);
    });

    test('an administrator who is one no longer is out of the rooms of others’ projects', async () => {
      const { owner, admin, id } = await makeProject(server());
      const [owners, admins] = await inRoom(server(), id, owner, admin);
      ok(await server().api('POST', `/api/v2/projects/${id}/status`, { as: admin, body: { status: 'review' } }));
      await admins.next('project:update');
      await server().createUser(admin, { role: 'manager' });
      await owners.next('user:left');
      await set(owners, id, 'completed');
      await caughtUp(admins);
      expect(updates(admins).map(({ status }) => status)).toEqual(['review']);
      expect(await set(admins, id, 'draft')).toMatchObject({ error: { code: 'FORBIDDEN' } });
    });

    test('an administrator who is a member stays in the room when no longer a member', async () => {
      const { owner, admin, id } = await makeProject(server());
      ok(await addMember(server(), owner, id, admin));
      const [, admins] = await inRoom(server(), id, owner, admin);
      ok(await removeMember(server(), owner, id, admin));
      await admins.next('project:update', ({ kind, version }) => kind === 'members' && version === 3);
    });
  });

  describe('catching up', () => {
    const pageOf = async (one: Client, id: string, version: number) =>
      (await one.ask('sync', { cursors: { [`project:${id}`]: version } })).streams[`project:${id}`];

    test('`sync` gives the very events that a socket in the room had live, payload for payload; the rest come with their version', async () => {
      const { owner, member, stranger, id } = await makeProject(server());
      const other = await createProject(server(), owner);
      const [owners, members] = await inRoom(server(), id, owner, member);
      await set(owners, id, 'in_progress');
      await members.ask('project:progress', { projectId: id, progress: 75, milestone: 'تصوير مكتمل' });
      await members.ask('project:comment', { projectId: id, comment: '😀 عمل رائع!', attachments: ['https://files.test/a'] });
      ok(await addMember(server(), owner, id, stranger));
      ok(await removeMember(server(), owner, id, stranger));
      await owners.count('project:update', 5);
      const page = await pageOf(owners, id, 1);
      expect(page.events).toEqual(updates(owners).map((data) => ({ version: data.version, event: 'project:update', data })));
      expect(page).toMatchObject({ version: 6, hasMore: false, reset: false, receipts: null });
      // From the beginning, with its making.
      const [first] = (await pageOf(owners, id, 0)).events;
      expect(first).toMatchObject({ version: 1, event: 'project:update', data: { kind: 'members', updatedBy: owner, version: 1 } });
      expect(first.data.members.map(({ userId }: { userId: string }) => userId)).toEqual([owner, member].toSorted());
      const { streams } = await owners.ask('sync', { cursors: {} });
      expect(streams).toEqual({
        [`project:${id}`]: { events: [], version: 6, hasMore: false, reset: false, receipts: null },
        [`project:${other.id}`]: { events: [], version: 1, hasMore: false, reset: false, receipts: null },
      });
      expect((await getProject(server(), owner, id)).version).toBe(6);
    });

    test('a client that was away misses nothing and hears nothing twice', async () => {
      const { owner, member, id } = await makeProject(server());
      const [owners, before] = await inRoom(server(), id, owner, member);
      await set(owners, id, 'review');
      await before.next('project:update');
      before.cut();
      for (const status of ['completed', 'cancelled']) await set(owners, id, status);
      const again = await projectClient(server(), member);
      const writing = Promise.all(upTo(1, 20).map((i) => owners.ask('project:progress', { projectId: id, progress: i })));
      await join(again, id);
      const { events } = await pageOf(again, id, 2);
      await writing;
      await owners.count('project:update', 23);
      const synced = events.map(({ version }: { version: number }) => version);
      await again.until(() => (new Set([...synced, ...versions(again)]).size >= 22 ? true : undefined));
      expect([...new Set([...synced, ...versions(again)])].toSorted((a, b) => a - b)).toEqual(upTo(3, 24));
      for (const data of updates(again)) expect(data).toEqual(updates(owners).find(({ version }) => version === data.version));
    });
  });

  test('what an erased person wrote is gone, from the log as well; the others read on', async () => {
    const { owner, member, id } = await makeProject(server());
    const [owners, members] = await inRoom(server(), id, owner, member);
    await members.ask('project:comment', { projectId: id, comment: 'a secret', attachments: ['https://files.test/secret'] });
    await owners.ask('project:comment', { projectId: id, comment: 'kept' });
    await owners.count('project:update', 2);
    ok(await server().api('DELETE', `/api/v2/users/${member}`, { key: true }));
    expect(await owners.next('project:update', ({ kind }) => kind === 'members')).toMatchObject({
      version: 4,
      updatedBy: member,
      members: [{ userId: owner }],
    });
    const { data } = ok(await server().api('GET', `/api/v2/projects/${id}/activity`, { as: owner }));
    expect(data.find(({ version }: { version: number }) => version === 2)).toMatchObject({
      user_id: member,
      user_name: '',
      comment: '',
      attachments: [],
    });
    expect(data.find(({ version }: { version: number }) => version === 3)).toMatchObject({ user_name: 'Owner', comment: 'kept' });
    expect((await owners.ask('sync', { cursors: { [`project:${id}`]: 1 } })).streams[`project:${id}`]).toMatchObject({
      reset: true,
      version: 4,
    });
    const { events } = (await owners.ask('sync', { cursors: { [`project:${id}`]: 3 } })).streams[`project:${id}`];
    expect(events).toMatchObject([{ version: 4, data: { kind: 'members' } }]);
    expect(JSON.stringify([data, events, await getProject(server(), owner, id)])).not.toMatch(/secret|"Member"/);
  });

  test('the greeting, `ping` → `pong`, `auth:refresh` → `{status, expiresAt}`, and one’s own language', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    const one = await projectClient(server(), amal);
    expect(one.of('connected')).toEqual([{ userId: amal, socketId: one.socket.id }]);
    one.tell('ping');
    expect(await one.next('pong')).toEqual({ timestamp: expect.stringMatching(TIME) });
    const expiresAt = '2096-10-02T07:06:40.000Z';
    expect(await one.ask('auth:refresh', { token: server().token(amal, { exp: 4_000_000_000 }) })).toEqual({ status: 'ok', expiresAt });
    expect(await one.ask('project:join')).toMatchObject({ error: { code: 'INVALID_DATA', message: 'بيانات غير صالحة' } });
    expect(await one.ask('project:unknown', {})).toMatchObject({ error: { code: 'UNKNOWN_EVENT' } });
  });

  test('a token in the header, polling first, in a batch, and without a token on an authenticated connection', async () => {
    const { owner, member, id } = await makeProject(server());
    const authorization = `Bearer ${server().token(member)}`;
    const polling = client(server().url, '/projects', { extraHeaders: { authorization }, transports: ['polling'] });
    const batched = client(server().url, '/projects', { auth: { token: server().token(member), batch: true } });
    const [owners] = await inRoom(server(), id, owner);
    await polling.next('connected');
    await batched.next('batch');
    await Promise.all([join(polling, id), join(batched, id)]);
    await set(owners, id, 'review');
    await polling.next('project:update');
    await batched.next('batch', (items) => items.some(({ event }: { event: string }) => event === 'project:update'));
    await batched.next('batch', (items) => items.some(({ event }: { event: string }) => event === 'activity'));
  });

  test('a full room: everybody hears each change once', async () => {
    const crowd = await makeCrowd(server(), 60);
    const [owner, ...others] = crowd as [string, ...string[]];
    const project = await createProject(server(), owner, ...others);
    const clients = await inRoom(server(), project.id, ...crowd);
    await Promise.all(upTo(1, 10).map((i) => clients[i]!.ask('project:comment', { projectId: project.id, comment: `${i}` })));
    for (const one of clients) {
      await one.count('project:update', 10);
      expect(versions(one)).toEqual(upTo(2, 11));
    }
  });
});
