import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Follower } from '../../src/log/follower.ts';
import { freshId, SERVER_ENGINES, startServer, type TestServer } from '../support/server.ts';

const me = (server: TestServer, id: string, claims: Record<string, unknown>) =>
  server.api('GET', '/api/v2/me', { bearer: server.token(id, claims) });

for (const { name, missing, start } of SERVER_ENGINES) {
  describe.skipIf(missing)(`AUTH_PROVISION_USERS=true on ${name}`, () => {
    let server: TestServer;
    const changed: string[] = [];
    beforeAll(async () => {
      server = await start({ AUTH_PROVISION_USERS: 'true', RATE_LIMIT_MAX_CONNECTS: '0' });
      server.app.get(Follower).onEntry(({ stream, data }) => stream === 'directory' && changed.push((data as { userId: string }).userId));
    });
    afterAll(() => server.stop());
    afterEach(() => void changed.splice(0));

    test('creates the user from the claims `name`, `avatar`', async () => {
      const id = freshId();
      const { status, body } = await me(server, id, { name: 'أمل', avatar: 'https://cdn.example.com/a.png' });
      expect(status).toBe(200);
      expect(body).toMatchObject({ id, name: 'أمل', avatar: 'https://cdn.example.com/a.png', role: 'user', disabled: false });
    });

    test('updates it when they change, and writes nothing when they do not', async () => {
      const id = freshId();
      await me(server, id, { name: 'A', avatar: 'https://cdn.example.com/a.png' });
      await me(server, id, { name: 'A', avatar: 'https://cdn.example.com/a.png' });
      await me(server, id, {});
      expect(changed).toEqual([id]);
      expect((await me(server, id, { name: 'B', avatar: null })).body).toMatchObject({ name: 'B', avatar: null });
      expect(changed).toEqual([id, id]);
    });

    test('concurrent first connections of one user make one row and one change', async () => {
      const id = freshId();
      const answers = await Promise.all(Array.from({ length: 20 }, () => me(server, id, { name: 'A' })));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(changed).toEqual([id]);
    });

    test('claims of the wrong form count as absent', async () => {
      const id = freshId();
      const { status, body } = await me(server, id, { name: 'x'.repeat(201), avatar: 'javascript:alert(1)', role: 'emperor' });
      expect(status).toBe(200);
      expect(body).toMatchObject({ name: id, avatar: null, role: 'user' });
    });

    test('never a role above `user`', async () => {
      const id = freshId();
      expect((await me(server, id, { role: 'admin' })).body.role).toBe('user');
      await server.createUser(id, { role: 'manager' });
      expect((await me(server, id, { role: 'user', name: 'new name' })).body).toMatchObject({ name: 'new name', role: 'manager' });
    });

    test('one who is disabled or was erased is not made anew', async () => {
      const id = freshId();
      await server.createUser(id, { disabled: true });
      expect((await me(server, id, { name: 'back' })).status).toBe(401);
      await server.api('DELETE', `/api/v2/users/${id}`, { key: true });
      expect((await me(server, id, { name: 'back' })).status).toBe(401);
    });
  });
}

describe('AUTH_TRUST_ROLE_CLAIM=true', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ AUTH_PROVISION_USERS: 'true', AUTH_TRUST_ROLE_CLAIM: 'true' });
  });
  afterAll(() => server.stop());

  test('gives the role that the token claims, up and down; a token without the claim changes nothing', async () => {
    const id = freshId();
    expect((await me(server, id, { role: 'manager' })).body.role).toBe('manager');
    expect((await me(server, id, {})).body.role).toBe('manager');
    expect((await me(server, id, { role: 'employee' })).body.role).toBe('employee');
    expect((await me(server, id, { role: 'emperor' })).body.role).toBe('employee');
  });
});

describe('without AUTH_PROVISION_USERS', () => {
  test('claims change nobody, whatever AUTH_TRUST_ROLE_CLAIM says', async () => {
    const server = await startServer({ AUTH_TRUST_ROLE_CLAIM: 'true' });
    try {
      await server.createUser('amal', { name: 'Amal' });
      expect((await me(server, 'amal', { name: 'Admin', role: 'admin' })).body).toMatchObject({ name: 'Amal', role: 'user' });
      expect((await me(server, 'nobody', { name: 'Nobody' })).status).toBe(401);
    } finally {
      await server.stop();
    }
  });
});
