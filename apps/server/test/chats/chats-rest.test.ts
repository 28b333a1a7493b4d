import type { v2 } from '@majlis/contract';
import { describe, expect, test } from 'vitest';
import { makeCrowd, makeDirect, makeGroup, makeUsers, ok, onServers, say, TIME, UUID_V7, v2Client, v2Clients } from '../support/chats.ts';
import { freshId, type Api, type ApiOptions } from '../support/server.ts';
import { countStatements } from '../support/statements.ts';

/** All pages of a list, each of `limit`. */
async function pages<T>(server: Api, path: string, limit: number, options: ApiOptions): Promise<T[][]> {
  const all: T[][] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { data, next_cursor } = ok(
      await server.api('GET', `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor && `&cursor=${cursor}`}`, options),
    );
    all.push(data);
    cursor = next_cursor;
  }
  return all;
}

onServers('REST', (server) => {
  describe('chats by REST', () => {
    const create = (as: string, body: object) => server().api('POST', '/api/v2/chats', { as, body });

    test('`POST /chats {type: direct|group, member_ids, title?}` answers 201 and the object itself', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const { status, body } = await create(anna, { type: 'group', member_ids: [boris], title: 'Маникюр' });
      expect(status).toBe(201);
      const member = (user_id: string, name: string) => ({
        user_id,
        name,
        avatar: `https://avatars.test/${name}.jpg`,
        joined_at: body.created_at,
      });
      expect(body).toEqual({
        id: expect.stringMatching(UUID_V7),
        type: 'group',
        title: 'Маникюр',
        created_by: anna,
        created_at: expect.stringMatching(TIME),
        member_count: 2,
        members: [member(anna, 'Anna'), member(boris, 'Boris')],
        unread_count: 0,
        last_message: null,
        last_seq: 0,
        version: 0,
        muted_until: null,
      });
      for (const as of [anna, boris]) expect(ok(await server().api('GET', `/api/v2/chats/${body.id}`, { as }))).toEqual(body);
    });

    test('"the caller is always a member and may name itself"; members named twice are one; a group may be of one', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      expect(ok(await create(anna, { type: 'group', member_ids: [boris, anna, boris] }))).toMatchObject({ member_count: 2, title: null });
      expect(ok(await create(anna, { type: 'group', member_ids: [] }))).toMatchObject({ member_count: 1 });
      expect(ok(await create(anna, { type: 'direct', member_ids: [anna, boris], title: 'ignored' }))).toMatchObject({
        member_count: 2,
        title: null,
      });
    });

    test('"a direct chat … is returned, not made twice": 200, whoever asks, and however many at once', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const annas = await v2Client(server(), anna);
      const answers = await Promise.all([
        ...Array.from({ length: 5 }, () => create(anna, { type: 'direct', member_ids: [boris] })),
        ...Array.from({ length: 5 }, () => create(boris, { type: 'direct', member_ids: [anna] })),
      ]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array.from({ length: 9 }, () => 200), 201]);
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
      const other = await create(anna, { type: 'direct', member_ids: [clara] });
      expect(other.status).toBe(201);
      expect(other.body.id).not.toBe(answers[0]!.body.id);
      // It is announced once.
      expect((await annas.count('chat:created', 2)).map(({ id }) => id)).toEqual([answers[0]!.body.id, other.body.id]);
      expect(annas.of('chat:created')).toHaveLength(2);
      const again = await create(boris, { type: 'direct', member_ids: [anna] });
      expect([again.status, again.body.created_by]).toEqual([200, answers[0]!.body.created_by]);
    });

    test('what is no chat is `INVALID_DATA` naming the field', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const wrong: [object, string][] = [
        [{ type: 'direct', member_ids: [boris, clara] }, 'member_ids'],
        [{ type: 'direct', member_ids: [anna] }, 'member_ids'],
        [{ type: 'direct', member_ids: [] }, 'member_ids'],
        [{ type: 'channel', member_ids: [boris] }, 'type'],
        [{ member_ids: [boris] }, 'type'],
        [{ type: 'group' }, 'member_ids'],
        [{ type: 'group', member_ids: boris }, 'member_ids'],
        [{ type: 'group', member_ids: [''] }, 'member_ids.0'],
        [{ type: 'group', member_ids: [7] }, 'member_ids.0'],
        [{ type: 'group', member_ids: [boris], title: '' }, 'title'],
        [{ type: 'group', member_ids: [boris], title: 'ж'.repeat(201) }, 'title'],
        [{ type: 'group', member_ids: Array.from({ length: 5_001 }, (_, i) => `u${i}`) }, 'member_ids'],
      ];
      for (const [body, field] of wrong) {
        const answer = await create(anna, body);
        expect([body, answer.status, answer.body.code, answer.body.details.field]).toEqual([body, 400, 'INVALID_DATA', field]);
      }
      expect(ok(await server().api('GET', '/api/v2/chats', { as: anna })).data).toEqual([]);
    });

    test("ids of the customer's own, percent-encoded in paths", async () => {
      const [anna] = await makeUsers(server(), 'Anna');
      const strange = `${freshId('Борис / %2F ?#')}😀`;
      await server().createUser(strange, { name: 'Strange' });
      const chat = ok(await create(anna, { type: 'group', member_ids: [strange] }));
      const stranges = await v2Client(server(), strange);
      expect(await say(stranges, chat.id, 'hello')).toMatchObject({ seq: 1 });
      expect((await server().api('DELETE', `/api/v2/chats/${chat.id}/members/${encodeURIComponent(strange)}`, { as: anna })).status).toBe(
        204,
      );
      expect(await stranges.next('chat:removed')).toMatchObject({ chat_id: chat.id });
    });

    test('`GET /chats` (each `{id, type, title, member_count, members (the first 20), unread_count, last_message, last_seq, version}`), the latest activity first', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const [one, two, three] = [
        await makeDirect(server(), anna, boris),
        await makeGroup(server(), anna, boris),
        await makeGroup(server(), anna, boris),
      ];
      const list = async (as: string): Promise<v2.Chat[]> => ok(await server().api('GET', '/api/v2/chats', { as })).data;
      expect((await list(anna)).map(({ id }) => id)).toEqual([three.id, two.id, one.id]);
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      await say(boriss, one.id, 'first');
      const { message_id } = await say(boriss, one.id, 'hello', { metadata: { a: 1 } });
      await say(annas, two.id, 'own');
      await annas.ask('chat:message:react', { chat_id: one.id, message_id, emoji: '👍', on: true });
      const chats = await list(anna);
      expect(chats.map(({ id, unread_count, last_seq, version }) => [id, unread_count, last_seq, version])).toEqual([
        [two.id, 0, 1, 1],
        [one.id, 2, 2, 3],
        [three.id, 0, 0, 0],
      ]);
      expect(chats[1]!.last_message).toEqual({
        ...(await annas.next('chat:message:new', ({ id }) => id === message_id)),
        reactions: [{ emoji: '👍', count: 1, user_ids: [anna] }],
        version: 3,
      });
      expect((await list(boris)).map(({ unread_count }) => unread_count)).toEqual([1, 0, 0]);
      for (const chat of chats) expect(ok(await server().api('GET', `/api/v2/chats/${chat.id}`, { as: anna }))).toEqual(chat);
      expect(chats[1]!.members.map(({ user_id }) => user_id).toSorted()).toEqual([anna, boris].toSorted());
    });

    test('lists: "`{data, next_cursor}`, `?cursor=&limit=`": every chat once and in order, and null at the end', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chats = await Promise.all(Array.from({ length: 12 }, () => makeGroup(server(), anna, boris)));
      const boriss = await v2Client(server(), boris);
      for (const chat of chats.slice(0, 5)) await say(boriss, chat.id, 'x');
      const whole = ok(await server().api('GET', '/api/v2/chats', { as: anna }));
      expect(whole.next_cursor).toBeNull();
      expect(whole.data.slice(0, 5).map(({ id }: v2.Chat) => id)).toEqual(
        chats
          .slice(0, 5)
          .map(({ id }) => id)
          .toReversed(),
      );
      expect(new Set(whole.data.map(({ id }: v2.Chat) => id)).size).toBe(12);
      for (const limit of [1, 4, 5, 12, 200]) {
        const found = await pages<v2.Chat>(server(), '/api/v2/chats', limit, { as: anna });
        expect(found.flat()).toEqual(whole.data);
        expect(found.length, `limit ${limit}`).toBe(Math.ceil(12 / limit));
      }
    });

    test('"(50 by default, 1 to 200; a cursor that is not ours is `INVALID_DATA`)"', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const group = await makeGroup(server(), anna, boris);
      const { next_cursor } = ok(await server().api('GET', `/api/v2/chats/${group.id}/members?limit=1`, { as: anna }));
      expect(next_cursor).toEqual(expect.any(String));
      const lists = ['/api/v2/chats', `/api/v2/chats/${group.id}/members`, `/api/v2/chats/${group.id}/messages`];
      for (const path of lists) {
        for (const limit of ['0', '201', '-1', '1.5', 'all', '']) {
          const { status, body } = await server().api('GET', `${path}?limit=${limit}`, { as: anna });
          expect([path, limit, status, body.code, body.details?.field]).toEqual([path, limit, 400, 'INVALID_DATA', 'limit']);
        }
        const forged = Buffer.from(JSON.stringify([1, 'chats', { activeAt: 'x', id: 7 }])).toString('base64url');
        for (const cursor of ['x', '1', 'null', forged, ...(path.endsWith('members') ? [] : [next_cursor])]) {
          const { status, body } = await server().api('GET', `${path}?cursor=${cursor}`, { as: anna });
          expect([path, cursor, status, body.code, body.details?.field]).toEqual([path, cursor, 400, 'INVALID_DATA', 'cursor']);
        }
      }
      const many = await Promise.all(Array.from({ length: 51 }, () => makeGroup(server(), anna)));
      expect(many).toHaveLength(51);
      const first = ok(await server().api('GET', '/api/v2/chats', { as: anna }));
      expect([first.data.length, typeof first.next_cursor]).toEqual([50, 'string']);
    });

    test('a list of chats costs the same few statements however many there are', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const annas = await v2Client(server(), anna);
      const statements = countStatements(server());
      const cost = (path: string) => statements(async () => ok(await server().api('GET', path, { as: anna })));
      const fill = async (count: number) => {
        for (let i = 0; i < count; i++) {
          const { id } = await makeGroup(server(), anna, boris, clara);
          const { message_id } = await say(annas, id, 'x');
          await annas.ask('chat:message:react', { chat_id: id, message_id, emoji: '👍', on: true });
        }
      };
      await fill(2);
      const ofTwo = await cost('/api/v2/chats?limit=200');
      await fill(20);
      expect(await cost('/api/v2/chats?limit=200')).toBe(ofTwo);
      expect(ofTwo).toBeLessThanOrEqual(4);
      const [chat] = ok(await server().api('GET', '/api/v2/chats?limit=1', { as: anna })).data;
      for (let i = 0; i < 20; i++) await say(annas, chat.id, 'x');
      for (const path of [`/api/v2/chats/${chat.id}`, `/api/v2/chats/${chat.id}/messages`, `/api/v2/chats/${chat.id}/members`]) {
        expect(await cost(path), path).toBeLessThanOrEqual(4);
      }
    });

    test('`members (the first 20)`, and `GET /chats/:id/members` has all of them, in the order in which they joined', async () => {
      const [anna] = await makeUsers(server(), 'Anna');
      const crowd = await makeCrowd(server(), 30);
      const chat = await makeGroup(server(), anna, ...crowd.slice(0, 25));
      for (const userId of crowd.slice(25))
        ok(await server().api('POST', `/api/v2/chats/${chat.id}/members`, { as: anna, body: { user_ids: [userId] } }));
      const path = `/api/v2/chats/${chat.id}/members`;
      const all = (await pages<v2.ChatMember>(server(), path, 7, { as: anna })).flat();
      expect(all.map(({ user_id }) => user_id).slice(-5)).toEqual(crowd.slice(25));
      expect(all.map(({ user_id }) => user_id).toSorted()).toEqual([anna, ...crowd].toSorted());
      expect(all.every(({ joined_at, name }) => TIME.test(joined_at) && name)).toBe(true);
      const now = ok(await server().api('GET', `/api/v2/chats/${chat.id}`, { as: anna }));
      expect(now.members).toEqual(all.slice(0, 20));
      expect(now.member_count).toBe(31);
    });

    test('`POST /chats/:id/members {user_ids}` and `DELETE /chats/:id/members/:user_id` "(a group\'s creator and administrators; anyone leaves)"', async () => {
      const [anna, boris, clara, dora] = await makeUsers(server(), 'Anna', 'Boris', 'Clara', 'Dora');
      const chat = await makeGroup(server(), anna, boris);
      const path = `/api/v2/chats/${chat.id}/members`;
      const add = (options: ApiOptions, ...user_ids: string[]) => server().api('POST', path, { ...options, body: { user_ids } });
      const remove = (options: ApiOptions, userId: string) => server().api('DELETE', `${path}/${userId}`, options);
      const members = async (): Promise<string[]> =>
        ok(await server().api('GET', path, { as: anna })).data.map(({ user_id }: v2.ChatMember) => user_id);

      expect((await add({ as: boris }, clara)).body).toMatchObject({ code: 'FORBIDDEN', detail: 'Access denied' });
      const added = await add({ as: anna }, clara, boris, clara);
      expect([added.status, added.body.member_count, added.body.version]).toEqual([201, 3, 1]);
      // Those who are in stay, and nothing changed.
      expect(await add({ as: anna }, clara, boris)).toMatchObject({ status: 200, body: { member_count: 3, version: 1 } });
      expect((await add({ as: anna })).body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'user_ids' } });
      expect((await remove({ as: boris }, clara)).status).toBe(403);
      expect((await remove({ as: anna }, dora)).body).toMatchObject({ code: 'NOT_FOUND', details: { field: 'user_id' } });
      expect((await remove({ as: anna }, clara)).status).toBe(204);
      expect((await remove({ as: boris }, boris)).status).toBe(204);
      expect(await members()).toEqual([anna]);
      // The customer's backend, and administrators, for any chat.
      expect((await add({ key: true, onBehalfOf: dora }, dora)).status).toBe(201);
      await server().createUser(clara, { name: 'Clara', role: 'admin' });
      expect((await add({ as: clara }, boris)).status).toBe(201);
      expect((await remove({ as: clara }, dora)).status).toBe(204);
      expect(await members()).toEqual([anna, boris]);
      // Who made the group and left it is nobody in it any more.
      expect((await remove({ as: anna }, anna)).status).toBe(204);
      expect((await add({ as: anna }, anna)).status).toBe(403);
    });

    test('a direct chat keeps its two members and has no title', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const chat = await makeDirect(server(), anna, boris);
      const path = `/api/v2/chats/${chat.id}`;
      const refused = [
        await server().api('POST', `${path}/members`, { as: anna, body: { user_ids: [clara] } }),
        await server().api('DELETE', `${path}/members/${boris}`, { as: anna }),
        await server().api('DELETE', `${path}/members/${anna}`, { as: anna }),
        await server().api('PATCH', path, { as: anna, body: { title: 'x' } }),
      ];
      expect(refused.map(({ body }) => body.code)).toEqual(['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']);
      expect(ok(await server().api('GET', path, { as: anna }))).toEqual(chat);
    });

    test('a group holds at most 5,000 members', async () => {
      const [anna] = await makeUsers(server(), 'Anna');
      const chat = await makeGroup(server(), anna);
      const { status, body } = await server().api('POST', `/api/v2/chats/${chat.id}/members`, {
        as: anna,
        body: { user_ids: Array.from({ length: 5_001 }, (_, i) => `u${i}`) },
      });
      expect([status, body.code, body.details.field]).toEqual([400, 'INVALID_DATA', 'user_ids']);
    });

    test('`PATCH /chats/:id {title?}`: its creator; without a title it answers the chat', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeGroup(server(), anna, boris);
      const patch = (as: string, body: object) => server().api('PATCH', `/api/v2/chats/${chat.id}`, { as, body });
      expect((await patch(boris, { title: 'x' })).status).toBe(403);
      expect(ok(await patch(boris, {}))).toMatchObject({ title: 'Group', version: 0 });
      expect(ok(await patch(anna, { title: 'Новое' }))).toMatchObject({ title: 'Новое', version: 1 });
      for (const title of ['', 7, 'x'.repeat(201)])
        expect((await patch(anna, { title })).body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'title' } });
    });

    test('`PUT /chats/:id/mute` mutes a chat for oneself alone, until a time', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeGroup(server(), anna, boris);
      const mute = (until: unknown) => server().api('PUT', `/api/v2/chats/${chat.id}/mute`, { as: anna, body: { until } });
      const seenBy = async (as: string) => ok(await server().api('GET', '/api/v2/chats', { as })).data[0].muted_until;
      expect(ok(await mute('2030-01-01T00:00:00+03:00'))).toEqual({ muted_until: '2029-12-31T21:00:00.000Z' });
      expect([await seenBy(anna), await seenBy(boris)]).toEqual(['2029-12-31T21:00:00.000Z', null]);
      // A muted chat is live all the same.
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      await say(boriss, chat.id, 'x');
      await annas.next('chat:message:new');
      expect(ok(await mute(null))).toEqual({ muted_until: null });
      expect(await seenBy(anna)).toBeNull();
      for (const until of ['tomorrow', 5, undefined, '2030-13-01T00:00:00Z'])
        expect((await mute(until)).body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'until' } });
    });
  });

  describe('messages by REST', () => {
    const seqs = ({ data }: { data: v2.Message[] }) => data.map(({ seq }) => seq);
    const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

    test('`GET /chats/:id/messages?before_seq=&after_seq=&limit=` "(always ascending; without either, the newest)"', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeDirect(server(), anna, boris);
      const annas = await v2Client(server(), anna);
      const path = `/api/v2/chats/${chat.id}/messages`;
      const get = async (query: string) => ok(await server().api('GET', `${path}?${query}`, { as: boris }));
      expect(await get('')).toEqual({ data: [], next_cursor: null });
      await Promise.all(Array.from({ length: 60 }, (_, i) => say(annas, chat.id, `${i}`)));
      expect(seqs(await get(''))).toEqual(upTo(11, 60));
      expect(seqs(await get('limit=200'))).toEqual(upTo(1, 60));
      expect(seqs(await get('limit=3'))).toEqual([58, 59, 60]);
      expect(seqs(await get('before_seq=11&limit=4'))).toEqual([7, 8, 9, 10]);
      expect(seqs(await get('before_seq=3'))).toEqual([1, 2]);
      expect(seqs(await get('after_seq=0&limit=3'))).toEqual([1, 2, 3]);
      expect(seqs(await get('after_seq=58'))).toEqual([59, 60]);
      expect(seqs(await get('after_seq=10&before_seq=14'))).toEqual([11, 12, 13]);
      expect(seqs(await get('after_seq=60'))).toEqual([]);
      expect(seqs(await get('before_seq=1'))).toEqual([]);
      expect(seqs(await get('before_seq=9000'))).toEqual(upTo(11, 60));
      const numbers = ['before_seq=-1', 'after_seq=x', 'after_seq=1.5', 'before_seq=', 'after_seq=%205', `after_seq=${'9'.repeat(30)}`];
      for (const wrong of [...numbers, 'before_seq=1&before_seq=2']) {
        const { status, body } = await server().api('GET', `${path}?${wrong}`, { as: boris });
        expect([wrong, status, body.code]).toEqual([wrong, 400, 'INVALID_DATA']);
      }
    });

    test('`next_cursor` leads on, in either direction, to every message once, and is null at the end', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeDirect(server(), anna, boris);
      const annas = await v2Client(server(), anna);
      await Promise.all(Array.from({ length: 12 }, (_, i) => say(annas, chat.id, `${i}`)));
      const path = `/api/v2/chats/${chat.id}/messages`;
      for (const limit of [4, 5, 12, 50]) {
        const backwards = await pages<v2.Message>(server(), path, limit, { as: boris });
        expect(
          backwards
            .toReversed()
            .flat()
            .map(({ seq }) => seq),
        ).toEqual(upTo(1, 12));
        const forwards = await pages<v2.Message>(server(), `${path}?after_seq=0`, limit, { as: boris });
        expect(forwards.flat().map(({ seq }) => seq)).toEqual(upTo(1, 12));
        expect([backwards.length, forwards.length], `limit ${limit}`).toEqual([Math.ceil(12 / limit), Math.ceil(12 / limit)]);
      }
    });

    test('a new name is shown in history', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeDirect(server(), anna, boris);
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      await say(annas, chat.id, 'before');
      await server().createUser(anna, { name: 'Anna Karenina', avatar: null });
      await say(annas, chat.id, 'after');
      expect(await boriss.next('chat:message:new', ({ content }) => content === 'after')).toMatchObject({
        sender_name: 'Anna Karenina',
        sender_avatar: null,
      });
      const { data } = ok(await server().api('GET', `/api/v2/chats/${chat.id}/messages`, { as: boris }));
      expect(data.map(({ sender_name, sender_avatar }: v2.Message) => [sender_name, sender_avatar])).toEqual([
        ['Anna Karenina', null],
        ['Anna Karenina', null],
      ]);
    });
  });
});
