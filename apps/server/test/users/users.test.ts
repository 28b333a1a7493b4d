import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Follower } from '../../src/log/follower.ts';
import { MessagesService } from '../../src/features/chats/messages.service.ts';
import { UserDirectory } from '../../src/features/users/user-directory.ts';
import { UsersService } from '../../src/features/users/users.service.ts';
import { makeDirect, makeUsers, ok } from '../support/chats.ts';
import { freshId, SERVER_ENGINES, startServer, type TestServer } from '../support/server.ts';

for (const { name, missing, start } of SERVER_ENGINES) {
  describe.skipIf(missing)(`users on ${name}`, () => {
    let server: TestServer;
    let admin: string;
    beforeAll(async () => {
      server = await start({ RATE_LIMIT_MAX_EVENTS: '100000', RATE_LIMIT_MAX_LIGHT: '100000' });
      admin = freshId('admin');
      await server.createUser(admin, { role: 'admin' });
    });
    afterAll(() => server.stop());

    const put = (id: string, body: unknown, as?: string) =>
      server.api('PUT', `/api/v2/users/${encodeURIComponent(id)}`, { ...(as === undefined ? { key: true as const } : { as }), body });
    const get = (id: string, as = admin) => server.api('GET', `/api/v2/users/${encodeURIComponent(id)}`, { as });

    describe('PUT /users/:id {name, avatar?, role?, email?, password?, locale?, is_master?, disabled?}', () => {
      test('makes a user', async () => {
        const id = freshId();
        const { status, body } = await put(id, {
          name: 'أمل',
          avatar: 'https://cdn.example.com/a.png',
          role: 'employee',
          locale: 'ar',
          is_master: true,
        });
        expect(status).toBe(200);
        expect(body).toEqual({
          id,
          name: 'أمل',
          avatar: 'https://cdn.example.com/a.png',
          role: 'employee',
          locale: 'ar',
          is_master: true,
          disabled: false,
          created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        });
      });

      test('keys left out keep their value; null clears', async () => {
        const id = freshId();
        const all = { name: 'A', avatar: 'https://cdn.example.com/a.png', role: 'manager', locale: 'ru', is_master: true, disabled: true };
        const { body: made } = await put(id, { ...all, email: `${id}@example.com` });
        expect((await put(id, { name: 'B' })).body).toEqual({ ...made, name: 'B' });
        expect((await put(id, { name: 'B', avatar: null, locale: null, disabled: false })).body).toEqual({
          ...made,
          name: 'B',
          avatar: null,
          locale: null,
          disabled: false,
        });
        const me = await server.api('GET', '/api/v2/me', { as: id });
        expect(me.body.email).toBe(`${id}@example.com`);
      });

      test('user ids are any 1 to 64 characters without control characters, percent-encoded in paths', async () => {
        for (const id of ['a', '😀'.repeat(64), 'علي/✓?#&%41 +', '..%2F', 'a'.repeat(64)]) {
          expect((await put(id, { name: 'x' })).body.id, id).toBe(id);
          expect((await get(id)).body.id, id).toBe(id);
        }
        for (const id of ['a'.repeat(65), 'a'.repeat(5_000), 'a\nb', '\u007f', 'a\0b']) {
          const { status, body } = await put(id, { name: 'x' });
          expect([status, body.code, body.details.field], JSON.stringify(id)).toEqual([400, 'INVALID_DATA', 'id']);
        }
      });

      test('INVALID_DATA names the field', async () => {
        const wrong: [string, unknown][] = [
          ['name', { name: '' }],
          ['name', {}],
          ['name', { name: 'x'.repeat(201) }],
          ['name', { name: 'a\0b' }],
          ['avatar', { name: 'x', avatar: 'javascript:alert(1)' }],
          ['avatar', { name: 'x', avatar: `https://a.test/${'x'.repeat(2_034)}` }],
          ['role', { name: 'x', role: 'owner' }],
          ['email', { name: 'x', email: 'not an address' }],
          ['password', { name: 'x', password: 'short' }],
          ['password', { name: 'x', password: 'x'.repeat(257) }],
          ['locale', { name: 'x', locale: 'fr' }],
          ['is_master', { name: 'x', is_master: 'yes' }],
          ['disabled', { name: 'x', disabled: 1 }],
          ['payload', []],
          ['payload', null],
        ];
        for (const [field, body] of wrong) {
          const answer = await put(freshId(), body);
          expect([answer.status, answer.body.code, answer.body.details?.field], JSON.stringify(body)).toEqual([400, 'INVALID_DATA', field]);
        }
      });

      test('unknown keys in a payload are ignored, never echoed', async () => {
        const { status, body } = await put(freshId(), { name: 'x', erased_at: 1, is_admin: true });
        expect(status).toBe(200);
        expect(Object.keys(body)).not.toContain('is_admin');
      });

      test('an address belongs to one user: CONFLICT', async () => {
        const [one, two] = [freshId(), freshId()];
        await put(one, { name: 'x', email: `${one}@example.com` });
        const { status, body } = await put(two, { name: 'x', email: `${one.toUpperCase()}@EXAMPLE.com` });
        expect([status, body.code, body.details.field]).toEqual([409, 'CONFLICT', 'email']);
        expect((await get(two)).status).toBe(404);
        expect((await put(one, { name: 'y', email: `${one}@example.com` })).status).toBe(200);
        await put(one, { name: 'y', email: null });
        expect((await put(two, { name: 'x', email: `${one}@example.com` })).status).toBe(200);
      });

      test('many at once for one id make one user', async () => {
        const id = freshId();
        const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => put(id, { name: `name ${i}` })));
        expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
        expect(new Set(answers.map(({ body }) => body.created_at)).size).toBe(1);
      });

      test('(API key or admin): others are FORBIDDEN, for themselves too', async () => {
        const id = freshId();
        for (const role of ['user', 'employee', 'manager']) {
          await put(id, { name: 'x', role });
          expect((await put(id, { name: 'x', role: 'admin' }, id)).body.code, role).toBe('FORBIDDEN');
        }
        expect((await put(id, { name: 'by admin' }, admin)).body.name).toBe('by admin');
        expect((await server.api('PUT', `/api/v2/users/${id}`, { body: { name: 'x' } })).status).toBe(401);
      });

      test('a change is seen by all who knew the user, and is told of in the log', async () => {
        const id = freshId();
        const seen: unknown[] = [];
        server.app.get(Follower).onEntry((entry) => entry.stream === 'directory' && seen.push(entry.kind, entry.data));
        await put(id, { name: 'A' });
        expect((await server.app.get(UserDirectory).load(id))!.name).toBe('A');
        await put(id, { name: 'B' });
        await put(id, { name: 'B' });
        expect((await server.app.get(UserDirectory).load(id))!.name).toBe('B');
        expect(seen).toEqual(['user.changed', { userId: id }, 'user.changed', { userId: id }]);
      });
    });

    describe('GET /users/:id', () => {
      test('(with `online`, `last_seen`), for anybody signed in', async () => {
        const id = freshId();
        await put(id, { name: 'x', email: `${id}@example.com` });
        const { status, body } = await get(id, id);
        expect(status).toBe(200);
        expect(body).toMatchObject({ id, online: false, last_seen: null });
        expect(Object.keys(body)).not.toContain('email');
      });

      test('one who does not exist is NOT_FOUND', async () => {
        expect((await get(freshId())).body).toMatchObject({ status: 404, code: 'NOT_FOUND' });
      });
    });

    describe('GET /users?q=', () => {
      const mark = freshId('mark');
      const find = async (q: string, query = '') => {
        const { body } = await server.api('GET', `/api/v2/users?q=${encodeURIComponent(q)}${query}`, { as: admin });
        return body as { data: { id: string; name: string }[]; next_cursor: string | null };
      };
      const names = async (q: string) => (await find(q)).data.map(({ name }) => name);

      beforeAll(async () => {
        const people = [
          'Иван Ёлкин',
          'иВАНОВ',
          'Diwan',
          'أَحْمَد',
          'احمد الثاني',
          'فاطمة',
          '100% cotton',
          'snake_case',
          'back\\slash',
          'Émile',
          'ÇAĞLAR',
        ];
        await Promise.all(people.map((name, i) => put(`${mark}-${i}`, { name: `${name} ${mark}` })));
      });

      test('names and ids, whatever the case, in Latin, Cyrillic and Arabic', async () => {
        const hits = async (q: string) =>
          (await names(q)).filter((name) => name.endsWith(mark)).map((name) => name.slice(0, -mark.length - 1));
        expect(await hits('иван')).toEqual(['Иван Ёлкин', 'иВАНОВ']);
        expect(await hits('ИВАН')).toEqual(['Иван Ёлкин', 'иВАНОВ']);
        expect(await hits('елкин')).toEqual(['Иван Ёлкин']);
        expect(await hits('أحمد')).toEqual(await hits('احمد'));
        expect((await hits('احمد')).toSorted()).toEqual(['أَحْمَد', 'احمد الثاني'].toSorted());
        expect(await hits('فاطمه')).toEqual(['فاطمة']);
        expect(await hits('emile')).toEqual(['Émile']);
        expect(await hits('DIWAN')).toEqual(['Diwan']);
        expect((await find(`${mark}-3`)).data.map(({ id }) => id)).toEqual([`${mark}-3`]);
      });

      test('begins with comes before contains', async () => {
        const [a, b, c] = [freshId('zz'), freshId('zz'), freshId('zz')];
        await put(a, { name: `aa q${mark}` });
        await put(b, { name: `q${mark}` });
        await put(c, { name: `bb q${mark}` });
        expect((await find(`q${mark}`)).data.map(({ id }) => id)).toEqual([b, a, c]);
      });

      test('the wildcards of databases are letters like any other', async () => {
        const own = async (q: string) => (await names(q)).filter((name) => name.endsWith(mark));
        expect(await own('%')).toEqual([`100% cotton ${mark}`]);
        expect(await own('e_c')).toEqual([`snake_case ${mark}`]);
        expect(await own('back\\s')).toEqual([`back\\slash ${mark}`]);
        expect(await own("'; drop table users; --")).toEqual([]);
      });

      test('{data, next_cursor}, ?cursor=&limit=: every user once, in one order', async () => {
        for (const q of [mark, '']) {
          const whole = await find(q, '&limit=200');
          const pages: string[] = [];
          let cursor: string | null = null;
          do {
            const page = await find(q, `&limit=3${cursor === null ? '' : `&cursor=${cursor}`}`);
            expect(page.data.length).toBeLessThanOrEqual(3);
            pages.push(...page.data.map(({ id }) => id));
            cursor = page.next_cursor;
          } while (cursor !== null);
          expect(pages).toEqual(whole.data.map(({ id }) => id));
          expect(new Set(pages).size).toBe(pages.length);
        }
      });

      test('50 by default, 1 to 200; a cursor that is not ours is INVALID_DATA', async () => {
        const ask = (query: string) => server.api('GET', `/api/v2/users?${query}`, { as: admin });
        const json = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
        const foreign = [
          'x',
          '',
          '%00',
          json([1, 'chats', [0, 'a', 'b']]),
          json([1, 'users', [0, 'a']]),
          json([1, 'users', [9, 'a', 'b']]),
          json([2, 'users', [0, 'a', 'b']]),
        ];
        for (const cursor of foreign) {
          const { status, body } = await ask(`cursor=${cursor}`);
          expect([status, body.code, body.details.field], cursor).toEqual([400, 'INVALID_DATA', 'cursor']);
        }
        for (const limit of ['0', '201', '-1', '1.5', 'x', '', '1&limit=2']) {
          const { status, body } = await ask(`limit=${limit}`);
          expect([status, body.code, body.details.field], limit).toEqual([400, 'INVALID_DATA', 'limit']);
        }
        expect((await ask('limit=1')).body.data).toHaveLength(1);
        await Promise.all(Array.from({ length: 51 }, () => put(freshId('many'), { name: 'many' })));
        expect((await ask('q=many')).body.data).toHaveLength(50);
      });
    });

    describe('DELETE /users/:id', () => {
      test('(erases the person): nobody finds them, they are out, and their address is free', async () => {
        const id = freshId();
        const email = `${id}@example.com`;
        await put(id, { name: `name of ${id}`, avatar: 'https://cdn.example.com/a.png', email, password: 'correct horse', role: 'admin' });
        expect((await server.api('DELETE', `/api/v2/users/${id}`, { as: id })).status).toBe(204);
        expect((await get(id)).status).toBe(404);
        expect((await server.api('GET', `/api/v2/users?q=${id}`, { as: admin })).body.data).toEqual([]);
        expect((await server.api('GET', '/api/v2/me', { as: id })).status).toBe(401);
        expect((await server.api('POST', '/api/v2/auth/login', { body: { email, password: 'correct horse' } })).status).toBe(401);
        expect(await server.app.get(UserDirectory).load(id)).toMatchObject({
          id,
          name: '',
          avatar: null,
          email: null,
          role: 'user',
          erased: true,
        });
        expect((await put(freshId(), { name: 'x', email })).status).toBe(200);
      });

      test('an erased id is nobody else: CONFLICT', async () => {
        const id = freshId();
        await put(id, { name: 'x' });
        await server.api('DELETE', `/api/v2/users/${id}`, { key: true });
        expect((await put(id, { name: 'y' })).body).toMatchObject({ status: 409, code: 'CONFLICT' });
        expect((await server.api('GET', '/api/v2/me', { key: true, onBehalfOf: id })).status).toBe(404);
      });

      test('again is 204; one who never was is NOT_FOUND; not for users', async () => {
        const id = freshId();
        await put(id, { name: 'x' });
        expect((await server.api('DELETE', `/api/v2/users/${id}`, { as: id })).status).toBe(403);
        for (let i = 0; i < 2; i++) expect((await server.api('DELETE', `/api/v2/users/${id}`, { key: true })).status).toBe(204);
        expect((await server.api('DELETE', `/api/v2/users/${freshId()}`, { key: true })).status).toBe(404);
      });
    });
  });
}

describe('an erasure', () => {
  test('that a feature could not finish is finished by erasing again, or by the next start', async () => {
    const erased: string[] = [];
    const first = await startServer();
    try {
      first.app
        .get(UsersService)
        .registerEraser((id) => (erased.push(id), erased.length === 1 ? Promise.reject(new Error('not now')) : Promise.resolve()));
      await first.createUser('amal');
      await first.createUser('bashir');
      expect((await first.api('DELETE', '/api/v2/users/amal', { key: true })).status).toBe(500);
      expect((await first.api('GET', '/api/v2/me', { as: 'amal' })).status).toBe(401);
      expect((await first.api('DELETE', '/api/v2/users/amal', { key: true })).status).toBe(204);
      expect(erased).toEqual(['amal', 'amal']);

      first.app.get(UsersService).registerEraser(() => Promise.reject(new Error('never')));
      await first.api('DELETE', '/api/v2/users/bashir', { key: true });
      await first.app.close();
      const unfinished = () => {
        const database = new DatabaseSync(join(first.settings.DATA_DIR, 'majlis.sqlite'), { readOnly: true });
        const rows = database.prepare("select key from application_state where key like 'erasure:%'").all();
        database.close();
        return rows.map(({ key }) => key);
      };
      expect(unfinished()).toEqual(['erasure:amal', 'erasure:bashir']);
      const second = await startServer({ DATA_DIR: first.settings.DATA_DIR });
      await expect.poll(unfinished, { timeout: 15_000 }).toEqual([]);
      await second.stop();
    } finally {
      await first.stop();
    }
  });

  test('takes what the person said through a node that had not heard of it yet', async () => {
    const server = await startServer();
    const [users, messages] = [server.app.get(UserDirectory), server.app.get(MessagesService)];
    const [amal, bashir] = await makeUsers(server, 'amal', 'bashir');
    const chat = await makeDirect(server, bashir, amal);
    const before = await users.load(amal);
    expect((await server.api('DELETE', `/api/v2/users/${amal}`, { key: true })).status).toBe(204);
    vi.spyOn(users, 'get').mockReturnValueOnce(before);
    const { messageId } = await messages.send(amal, chat.id, { type: 'text', content: 'the last word', metadata: {} });
    const read = async () => ok(await server.api('GET', `/api/v2/chats/${chat.id}/messages`, { as: bashir })).data;
    await expect.poll(read, { timeout: 15_000 }).toMatchObject([{ id: messageId, content: '', sender_name: '', sender_avatar: null }]);
    await server.stop();
  });
});
