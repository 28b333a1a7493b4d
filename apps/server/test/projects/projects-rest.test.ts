import { expect, test } from 'vitest';
import { caughtUp, makeUsers, ok, onServer, onServers, TIME, UUID_V7 } from '../support/chats.ts';
import { addMember, createProject, getProject, inRoom, makeProject, projectClient, removeMember } from './projects.ts';

onServers('projects by REST `/api/v2`', (server) => {
  const api = (...args: Parameters<ReturnType<typeof server>['api']>) => server().api(...args);
  const at = (id: string, path: string) => `/api/v2/projects/${id}${path}`;

  test('`POST /projects {name, member_ids}`: 201 and the project, with the caller as a member', async () => {
    const [owner, member] = await makeUsers(server(), 'Owner', 'Member');
    const { status, body } = await api('POST', '/api/v2/projects', {
      as: owner,
      body: { name: 'Film', member_ids: [member, owner, member] },
    });
    expect(status).toBe(201);
    const one = (user_id: string, name: string) => ({
      user_id,
      name,
      avatar: `https://avatars.test/${name}.jpg`,
      joined_at: body.created_at,
    });
    expect(body).toEqual({
      id: expect.stringMatching(UUID_V7),
      name: 'Film',
      status: 'draft',
      progress: 0,
      milestone: null,
      members: [one(owner, 'Owner'), one(member, 'Member')].toSorted((a, b) => (a.user_id < b.user_id ? -1 : 1)),
      created_by: owner,
      created_at: expect.stringMatching(TIME),
      updated_at: body.created_at,
      version: 1,
    });
    expect(await getProject(server(), member, body.id)).toEqual(body);
    expect((await createProject(server(), owner)).members.map(({ user_id }) => user_id)).toEqual([owner]);
    const wrong: [string, string, unknown][] = [
      ['INVALID_DATA', 'name', { member_ids: [] }],
      ['INVALID_DATA', 'name', { name: '', member_ids: [] }],
      ['INVALID_DATA', 'name', { name: 'x'.repeat(201) }],
      ['INVALID_DATA', 'member_ids', { name: 'x', member_ids: 'all' }],
      ['INVALID_DATA', 'member_ids', { name: 'x', member_ids: Array.from({ length: 501 }, (_, i) => `${i}`) }],
      ['NOT_FOUND', 'member_ids', { name: 'x', member_ids: [member, 'nobody of this name'] }],
    ];
    for (const [code, field, draft] of wrong)
      expect((await api('POST', '/api/v2/projects', { as: owner, body: draft })).body).toMatchObject({ code, details: { field } });
    expect((await api('POST', '/api/v2/projects', { body: { name: 'x' } })).status).toBe(401);
  });

  test('the backend acts for a user with its key, and may what an administrator may', async () => {
    const { owner, stranger, id } = await makeProject(server());
    const made = await api('POST', '/api/v2/projects', { key: true, onBehalfOf: owner, body: { name: 'x' } });
    expect([made.status, made.body.created_by]).toEqual([201, owner]);
    expect((await api('POST', '/api/v2/projects', { key: true, body: { name: 'x' } })).body.code).toBe('INVALID_DATA');
    expect((await api('POST', at(id, '/status'), { key: true, onBehalfOf: stranger, body: { status: 'review' } })).status).toBe(200);
  });

  test("`GET /projects`: one's own, the latest change first, page by page", async () => {
    const [owner, member] = await makeUsers(server(), 'Owner', 'Member');
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.unshift((await createProject(server(), owner, member)).id);
    await createProject(server(), owner);
    const moved = ids.pop()!;
    ok(await api('POST', at(moved, '/progress'), { as: member, body: { progress: 1 } }));
    ids.unshift(moved);
    const seen: string[] = [];
    let cursor = '';
    do {
      const { data, next_cursor } = ok(await api('GET', `/api/v2/projects?limit=2${cursor && `&cursor=${cursor}`}`, { as: member }));
      seen.push(...data.map((project: { id: string }) => project.id));
      cursor = next_cursor;
    } while (cursor);
    expect(seen).toEqual(ids);
    for (const query of ['cursor=nonsense', 'limit=0', 'limit=201'])
      expect((await api('GET', `/api/v2/projects?${query}`, { as: member })).body, query).toMatchObject({ code: 'INVALID_DATA' });
  });

  test('`POST /projects/:id/status|progress|comments`: the same as by socket, and the room hears it, the author’s own sockets too', async () => {
    const { owner, member, id } = await makeProject(server());
    const [owners, members] = await inRoom(server(), id, owner, member);
    const post = (path: string, body: object) => api('POST', at(id, path), { as: member, body });
    const status = await post('/status', { status: 'in_progress', updatedBy: owner });
    const progress = await post('/progress', { progress: 33, milestone: 'script' });
    const comment = await post('/comments', { comment: 'well done', attachments: ['https://files.test/a'] });
    expect([status, progress, comment].map((answer) => [answer.status, answer.body.version])).toEqual([
      [200, 2],
      [200, 3],
      [201, 4],
    ]);
    expect(status.body).toMatchObject({ id, status: 'in_progress', progress: 0 });
    expect(progress.body).toEqual(
      await getProject(server(), owner, id).then((project) => ({ ...project, version: 3, updated_at: progress.body.updated_at })),
    );
    expect(comment.body).toEqual({
      id: expect.stringMatching(UUID_V7),
      project_id: id,
      user_id: member,
      user_name: 'Member',
      comment: 'well done',
      attachments: ['https://files.test/a'],
      created_at: expect.stringMatching(TIME),
      version: 4,
    });
    await caughtUp(owners, members);
    for (const one of [owners, members]) {
      expect(one.of('project:update').map(({ kind, updatedBy }) => [kind, updatedBy])).toEqual([
        ['status', member],
        ['progress', member],
        ['comment', member],
      ]);
      expect(one.of('activity')).toHaveLength(3);
    }
    expect((await post('/comments', { comment: 'x'.repeat(4_097) })).status).toBe(413);
    for (const [path, field, body] of [
      ['/status', 'status', {}],
      ['/progress', 'progress', { progress: 100.5 }],
      ['/comments', 'comment', { comment: '', attachments: [] }],
    ] as const)
      expect((await post(path, body)).body).toMatchObject({ code: 'INVALID_DATA', details: { field } });
  });

  test('`GET /projects/:id/activity`: what happened, comments with their attachments, the latest first, page by page', async () => {
    const { owner, member, stranger, id } = await makeProject(server());
    ok(await api('POST', at(id, '/status'), { as: member, body: { status: 'review' } }));
    ok(await api('POST', at(id, '/progress'), { as: member, body: { progress: 50, milestone: 'half' } }));
    const comment = ok(
      await api('POST', at(id, '/comments'), {
        as: owner,
        body: { comment: 'go on', attachments: [{ url: 'https://files.test/a', size: 3 }] },
      }),
    );
    ok(await addMember(server(), owner, id, stranger));
    ok(await removeMember(server(), stranger, id, stranger));
    const nothing = { status: null, progress: null, milestone: null, comment: null, attachments: null, member_ids: null };
    const what = (version: number, user_id: string, user_name: string, action: string, more: object) => ({
      id: expect.stringMatching(UUID_V7),
      project_id: id,
      version,
      user_id,
      user_name,
      action,
      timestamp: expect.stringMatching(TIME),
      ...nothing,
      ...more,
    });
    const all = [
      what(6, stranger, 'Stranger', 'members_removed', { member_ids: [stranger] }),
      what(5, owner, 'Owner', 'members_added', { member_ids: [stranger] }),
      what(4, owner, 'Owner', 'commented', { id: comment.id, comment: 'go on', attachments: [{ url: 'https://files.test/a', size: 3 }] }),
      what(3, member, 'Member', 'progress_updated', { progress: 50, milestone: 'half' }),
      what(2, member, 'Member', 'status_updated', { status: 'review' }),
      what(1, owner, 'Owner', 'created', { member_ids: [owner, member] }),
    ];
    const first = ok(await api('GET', at(id, '/activity?limit=4'), { as: member }));
    const second = ok(await api('GET', at(id, `/activity?limit=4&cursor=${first.next_cursor}`), { as: member }));
    expect([...first.data, ...second.data]).toEqual(all);
    expect(second.next_cursor).toBeNull();
  });

  test('`POST`/`DELETE /projects/:id/members`: who made the project and administrators; anyone leaves; 201, 200 for a repeat, 204', async () => {
    const { owner, member, stranger, admin, id } = await makeProject(server());
    const [owners] = await inRoom(server(), id, owner);
    for (const who of [member, stranger]) expect((await addMember(server(), who, id, stranger)).status).toBe(403);
    const added = await addMember(server(), owner, id, stranger, member, stranger);
    expect([added.status, added.body.members.map(({ user_id }: { user_id: string }) => user_id).toSorted()]).toEqual([
      201,
      [owner, member, stranger].toSorted(),
    ]);
    expect((await addMember(server(), admin, id, stranger)).status).toBe(200);
    expect((await addMember(server(), owner, id, 'nobody of this name')).body).toMatchObject({
      code: 'NOT_FOUND',
      details: { field: 'user_ids' },
    });
    expect((await addMember(server(), owner, id)).body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'user_ids' } });

    expect((await removeMember(server(), member, id, stranger)).status).toBe(403);
    expect((await removeMember(server(), owner, id, admin)).body).toMatchObject({ code: 'NOT_FOUND', details: { field: 'user_id' } });
    const several = (as: string, user_ids: string[]) => api('DELETE', at(id, '/members'), { as, body: { user_ids } });
    expect((await several(owner, [stranger, admin])).status).toBe(404);
    expect((await several(admin, [stranger, stranger])).status).toBe(204);
    expect((await removeMember(server(), member, id, member)).status).toBe(204);
    expect((await api('GET', at(id, ''), { as: member })).status).toBe(403);
    await owners.count('project:update', 3);
    await caughtUp(owners);
    const members = owners.of('project:update').map((update) => update.members.map(({ userId }: { userId: string }) => userId).toSorted());
    expect(members).toEqual([[owner, member, stranger].toSorted(), [owner, member].toSorted(), [owner]]);
    // Who made it and left has no more to say in it.
    expect((await removeMember(server(), owner, id, owner)).status).toBe(204);
    expect((await addMember(server(), owner, id, owner)).status).toBe(403);
  });
});

onServer(
  'the rate limit',
  (server) => {
    test('"Per user, over all sockets, namespaces, nodes and REST writes": one budget of writes; reading and joining are not of it', async () => {
      const [owner] = await makeUsers(server(), 'Owner');
      const { id } = await createProject(server(), owner);
      const one = await projectClient(server(), owner);
      const post = () => server().api('POST', `/api/v2/projects/${id}/progress`, { as: owner, body: { progress: 1 } });
      expect(await one.ask('project:statusUpdate', { projectId: id, status: 'review' })).toMatchObject({ data: { version: 2 } });
      expect((await post()).status).toBe(200);
      expect(await one.ask('project:comment', { projectId: id, comment: 'x' })).toMatchObject({ data: { version: 4 } });
      expect((await post()).status).toBe(429);
      expect(await one.ask('project:progress', { projectId: id, progress: 2 })).toMatchObject({
        error: { code: 'RATE_LIMIT', details: { retry_after_ms: expect.any(Number) } },
      });
      expect(await one.ask('project:join', { projectId: id })).toMatchObject({ data: { projectId: id } });
      expect((await getProject(server(), owner, id)).version).toBe(4);
    });
  },
  { RATE_LIMIT_MAX_EVENTS: '4' },
);
