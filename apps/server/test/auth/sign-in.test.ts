import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshId, SERVER_ENGINES, startServer, type TestServer } from '../support/server.ts';

const PASSWORD = 'correct horse';

async function person(server: TestServer, fields: Parameters<TestServer['createUser']>[1] = {}) {
  const id = freshId();
  const email = `${id}@example.com`;
  await server.createUser(id, { email, password: PASSWORD, ...fields });
  return { id, email };
}

const login = (server: TestServer, email: string, password = PASSWORD) =>
  server.api('POST', '/api/v2/auth/login', { body: { email, password } });
const refresh = (server: TestServer, token: string) => server.api('POST', '/api/v2/auth/refresh', { body: { refresh_token: token } });
const me = (server: TestServer, bearer: string) => server.api('GET', '/api/v2/me', { bearer });

for (const { name, missing, start } of SERVER_ENGINES) {
  describe.skipIf(missing)(`sign-in on ${name}`, () => {
    let server: TestServer;
    beforeAll(async () => {
      server = await start({ RATE_LIMIT_MAX_CONNECTS: '0' });
    });
    afterAll(() => server.stop());

    test('POST /auth/login {email, password}; answer {access_token, refresh_token, expires_in, user}', async () => {
      const { id, email } = await person(server, { name: 'Amal', locale: 'ar' });
      const { status, body } = await login(server, email.toUpperCase());
      expect(status).toBe(200);
      expect(body).toEqual({
        access_token: expect.any(String),
        refresh_token: expect.any(String),
        expires_in: 900,
        user: expect.objectContaining({ id, email, name: 'Amal', locale: 'ar', role: 'user' }),
      });
      expect((await me(server, body.access_token)).body.id).toBe(id);
      expect(JSON.stringify(body)).not.toMatch(/argon|password/);
    });

    test('a wrong password, an unknown address, a user without a password and a disabled one are refused alike', async () => {
      const { email } = await person(server);
      const disabled = await person(server, { disabled: true });
      const bare = freshId();
      await server.createUser(bare, { email: `${bare}@example.com` });
      const refusals = await Promise.all([
        login(server, email, 'wrong horse'),
        login(server, 'nobody@example.com'),
        login(server, `${bare}@example.com`),
        login(server, disabled.email),
      ]);
      for (const { status, body } of refusals) {
        expect(status).toBe(401);
        expect({ ...body, timestamp: '' }).toEqual({ ...refusals[0]?.body, timestamp: '' });
      }
    });

    test('POST /auth/refresh: opaque, rotating', async () => {
      const { email, id } = await person(server);
      const first = (await login(server, email)).body;
      const second = await refresh(server, first.refresh_token);
      expect(second.status).toBe(200);
      expect(second.body.refresh_token).not.toBe(first.refresh_token);
      expect(second.body.access_token).not.toBe(first.access_token);
      expect((await me(server, second.body.access_token)).body.id).toBe(id);
      expect((await refresh(server, second.body.refresh_token)).status).toBe(200);
      expect((await refresh(server, 'never given out')).status).toBe(401);
    });

    test('a reused one revokes the family', async () => {
      const { email } = await person(server);
      const first = (await login(server, email)).body;
      const other = (await login(server, email)).body;
      const second = (await refresh(server, first.refresh_token)).body;
      expect((await refresh(server, first.refresh_token)).status).toBe(401);
      expect((await refresh(server, second.refresh_token)).status).toBe(401);
      // Another sign-in of the same user is another family.
      expect((await refresh(server, other.refresh_token)).status).toBe(200);
    });

    test('of two exchanges of one token at the same moment one succeeds, and the family is revoked', async () => {
      const { email } = await person(server);
      const { refresh_token: token } = (await login(server, email)).body;
      const answers = await Promise.all([refresh(server, token), refresh(server, token)]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401]);
      const winner = answers.find(({ status }) => status === 200)!;
      expect((await refresh(server, winner.body.refresh_token)).status).toBe(401);
    });

    test('POST /auth/logout ends the sign-in; ending what is not there is no error', async () => {
      const { email } = await person(server);
      const { refresh_token: token } = (await login(server, email)).body;
      const { body: next } = await refresh(server, token);
      const logout = () => server.api('POST', '/api/v2/auth/logout', { body: { refresh_token: next.refresh_token } });
      expect((await logout()).status).toBe(204);
      expect((await logout()).status).toBe(204);
      expect((await refresh(server, next.refresh_token)).status).toBe(401);
    });

    test('a changed password, disabling and erasing end all sign-ins', async () => {
      const changes = [
        (id: string) => server.createUser(id, { password: 'another horse' }),
        (id: string) => server.createUser(id, { disabled: true }),
        (id: string) => server.api('DELETE', `/api/v2/users/${id}`, { key: true }),
      ];
      for (const change of changes) {
        const { id, email } = await person(server);
        const { refresh_token: token } = (await login(server, email)).body;
        await change(id);
        expect((await refresh(server, token)).status, String(change)).toBe(401);
      }
    });

    test('other changes end none', async () => {
      const { id, email } = await person(server);
      const { refresh_token: token } = (await login(server, email)).body;
      await server.createUser(id, { name: 'another name' });
      expect((await refresh(server, token)).status).toBe(200);
    });

    test('guessing at one address is limited, from wherever, and a right password does not pass either', async () => {
      const { email } = await person(server);
      const statuses = [];
      for (let i = 0; i < 10; i++) statuses.push((await login(server, email, 'wrong horse')).status);
      expect(statuses).toEqual(statuses.map(() => 401));
      const limited = await login(server, email);
      expect(limited.status).toBe(429);
      expect(limited.body.code).toBe('RATE_LIMIT');
      expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await login(server, (await person(server)).email)).status).toBe(200);
    });
  });
}

describe('at rest', () => {
  test('passwords are argon2id hashes, and refresh tokens only their SHA-256', async () => {
    const server = await startServer();
    try {
      const { id, email } = await person(server);
      const { refresh_token: token } = (await login(server, email)).body;
      const database = new DatabaseSync(join(server.settings.DATA_DIR, 'majlis.sqlite'), { readOnly: true });
      const user = database.prepare('select * from users where id = ?').get(id) as { password_hash: string };
      const tokens = JSON.stringify(database.prepare('select * from refresh_tokens').all());
      database.close();
      expect(user.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      expect(tokens).toMatch(/"hash":"[0-9a-f]{64}"/);
      expect(tokens).not.toContain(token);
    } finally {
      await server.stop();
    }
  });
});

describe('ADMIN_EMAIL and ADMIN_PASSWORD', () => {
  const settings = { ADMIN_EMAIL: 'Root@Example.com', ADMIN_PASSWORD: 'first of all' };

  test('make the first administrator, once', async () => {
    const server = await startServer(settings);
    const { body } = await login(server, 'root@example.com', 'first of all');
    expect(body.user).toMatchObject({ role: 'admin', email: 'root@example.com', name: 'Administrator' });
    const changed = await server.api('PUT', `/api/v2/users/${body.user.id}`, {
      bearer: body.access_token,
      body: { name: 'Root', password: 'changed since' },
    });
    expect(changed.status).toBe(200);
    await server.app.close();
    // On a store that has an administrator the settings say nothing.
    const again = await startServer({ ...settings, DATA_DIR: server.settings.DATA_DIR });
    try {
      expect((await login(again, 'root@example.com', 'first of all')).status).toBe(401);
      expect((await login(again, 'root@example.com', 'changed since')).body.user).toMatchObject({ id: body.user.id, name: 'Root' });
    } finally {
      await again.stop();
      await server.stop();
    }
  });

  test('the user who has that address already becomes it', async () => {
    const before = await startServer();
    await before.createUser('amal', { name: 'Amal', email: 'root@example.com' });
    await before.app.close();
    const after = await startServer({ ...settings, DATA_DIR: before.settings.DATA_DIR });
    try {
      expect((await login(after, 'root@example.com', 'first of all')).body.user).toMatchObject({ id: 'amal', name: 'Amal', role: 'admin' });
    } finally {
      await after.stop();
      await before.stop();
    }
  });
});
