import type { KyselyPlugin } from 'kysely';
import { expect, test } from 'vitest';
import { ChatsService } from '../../src/features/chats/chats.service.ts';
import { MessagesService } from '../../src/features/chats/messages.service.ts';
import { UsersService } from '../../src/features/users/users.service.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { makeAdmin } from '../admin/admins.ts';
import { orderBody } from '../orders/feed-client.ts';
import { makeGroup, makeUsers, ok, onServers, say, TIME, v2Client } from '../support/chats.ts';
import { freshId, type Api, type TestServer } from '../support/server.ts';

/** Somebody who has left a trace in every feature: `mark` is their name, and stands in everything that they write. */
async function makePerson(server: Api): Promise<{ person: string; mark: string; friend: string; chatId: string }> {
  const [person, mark] = [freshId('person'), freshId('zarqa')];
  await server.createUser(person, { name: mark, avatar: `https://cdn.test/${mark}.jpg`, email: `${mark}@example.com` });
  const [friend] = await makeUsers(server, 'friend');
  const chat = await makeGroup(server, friend, person);
  const [one, other] = [await v2Client(server, person), await v2Client(server, friend)];
  const { message_id } = await say(one, chat.id, `${mark} before the edit`, { metadata: { of: mark } });
  await one.ask('chat:message:edit', { chat_id: chat.id, message_id, content: `${mark} after it` });
  const reply = await say(other, chat.id, 'the friend’s words');
  await one.ask('chat:message:react', { chat_id: chat.id, message_id: reply.message_id, emoji: '👍', on: true });

  const post = async (as: string, path: string, body: object) => ok(await server.api('POST', path, { as, body }));
  ok(await server.api('POST', '/api/v2/notifications', { key: true, body: { user_id: person, type: 'news', title: mark, body: mark } }));
  const ticket = await post(person, '/api/v1/support/tickets', { subject: mark, message: mark });
  await post(person, `/api/v1/support/tickets/${ticket.id}/messages`, { message: `${mark} again` });
  await post(person, '/api/orders', orderBody({ customer_name: mark }));
  await post(person, '/api/v2/reports', { user_id: friend, reason: mark });
  const { id: postId } = await post(person, '/api/v2/posts', { content: mark });
  await post(person, `/api/v2/posts/${postId}/comments`, { content: mark });
  // Of all that the friend is told by a notification.
  const { id: friendsPost } = await post(friend, '/api/v2/posts', { content: 'the friend’s post' });
  expect((await server.api('PUT', `/api/v2/posts/${friendsPost}/like`, { as: person })).status).toBeLessThan(300);
  await post(person, `/api/v2/posts/${friendsPost}/comments`, { content: `${mark} to @${friend}` });
  await post(person, '/api/v2/friends/requests', { user_id: friend });
  await post(person, '/api/v2/reviews', { user_id: friend, rating: 5, content: mark });
  await server.createUser(friend, { is_master: true });
  const booking = { master_id: friend, service_name: 'Haircut', starts_at: '2031-05-01T10:00:00.000Z', duration: 30, price: 10 };
  await post(person, '/api/v2/bookings', booking);
  await post(friend, '/api/v2/reviews', { user_id: person, rating: 1, content: `never again with ${mark}` });
  await say(one, chat.id, `${mark} to @${friend}`);
  const { id: project } = await post(friend, '/api/v2/projects', { name: 'Project', member_ids: [person] });
  await post(person, `/api/v2/projects/${project}/comments`, { comment: mark });
  await server.api('PUT', `/api/v2/users/${friend}/block`, { as: person });
  await server.api('PUT', `/api/v2/users/${friend}/follow`, { as: person });
  const form = new FormData();
  form.set('file', new Blob([mark]), `${mark}.txt`);
  const upload = await fetch(`${server.url}/api/v2/uploads`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token(person)}` },
    body: form,
  });
  expect(upload.status).toBe(201);
  return { person, mark, friend, chatId: chat.id };
}

/** The tables in which a text stands; the search index is asked by searching. */
async function tablesWith(server: TestServer, text: string): Promise<string[]> {
  const { schemaOwner } = server.app.get<Storage>(STORAGE);
  const found: string[] = [];
  for (const { name } of await schemaOwner.introspection.getTables()) {
    if (name.startsWith('message_search')) continue;
    const rows = await schemaOwner
      .selectFrom(name as 'users')
      .selectAll()
      .execute();
    if (JSON.stringify(rows).includes(text)) found.push(name);
  }
  return found;
}

const bySeq = (a: { seq: number }, b: { seq: number }) => a.seq - b.seq;

const NAMES_A_PERSON = /^(from_|to_)?(user|author|owner|sender|reporter|client|master|customer|actor|blocked)_id$|^created_by$/;

/** Columns that name a person and are no data of theirs: what is here says why. */
const NOT_THEIRS: Readonly<Record<string, string>> = {
  'refresh_tokens.user_id': 'signs in whoever knows it',
  'audit_log.actor_id': 'what administrators did is the server’s',
  'user_blocks.blocked_id': 'whom others block they are not told',
  'reports.user_id': 'nor what others report',
  'api_keys.created_by': 'keys are the server’s',
  'chats.created_by': 'a chat is of all its members',
  'projects.created_by': 'and so is a project',
  'follows.author_id': 'who follows somebody may be many, and is their doing',
  'orders.customer_id': 'always who made the order as well',
};

onServers('the rights of a person', (server) => {
  test('whatever table names a person is part of the export, or it is said why not', async () => {
    const { schemaOwner } = server().app.get<Storage>(STORAGE);
    const given = server()
      .app.get(UsersService)
      .personParts.map(({ table, person }) => `${table}.${person}`);
    const naming = (await schemaOwner.introspection.getTables()).flatMap(({ name, columns }) =>
      columns.filter((column) => NAMES_A_PERSON.test(column.name)).map((column) => `${name}.${column.name}`),
    );
    expect(naming.toSorted()).toEqual([...given.filter((part) => part !== 'users.id'), ...Object.keys(NOT_THEIRS)].toSorted());
  });

  test('`GET /users/:id/export` (oneself, key, admin): everything of the person, of every feature, and nothing of others', async () => {
    const { person, mark, friend, chatId } = await makePerson(server());
    const admin = await makeAdmin(server());
    const { status, headers, body } = await server().api('GET', `/api/v2/users/${person}/export`, { as: person });
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(body).toMatchObject({ user_id: person, exported_at: expect.stringMatching(TIME) as string });
    const { data } = body;
    const marked = Object.keys(data).filter((table) => JSON.stringify(data[table]).includes(mark));
    expect(marked.toSorted()).toEqual(
      [
        'messages',
        'notifications',
        'orders',
        'post_comments',
        'posts',
        'project_changes',
        'reports',
        'reviews',
        'ticket_messages',
        'tickets',
        'uploads',
        'users',
      ].toSorted(),
    );
    expect(data.messages.toSorted(bySeq)).toEqual([
      expect.objectContaining({
        chat_id: chatId,
        content: `${mark} after it`,
        metadata: { of: mark },
        created_at: expect.stringMatching(TIME) as string,
      }),
      expect.objectContaining({ content: `${mark} to @${friend}` }),
    ]);
    expect(data.message_reactions).toMatchObject([{ emoji: '👍' }]);
    expect(data.user_blocks).toMatchObject([{ blocked_id: friend }]);
    expect(data.chat_members).toMatchObject([{ chat_id: chatId, user_id: person }]);
    expect(JSON.stringify(body)).not.toMatch(/the friend’s words|password_hash|token_hash/);

    const get = (options: Parameters<Api['api']>[2]) => server().api('GET', `/api/v2/users/${person}/export`, options);
    expect((await get({ key: true })).body.user_id).toBe(person);
    expect((await get({ as: admin })).body.user_id).toBe(person);
    expect((await get({ as: friend })).body).toMatchObject({ code: 'FORBIDDEN' });
    expect((await get({})).status).toBe(401);
    expect((await server().api('GET', `/api/v2/users/${freshId('nobody')}/export`, { key: true })).status).toBe(404);
    const audit = ok(await server().api('GET', `/api/v2/audit?subject=${person}`, { as: admin })).data;
    expect(audit.map(({ action, actor_kind, actor_id }: Record<string, string>) => [action, actor_kind, actor_id])).toEqual([
      ['user.export', 'user', admin],
      ['user.export', 'key', expect.stringMatching(/^environment:[0-9a-f]{12}$/)],
    ]);
  });

  test('an export of many rows has each of them once', async () => {
    const [person, friend] = await makeUsers(server(), 'person', 'friend');
    const chat = await makeGroup(server(), person, friend);
    const one = await v2Client(server(), person);
    const texts = Array.from({ length: 450 }, (_, i) => `text ${i}`);
    await Promise.all(texts.map((text) => say(one, chat.id, text)));
    const { data } = ok(await server().api('GET', `/api/v2/users/${person}/export`, { as: person }));
    expect(data.messages.map(({ content }: { content: string }) => content).toSorted()).toEqual(texts.toSorted());
  });

  test('`DELETE /users/:id` "(erases the person, keeps the others\' conversations readable)": the person\'s content and name go, also in the log', async () => {
    const { person, mark, friend, chatId } = await makePerson(server());
    const before = await tablesWith(server(), mark);
    expect(before).toEqual(expect.arrayContaining(['messages', 'stream_log', 'users']));
    expect((await server().api('DELETE', `/api/v2/users/${person}`, { key: true })).status).toBe(204);
    expect(await tablesWith(server(), mark)).toEqual([]);
    expect(await tablesWith(server(), person)).not.toContain('devices');
    const { data } = ok(await server().api('GET', `/api/v2/chats/${chatId}/messages`, { as: friend }));
    expect(data).toMatchObject([
      { sender_id: person, sender_name: '', sender_avatar: null, content: '', metadata: {} },
      { sender_id: friend, content: 'the friend’s words' },
      { sender_id: person, sender_name: '', content: '' },
    ]);
    expect(ok(await server().api('GET', `/api/v2/search/messages?q=${mark}`, { as: friend })).data).toEqual([]);
    expect((await server().api('GET', `/api/v2/users/${person}/export`, { key: true })).status).toBe(404);
    // That the friend was told of something stays, and so does what it leads to.
    const { data: told } = ok(await server().api('GET', '/api/v2/notifications', { as: friend }));
    const liked = told.find(({ type }: { type: string }) => type === 'post_liked');
    expect(liked).toMatchObject({ title: '', body: '', is_read: false, data: { user_id: person, post_id: expect.any(String) as string } });
    const { data: audit } = ok(await server().api('GET', `/api/v2/audit?subject=${person}&action=user.erase`, { key: true }));
    expect(audit).toMatchObject([{ actor_kind: 'key' }]);
  });

  test('…of one who wrote much too: their messages are looked for once, not for each portion that is erased', async () => {
    const [person, friend] = await makeUsers(server(), 'person', 'friend');
    const chat = await makeGroup(server(), person, friend);
    const client = await v2Client(server(), person);
    await Promise.all(Array.from({ length: 120 }, (_, i) => say(client, chat.id, `text ${i}`)));
    const storage = server().app.get<Storage>(STORAGE);
    const { db } = storage;
    const looks = new Set<unknown>();
    const watch: KyselyPlugin = {
      transformQuery({ node, queryId }) {
        // What else is read of messages asks for no lack of a picture.
        if (/"sender_avatar".*"is not"/.test(JSON.stringify(node))) looks.add(queryId);
        return node;
      },
      transformResult: async ({ result }) => result,
    };
    Object.assign(storage, { db: db.withPlugin(watch) });
    await server().app.get(MessagesService).eraseSender(person);
    Object.assign(storage, { db });
    // Found, and then none.
    expect(looks.size).toBe(2);
    const { data } = ok(await server().api('GET', `/api/v2/chats/${chat.id}/messages?limit=100`, { as: friend }));
    expect(new Set(data.map(({ content }: { content: string }) => content))).toEqual(new Set(['']));
  });

  test('…also of several who are erased at once: none brings back the name of another', async () => {
    const names = [freshId('zarqa'), freshId('zarqa')];
    const [friend, ...people] = await makeUsers(server(), 'friend', ...names);
    await makeGroup(server(), friend, ...people);
    const chats = server().app.get(ChatsService);
    await Promise.all(people.map((person) => chats.eraseMember(person)));
    for (const name of names) expect(await tablesWith(server(), `${name}.jpg`)).toEqual(['users']);
  });
});
