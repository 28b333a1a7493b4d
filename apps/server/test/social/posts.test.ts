import { expect, test } from 'vitest';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { caughtUp, heardSince, makeCrowd, makeUsers, ok, onServers, TIME, UUID_V7, v2Client, v2Clients } from '../support/chats.ts';
import { freshId, type ApiOptions } from '../support/server.ts';
import type { Client } from '../support/sockets.ts';
import { countStatements } from '../support/statements.ts';

onServers('posts', (server) => {
  const call = async (method: string, path: string, as: string, body?: ApiOptions['body']) =>
    ok(await server().api(method, `/api/v2${path}`, { as, ...(body === undefined ? {} : { body }) }));
  const publish = (as: string, body: object = { content: 'Маникюр, новые цвета' }) => call('POST', '/posts', as, body);
  const like = (as: string, id: string) => call('PUT', `/posts/${id}/like`, as);
  const unlike = (as: string, id: string) => call('DELETE', `/posts/${id}/like`, as);
  const told = (client: Client, type: string) => client.of('notification:new').filter((notification) => notification.type === type);

  test('`POST /posts {content, media_url?}` answers 201 and the post, which `GET /posts/:id` and `GET /posts` show', async () => {
    const [amal, boris] = await makeUsers(server(), 'Amal', 'Boris');
    const { status, body } = await server().api('POST', '/api/v2/posts', {
      as: amal,
      body: { content: 'مرحبا', media_url: 'https://media.test/1.jpg' },
    });
    expect([status, body]).toEqual([
      201,
      {
        id: expect.stringMatching(UUID_V7),
        author_id: amal,
        author_name: 'Amal',
        author_avatar: 'https://avatars.test/Amal.jpg',
        content: 'مرحبا',
        media_url: 'https://media.test/1.jpg',
        created_at: expect.stringMatching(TIME),
        repost_of: null,
        likes_count: 0,
        comments_count: 0,
        reposts_count: 0,
        is_liked: false,
      },
    ]);
    expect(await call('GET', `/posts/${body.id}`, boris)).toEqual(body);
    expect((await call('GET', '/posts', boris)).data[0]).toEqual(body);
    const refused: [string, object][] = [
      ['content', { content: '' }],
      ['content', { content: 'x'.repeat(4_097) }],
      ['media_url', { content: 'x', media_url: 'file:///etc/passwd' }],
      // 100 posts on a page: none may be of any size.
      ['media_url', { content: 'x', media_url: `https://media.test/${'x'.repeat(2_030)}` }],
    ];
    for (const [field, draft] of refused) {
      const answer = await server().api('POST', '/api/v2/posts', { as: amal, body: draft });
      expect(answer.body, field).toMatchObject({ code: 'INVALID_DATA', details: { field } });
    }
    for (const id of [freshId(), '0198c0de-0000-7000-8000-000000000000']) {
      expect((await server().api('GET', `/api/v2/posts/${id}`, { as: amal })).body.code).toBe('NOT_FOUND');
      expect((await server().api('PUT', `/api/v2/posts/${id}/like`, { as: amal })).body.code).toBe('NOT_FOUND');
    }
  });

  test('"`post:liked {post_id, user_id, user_name, likes_count}` to the followers of the post\'s author, the author, and who has it open": to nobody else, once each, `post:unliked` likewise', async () => {
    const [author, follower, viewer, both, liker, former] = await makeUsers(
      server(),
      'Author',
      'Follower',
      'Viewer',
      'Both',
      'Liker',
      'Former',
    );
    const { id } = await publish(author);
    for (const as of [follower, both, former]) await call('PUT', `/users/${author}/follow`, as);
    await call('DELETE', `/users/${author}/follow`, former);
    const clients = await v2Clients(server(), author, follower, viewer, both, liker, former);
    const [authors, followers, viewers, boths, likers, formers] = clients;
    const secondOfViewer = await v2Client(server(), viewer);
    for (const client of [viewers, boths]) expect(await client.ask('post:open', { post_id: id })).toEqual({ status: 'ok' });
    await like(liker, id);
    await unlike(liker, id);
    await caughtUp(...clients, secondOfViewer);
    const social = (client: Client) => client.all.filter(({ event }) => event.startsWith('post:')).map(({ event, data }) => [event, data]);
    const liked = ['post:liked', { post_id: id, user_id: liker, user_name: 'Liker', likes_count: 1 }];
    const unliked = ['post:unliked', { post_id: id, user_id: liker, likes_count: 0 }];
    for (const client of [authors, followers, viewers, boths]) expect(social(client)).toEqual([liked, unliked]);
    for (const client of [likers, formers, secondOfViewer]) expect(social(client)).toEqual([]);
  });

  test('"`post:commented {post_id, comment:{id, author_id, author_name, author_avatar, content, created_at}, comments_count}` to the author and who has it open"', async () => {
    const [author, follower, viewer, closed, mariya] = await makeUsers(server(), 'Author', 'Follower', 'Viewer', 'Closed', 'Мария');
    const { id } = await publish(author);
    await call('PUT', `/users/${author}/follow`, follower);
    await call('PUT', `/users/${author}/follow`, viewer);
    const clients = await v2Clients(server(), author, follower, viewer, closed);
    const [authors, followers, viewers, closeds] = clients;
    for (const client of [viewers, closeds]) await client.ask('post:open', { post_id: id });
    expect(await closeds.ask('post:close', { post_id: id })).toEqual({ status: 'ok' });
    const { status, body } = await server().api('POST', `/api/v2/posts/${id}/comments`, {
      as: mariya,
      body: { content: 'Классная работа!' },
    });
    expect(status).toBe(201);
    await caughtUp(...clients);
    const event = {
      post_id: id,
      comment: {
        id: expect.stringMatching(UUID_V7),
        author_id: mariya,
        author_name: 'Мария',
        author_avatar: 'https://avatars.test/Мария.jpg',
        content: 'Классная работа!',
        created_at: expect.stringMatching(TIME),
      },
      comments_count: 1,
    };
    expect(authors.of('post:commented')).toEqual([event]);
    expect(viewers.of('post:commented')).toEqual([event]);
    expect(body).toEqual(authors.of('post:commented')[0].comment);
    expect([followers.of('post:commented'), closeds.of('post:commented')]).toEqual([[], []]);
    expect((await call('GET', `/posts/${id}`, author)).comments_count).toBe(1);
    // Who unfollows while having it open still has it open.
    await call('DELETE', `/users/${author}/follow`, viewer);
    await like(mariya, id);
    await caughtUp(viewers, closeds);
    expect([viewers.of('post:liked').length, closeds.of('post:liked').length]).toEqual([1, 0]);
  });

  test('a post that does not exist cannot be opened; a socket has at most 100 open', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    const amals = await v2Client(server(), amal);
    expect(await amals.ask('post:open', { post_id: freshId() })).toMatchObject({ status: 'error', error: { code: 'NOT_FOUND' } });
    const ids: string[] = [];
    for (let i = 0; i < 101; i++) ids.push((await publish(amal, { content: `${i}` })).id);
    const answers = await Promise.all(ids.map((post_id) => amals.ask('post:open', { post_id })));
    expect(answers.filter(({ status }) => status === 'ok')).toHaveLength(100);
    expect(answers.at(-1)).toMatchObject({ error: { code: 'INVALID_DATA', details: { field: 'post_id' } } });
    amals.tell('post:close', { post_id: ids[0] });
    for (let i = 0; i < 2; i++) expect(await amals.ask('post:open', { post_id: ids[100] })).toEqual({ status: 'ok' });
    // What is opened and closed in one breath is closed.
    amals.tell('post:close', { post_id: ids[1] });
    amals.tell('post:open', { post_id: ids[1] });
    expect(await amals.ask('post:close', { post_id: ids[1] })).toEqual({ status: 'ok' });
    const [liker] = await makeUsers(server(), 'Liker');
    const [others] = await v2Clients(server(), liker);
    others.tell('post:open', { post_id: ids[1] });
    expect(await others.ask('post:close', { post_id: ids[1] })).toEqual({ status: 'ok' });
    await like(liker, ids[1]!);
    await caughtUp(others);
    expect(others.of('post:liked')).toEqual([]);
  });

  test('counts never drift: liking twice, taking back twice, and everybody at once', async () => {
    const [author] = await makeUsers(server(), 'Author');
    const crowd = await makeCrowd(server(), 40);
    const { id } = await publish(author);
    const authors = await v2Client(server(), author);
    const [first] = crowd;
    expect(await like(first!, id)).toEqual({ post_id: id, is_liked: true, likes_count: 1 });
    expect(await like(first!, id)).toEqual({ post_id: id, is_liked: true, likes_count: 1 });
    await unlike(first!, id);
    await unlike(first!, id);
    expect((await call('GET', `/posts/${id}`, first!)).likes_count).toBe(0);
    await caughtUp(authors);
    const before = authors.all.length;
    // Each likes three times at once, and every fourth takes it back afterwards.
    await Promise.all(crowd.flatMap((user) => [like(user, id), like(user, id), like(user, id)]));
    await Promise.all(crowd.filter((_, i) => i % 4 === 0).flatMap((user) => [unlike(user, id), unlike(user, id)]));
    await caughtUp(authors);
    const counts = heardSince(authors, before).flatMap(({ event, data }) =>
      event.startsWith('post:') ? [(data as { likes_count: number }).likes_count] : [],
    );
    // In the order in which they came to be: each differs from the one before by one.
    expect(counts).toEqual([...Array.from({ length: 40 }, (_, i) => i + 1), ...Array.from({ length: 10 }, (_, i) => 39 - i)]);
    const { db } = server().app.get<Storage>(STORAGE, { strict: false });
    const rows = await db.selectFrom('post_likes').select('user_id').where('post_id', '=', id).where('liked', '=', 1).execute();
    expect([rows.length, (await call('GET', `/posts/${id}`, crowd[1]!)).likes_count]).toEqual([30, 30]);
    expect([(await call('GET', `/posts/${id}`, crowd[0]!)).is_liked, (await call('GET', `/posts/${id}`, crowd[1]!)).is_liked]).toEqual([
      false,
      true,
    ]);
  });

  test('"each raises its live event and its notification": `post_liked`, `post_commented`, `post_reposted`, in the language of who is told', async () => {
    const [author, other] = await makeUsers(server(), 'Author', 'Анна');
    await server().createUser(author, { name: 'Author', locale: 'ru' });
    const { id } = await publish(author);
    const authors = await v2Client(server(), author);
    await like(other, id);
    const comment = await call('POST', `/posts/${id}/comments`, other, { content: 'Классная работа!' });
    const repost = await call('POST', `/posts/${id}/repost`, other, { content: 'Смотрите' });
    await caughtUp(authors);
    expect(authors.of('notification:new').map(({ type, title, body, data }) => ({ type, title, body, data }))).toEqual([
      { type: 'post_liked', title: 'Лайк на посте', body: 'Анна: нравится ваш пост', data: { post_id: id, user_id: other } },
      {
        type: 'post_commented',
        title: 'Комментарий к посту',
        body: 'Анна: Классная работа!',
        data: { post_id: id, comment_id: comment.id, user_id: other },
      },
      {
        type: 'post_reposted',
        title: 'Репост поста',
        body: 'Анна: репост вашего поста',
        data: { post_id: id, repost_id: repost.id, user_id: other },
      },
    ]);
    // Again and again rings no more than once.
    await unlike(other, id);
    await like(other, id);
    await like(other, id);
    await caughtUp(authors);
    expect(told(authors, 'post_liked')).toHaveLength(1);
  });

  test('"One\'s own actions raise no notification to oneself"', async () => {
    const [author] = await makeUsers(server(), 'Author');
    const { id } = await publish(author, { content: `I am @${author}` });
    const authors = await v2Client(server(), author);
    await like(author, id);
    await call('POST', `/posts/${id}/comments`, author, { content: `@${author}, thank you` });
    await call('POST', `/posts/${id}/repost`, author, { content: `again, @${author}` });
    await caughtUp(authors);
    expect([authors.of('post:liked').length, authors.of('post:commented').length]).toEqual([1, 1]);
    expect(await call('GET', '/notifications/unread-count', author)).toEqual({ count: 0 });
  });

  test('`POST /posts/:id/repost {content?}`: "a repeat of it 200", and the original is what is passed on', async () => {
    const [author, one, two] = await makeUsers(server(), 'Author', 'One', 'Two');
    const { id } = await publish(author);
    const repost = (as: string, of: string, body?: object) =>
      server().api('POST', `/api/v2/posts/${of}/repost`, { as, ...(body && { body }) });
    const answers = await Promise.all([repost(one, id), repost(one, id), repost(one, id, {})]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    const onward = ok(await repost(two, answers[0].body.id));
    expect(onward).toMatchObject({ author_id: two, content: '', repost_of: { id, author_id: author, author_name: 'Author' } });
    const quoted = ok(await repost(two, id, { content: 'first' }));
    expect(ok(await repost(two, quoted.id, { content: 'second' })).repost_of).toMatchObject({ id: quoted.id, content: 'first' });
    expect(await call('GET', `/posts/${id}`, one)).toMatchObject({ reposts_count: 3 });
    expect((await repost(one, freshId())).body.code).toBe('NOT_FOUND');
  });

  test('lists `{data, next_cursor}`: posts the newest first, comments as they were written, at the cost of one statement a page', async () => {
    const [author, other] = await makeUsers(server(), 'Author', 'Other');
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.unshift((await publish(author, { content: `${i}` })).id);
    await like(other, ids[2]!);
    const comments: string[] = [];
    for (let i = 0; i < 5; i++) comments.push((await call('POST', `/posts/${ids[0]}/comments`, other, { content: `${i}` })).id);
    const all = async (path: string) => {
      const found: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page = await call('GET', `${path}limit=3${cursor && `&cursor=${cursor}`}`, other);
        found.push(...page.data.map(({ id }: { id: string }) => id));
        cursor = page.next_cursor;
      }
      return found;
    };
    expect(await all(`/posts?author_id=${author}&`)).toEqual(ids);
    expect((await all('/posts?')).slice(0, 7)).toEqual(ids);
    expect(await all(`/posts/${ids[0]}/comments?`)).toEqual(comments);
    const wrong = await server().api('GET', '/api/v2/posts?cursor=mine', { as: other });
    expect(wrong.body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'cursor' } });
    const cost = countStatements(server());
    const of = (limit: number) => cost(() => call('GET', `/posts?author_id=${author}&limit=${limit}`, other));
    expect(await of(7)).toBe(await of(1));
  });

  test('what an erased person posted and said is gone, and the counts of what stays follow', async () => {
    const [gone, author, other] = await makeUsers(server(), 'Gone', 'Author', 'Other');
    const { id } = await publish(author);
    const { id: goneId } = await publish(gone);
    await call('PUT', `/users/${author}/follow`, gone);
    await call('PUT', `/users/${gone}/follow`, other);
    await like(gone, id);
    await like(other, id);
    await call('POST', `/posts/${id}/comments`, gone, { content: 'a secret' });
    await call('POST', `/posts/${id}/repost`, gone);
    const { id: plain } = await call('POST', `/posts/${goneId}/repost`, other);
    const { id: quote } = await call('POST', `/posts/${goneId}/repost`, other, { content: 'look' });
    ok(await server().api('DELETE', `/api/v2/users/${gone}`, { key: true }));
    expect(await call('GET', `/posts/${id}`, other)).toMatchObject({ likes_count: 1, comments_count: 0, reposts_count: 0 });
    expect((await call('GET', `/posts/${id}/comments`, other)).data).toEqual([]);
    for (const missing of [goneId, plain]) {
      expect((await server().api('GET', `/api/v2/posts/${missing}`, { as: other })).body.code).toBe('NOT_FOUND');
    }
    expect(await call('GET', `/posts/${quote}`, other)).toMatchObject({ content: 'look', repost_of: null });
    const { db } = server().app.get<Storage>(STORAGE, { strict: false });
    const log = await db.selectFrom('stream_log').select('data').where('stream', 'like', 'social:%').execute();
    expect(log.filter(({ data }) => data.includes('a secret'))).toEqual([]);
    expect(await db.selectFrom('follows').selectAll().where('user_id', '=', gone).execute()).toEqual([]);
    expect(await db.selectFrom('follows').selectAll().where('author_id', '=', gone).execute()).toEqual([]);
  });
});
