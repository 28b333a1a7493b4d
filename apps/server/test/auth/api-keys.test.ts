import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { makeAdmin } from '../admin/admins.ts';
import { makeUsers, ok, onServers, TIME, UUID_V7 } from '../support/chats.ts';
import { startServer, type TestServer } from '../support/server.ts';

describe('X-API-Key', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ API_KEYS: 'first-key, second-key', RATE_LIMIT_MAX_EVENTS: '3', RATE_LIMIT_MAX_CONNECTS: '0' });
    await server.api('PUT', '/api/v2/users/amal', { key: 'first-key', body: { name: 'Amal' } });
  });
  afterAll(() => server.stop());

  test("acts as the customer's backend: each key of API_KEYS", async () => {
    for (const key of ['first-key', 'second-key']) expect((await server.api('GET', '/api/v2/users/amal', { key })).status).toBe(200);
  });

  test('another key is UNAUTHORIZED, whoever is signed in beside it', async () => {
    for (const key of ['', 'first-key, second-key', 'First-Key', 'first-keyx', 'first-ke']) {
      const { status, body } = await server.api('GET', '/api/v2/users/amal', { key, as: 'amal' });
      expect([status, body.code, body.details.field], key).toEqual([401, 'UNAUTHORIZED', 'X-API-Key']);
    }
  });

  test('`X-On-Behalf-Of` names the user it acts for where one is needed', async () => {
    expect((await server.api('GET', '/api/v2/me', { key: 'first-key', onBehalfOf: 'amal' })).body.id).toBe('amal');
    const alone = await server.api('GET', '/api/v2/me', { key: 'first-key' });
    expect(alone.body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'X-On-Behalf-Of' } });
    const unknown = await server.api('GET', '/api/v2/me', { key: 'first-key', onBehalfOf: 'nobody' });
    expect(unknown.body).toMatchObject({ code: 'NOT_FOUND', status: 404 });
  });

  test('user ids are any characters: percent-encoded, or as bytes of UTF-8', async () => {
    const id = 'علي 100%25/✓';
    await server.api('PUT', `/api/v2/users/${encodeURIComponent(id)}`, { key: 'first-key', body: { name: 'Ali' } });
    expect((await server.api('GET', `/api/v2/users/${encodeURIComponent(id)}`, { key: 'first-key' })).body.id).toBe(id);
    for (const onBehalfOf of [encodeURIComponent(id), Buffer.from(id).toString('latin1')]) {
      const { body } = await server.api('GET', '/api/v2/me', { key: 'first-key', headers: { 'x-on-behalf-of': onBehalfOf } });
      expect(body.id).toBe(id);
    }
  });

  test('`X-On-Behalf-Of` is ignored without a valid key', async () => {
    await server.api('PUT', '/api/v2/users/bashir', { key: 'first-key', body: { name: 'Bashir' } });
    expect((await server.api('GET', '/api/v2/me', { as: 'amal', onBehalfOf: 'bashir' })).body.id).toBe('amal');
    expect((await server.api('GET', '/api/v2/me', { onBehalfOf: 'bashir' })).status).toBe(401);
  });

  test('API keys never count', async () => {
    for (let i = 0; i < 10; i++) {
      const { status } = await server.api('PUT', '/api/v2/users/amal', {
        key: 'first-key',
        onBehalfOf: 'amal',
        body: { name: `Amal ${i}` },
      });
      expect(status).toBe(200);
    }
  });
});

onServers('keys that administrators make', (server) => {
  const keys = (method: string, as: string, { id = '', ...options }: { id?: string; body?: object } = {}) =>
    server().api(method, `/api/v2/api-keys${id && `/${id}`}`, { as, ...options });

  test('"(`API_KEYS`; hashed at rest when made through the API)": shown once, good at once, until it is revoked', async () => {
    const admin = await makeAdmin(server());
    const { status, body: made } = await keys('POST', admin, { body: { name: 'the shop' } });
    expect([status, made]).toEqual([
      201,
      {
        id: expect.stringMatching(UUID_V7) as string,
        name: 'the shop',
        created_by: admin,
        created_at: expect.stringMatching(TIME) as string,
        revoked_at: null,
        key: expect.stringMatching(/^mk_[\w-]{43}$/) as string,
      },
    ]);
    const { key, ...shown } = made;
    expect((await keys('GET', admin)).body.data[0]).toEqual(shown);
    const { db } = server().app.get<Storage>(STORAGE);
    const stored = [await db.selectFrom('api_keys').selectAll().execute(), await db.selectFrom('audit_log').selectAll().execute()];
    expect(JSON.stringify([stored, server().logs()])).not.toContain(key);

    const [user] = await makeUsers(server(), 'user');
    expect((await server().api('GET', '/api/v2/me', { key, onBehalfOf: user })).body.id).toBe(user);
    // What it does is recorded in its name.
    ok(await server().api('GET', `/api/v2/users/${user}/export`, { key }));
    expect(ok(await server().api('GET', `/api/v2/audit?actor_id=${shown.id}`, { as: admin })).data).toMatchObject([
      { actor_kind: 'key', action: 'user.export', subject: user },
    ]);

    expect((await keys('DELETE', admin, { id: shown.id })).status).toBe(204);
    expect((await server().api('GET', '/api/v2/me', { key, onBehalfOf: user })).body).toMatchObject({ code: 'UNAUTHORIZED' });
    expect((await keys('DELETE', admin, { id: shown.id })).body).toMatchObject({ code: 'NOT_FOUND' });
    expect((await keys('GET', admin)).body.data[0].revoked_at).toMatch(TIME);
    const { data: audit } = ok(await server().api('GET', `/api/v2/audit?subject=${shown.id}`, { as: admin }));
    expect(audit.map(({ action, actor_id }: Record<string, string>) => [action, actor_id])).toEqual([
      ['api-key.revoke', admin],
      ['api-key.make', admin],
    ]);
  });

  test('for signed-in administrators only: neither users nor keys make any', async () => {
    const [user] = await makeUsers(server(), 'user');
    const admin = await makeAdmin(server());
    const body = { name: 'x' };
    expect((await keys('POST', user, { body })).body).toMatchObject({ code: 'FORBIDDEN' });
    expect((await keys('GET', user)).body).toMatchObject({ code: 'FORBIDDEN' });
    for (const onBehalfOf of ['', admin])
      expect((await server().api('POST', '/api/v2/api-keys', { key: true, onBehalfOf, body })).body).toMatchObject({ code: 'FORBIDDEN' });
    expect((await keys('POST', admin, { body: { name: '' } })).body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'name' } });
  });
});
