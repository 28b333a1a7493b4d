import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
