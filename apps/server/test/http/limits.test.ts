import { afterEach, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
afterEach(() => server.stop());

const statuses = async (count: number, work: () => Promise<{ status: number }>) => {
  const seen: number[] = [];
  for (let i = 0; i < count; i++) seen.push((await work()).status);
  return seen;
};

describe('REST requests and the limits of §3', () => {
  test('writes (`RATE_LIMIT_MAX_EVENTS`): over it RATE_LIMIT with `Retry-After`, and nothing is processed', async () => {
    server = await startServer({ RATE_LIMIT_MAX_EVENTS: '3' });
    await server.createUser('admin', { role: 'admin' });
    const write = (name: string) => server.api('PUT', '/api/v2/users/x', { as: 'admin', body: { name } });
    expect(await statuses(3, () => write('within'))).toEqual([200, 200, 200]);
    const refused = await write('beyond');
    expect(refused.body).toMatchObject({ status: 429, code: 'RATE_LIMIT', details: { retry_after_ms: expect.any(Number) } });
    expect(refused.body.details.retry_after_ms).toBeLessThanOrEqual(60_000);
    expect(Number(refused.headers.get('retry-after'))).toBe(Math.ceil(refused.body.details.retry_after_ms / 1000));
    expect((await server.api('GET', '/api/v2/users/x', { as: 'admin' })).body.name).toBe('within');
  });

  test('reads have 600 of their own (`RATE_LIMIT_MAX_LIGHT`), and users are counted apart', async () => {
    server = await startServer({ RATE_LIMIT_MAX_EVENTS: '1', RATE_LIMIT_MAX_LIGHT: '4' });
    for (const id of ['amal', 'bashir']) await server.createUser(id);
    expect(await statuses(5, () => server.api('GET', '/api/v2/me', { as: 'amal' }))).toEqual([200, 200, 200, 200, 429]);
    expect((await server.api('GET', '/api/v2/me', { as: 'bashir' })).status).toBe(200);
  });

  test('refused requests count against the light budget', async () => {
    server = await startServer({ RATE_LIMIT_MAX_LIGHT: '3' });
    await server.createUser('amal');
    expect(await statuses(3, () => server.api('PUT', '/api/v2/users/amal', { as: 'amal', body: { name: 'x' } }))).toEqual([403, 403, 403]);
    expect((await server.api('GET', '/api/v2/me', { as: 'amal' })).status).toBe(429);
  });

  test('a sliding window: what is older than `RATE_LIMIT_WINDOW_MS` counts no more', async () => {
    server = await startServer({ RATE_LIMIT_MAX_LIGHT: '2', RATE_LIMIT_WINDOW_MS: '300' });
    await server.createUser('amal');
    const read = () => server.api('GET', '/api/v2/me', { as: 'amal' });
    await Promise.all([read(), read()]);
    await expect.poll(async () => (await read()).status).toBe(200);
  });
});

describe('failed authentications per address: `RATE_LIMIT_MAX_CONNECTS`', () => {
  test('after so many, a further failure is 429 with `Retry-After`; who authenticates is not held up', async () => {
    server = await startServer({ RATE_LIMIT_MAX_CONNECTS: '3' });
    await server.createUser('amal');
    expect(await statuses(2, () => server.api('GET', '/api/v2/me', { bearer: 'bad' }))).toEqual([401, 401]);
    expect((await server.api('GET', '/api/v2/me', { key: 'bad' })).status).toBe(401);
    const refused = await server.api('GET', '/api/v2/me', { bearer: 'bad' });
    expect(refused.body).toMatchObject({ status: 429, code: 'RATE_LIMIT' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await server.api('GET', '/api/v2/me', { as: 'amal' })).status).toBe(200);
  });

  test('wrong passwords and refresh tokens count, and the address may not sign in any more', async () => {
    server = await startServer({ RATE_LIMIT_MAX_CONNECTS: '2' });
    await server.createUser('amal', { email: 'amal@example.com', password: 'correct horse' });
    const login = (password: string) => server.api('POST', '/api/v2/auth/login', { body: { email: 'amal@example.com', password } });
    expect((await login('wrong horse')).status).toBe(401);
    expect((await server.api('POST', '/api/v2/auth/refresh', { body: { refresh_token: 'bad' } })).status).toBe(401);
    expect((await login('correct horse')).status).toBe(429);
  });

  test('`0` = off; a missing token is no failed authentication', async () => {
    server = await startServer({ RATE_LIMIT_MAX_CONNECTS: '0' });
    expect(new Set(await statuses(70, () => server.api('GET', '/api/v2/me', { bearer: 'bad' })))).toEqual(new Set([401]));
    await server.stop();
    server = await startServer({ RATE_LIMIT_MAX_CONNECTS: '1' });
    expect(await statuses(3, () => server.api('GET', '/api/v2/me'))).toEqual([401, 401, 401]);
  });

  test('a forwarded address is used only with `TRUST_PROXY`; seeing the header without it is warned of once', async () => {
    const attempt = (from: string) => server.api('GET', '/api/v2/me', { bearer: 'bad', headers: { 'x-forwarded-for': from } });
    server = await startServer({ RATE_LIMIT_MAX_CONNECTS: '1' });
    expect([(await attempt('192.0.2.1')).status, (await attempt('192.0.2.2')).status]).toEqual([401, 429]);
    expect(server.logs().filter(({ msg }) => msg?.includes('TRUST_PROXY'))).toHaveLength(1);
    await server.stop();
    server = await startServer({ RATE_LIMIT_MAX_CONNECTS: '1', TRUST_PROXY: 'true' });
    expect([(await attempt('192.0.2.1')).status, (await attempt('192.0.2.2')).status, (await attempt('192.0.2.2')).status]).toEqual([
      401, 401, 429,
    ]);
    expect(server.logs().filter(({ msg }) => msg?.includes('TRUST_PROXY'))).toHaveLength(0);
  });
});
