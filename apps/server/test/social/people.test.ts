import { expect, test } from 'vitest';
import { caughtUp, makeUsers, ok, onServers, TIME, UUID_V7, v2Client, v2Clients } from '../support/chats.ts';
import { freshId } from '../support/server.ts';
import type { Client } from '../support/sockets.ts';

onServers('people', (server) => {
  const ask = (method: string, path: string, as: string, body?: object) =>
    server().api(method, `/api/v2${path}`, { as, ...(body && { body }) });
  const notices = (client: Client) => client.of('notification:new').map(({ type, title, body, data }) => ({ type, title, body, data }));

  test('`POST /friends/requests {user_id}` and `POST /friends/requests/:id/accept`: `friend_request` to the one, `friend_accepted` to the other', async () => {
    const [amal, boris, stranger] = await makeUsers(server(), 'Amal', 'Boris', 'Stranger');
    await server().createUser(boris, { name: 'Boris', locale: 'ar' });
    const clients = await v2Clients(server(), amal, boris, stranger);
    const made = await ask('POST', '/friends/requests', amal, { user_id: boris });
    expect([made.status, made.body]).toEqual([
      201,
      {
        id: expect.stringMatching(UUID_V7),
        from_user_id: amal,
        to_user_id: boris,
        status: 'pending',
        created_at: expect.stringMatching(TIME),
        accepted_at: null,
      },
    ]);
    const again = await ask('POST', '/friends/requests', amal, { user_id: boris });
    expect([again.status, again.body]).toEqual([200, made.body]);
    const accept = (as: string, id = made.body.id) => ask('POST', `/friends/requests/${id}/accept`, as);
    for (const as of [amal, stranger]) expect((await accept(as)).body).toMatchObject({ code: 'FORBIDDEN' });
    expect((await accept(boris, freshId())).body.code).toBe('NOT_FOUND');
    const accepted = ok(await accept(boris));
    expect(accepted).toEqual({ ...made.body, status: 'accepted', accepted_at: expect.stringMatching(TIME) });
    expect(ok(await accept(boris))).toEqual(accepted);
    await caughtUp(...clients);
    const [amals, boriss, strangers] = clients;
    expect(notices(boriss)).toEqual([
      { type: 'friend_request', title: 'طلب صداقة', body: 'طلب صداقة من Amal', data: { request_id: accepted.id, user_id: amal } },
    ]);
    expect(notices(amals)).toEqual([
      {
        type: 'friend_accepted',
        title: 'Friend request accepted',
        body: 'Boris is your friend now',
        data: { request_id: accepted.id, user_id: boris },
      },
    ]);
    expect(notices(strangers)).toEqual([]);
  });

  test('two who ask each other at once are friends, by one request', async () => {
    const [amal, boris] = await makeUsers(server(), 'Amal', 'Boris');
    const clients = await v2Clients(server(), amal, boris);
    const answers = await Promise.all([
      ask('POST', '/friends/requests', amal, { user_id: boris }),
      ask('POST', '/friends/requests', boris, { user_id: amal }),
    ]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.find(({ status }) => status === 200)!.body.status).toBe('accepted');
    await caughtUp(...clients);
    expect(clients.flatMap((client) => notices(client).map(({ type }) => type)).toSorted()).toEqual(['friend_accepted', 'friend_request']);
  });

  test('`POST /reviews {user_id, rating 1–5, content}`: `review_received`; "a repeat of it 200"; another takes its place', async () => {
    const [master, client] = await makeUsers(server(), 'Master', 'Client');
    const masters = await v2Client(server(), master);
    const review = (body: object) => ask('POST', '/reviews', client, { user_id: master, ...body });
    const made = await review({ rating: 5, content: 'Отлично' });
    expect([made.status, made.body]).toEqual([
      201,
      {
        id: expect.stringMatching(UUID_V7),
        user_id: master,
        author_id: client,
        author_name: 'Client',
        author_avatar: 'https://avatars.test/Client.jpg',
        rating: 5,
        content: 'Отлично',
        created_at: expect.stringMatching(TIME),
      },
    ]);
    const again = await review({ rating: 5, content: 'Отлично' });
    expect([again.status, again.body]).toEqual([200, made.body]);
    expect(await review({ rating: 4, content: 'Хорошо' })).toMatchObject({
      status: 200,
      body: { id: made.body.id, rating: 4, content: 'Хорошо' },
    });
    for (const rating of [0, 6, 4.5, '5']) {
      expect((await review({ rating, content: '' })).body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'rating' } });
    }
    await caughtUp(masters);
    expect(notices(masters)).toEqual(
      [5, 4].map((rating) => ({
        type: 'review_received',
        title: 'New review',
        body: `Client: ${rating} of 5`,
        data: { review_id: made.body.id, rating, user_id: client },
      })),
    );
  });

  test('nobody follows, befriends or reviews themselves, or somebody who does not exist or was erased', async () => {
    const [amal, gone] = await makeUsers(server(), 'Amal', 'Gone');
    ok(await server().api('DELETE', `/api/v2/users/${gone}`, { key: true }));
    const codes = async (id: string) => {
      const answers = await Promise.all([
        ask('PUT', `/users/${id}/follow`, amal),
        ask('POST', '/friends/requests', amal, { user_id: id }),
        ask('POST', '/reviews', amal, { user_id: id, rating: 1, content: '' }),
      ]);
      return answers.map(({ body }) => body.code);
    };
    expect(await codes(amal)).toEqual(['INVALID_DATA', 'INVALID_DATA', 'INVALID_DATA']);
    for (const id of [freshId(), gone]) expect(await codes(id)).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND']);
  });

  test('`PUT`/`DELETE /users/:id/follow` may be repeated', async () => {
    const [amal, boris] = await makeUsers(server(), 'Amal', 'Boris');
    for (let i = 0; i < 2; i++)
      expect(ok(await ask('PUT', `/users/${boris}/follow`, amal))).toEqual({ user_id: boris, is_following: true });
    for (let i = 0; i < 2; i++) expect((await ask('DELETE', `/users/${boris}/follow`, amal)).status).toBe(204);
  });

  test('"a blocked user cannot … befriend": neither by asking nor by accepting', async () => {
    const [amal, boris] = await makeUsers(server(), 'Amal', 'Boris');
    const { id } = ok(await ask('POST', '/friends/requests', amal, { user_id: boris }));
    ok(await ask('PUT', `/users/${boris}/block`, amal));
    expect((await ask('POST', `/friends/requests/${id}/accept`, boris)).body.code).toBe('FORBIDDEN');
    expect((await ask('POST', '/friends/requests', boris, { user_id: amal })).body.code).toBe('FORBIDDEN');
    ok(await ask('DELETE', `/users/${boris}/block`, amal));
    expect(ok(await ask('POST', `/friends/requests/${id}/accept`, boris)).status).toBe('accepted');
  });
});
