import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JWT_SECRET, signToken, startServer, type TestServer } from '../support/server.ts';

const now = () => Math.floor(Date.now() / 1000);
const none = (claims: Record<string, unknown>) => signToken(claims, { header: { alg: 'none' } }).replace(/[^.]+$/, '');

/** The status of GET /me with this token. */
const status = async (server: TestServer, bearer: string) => (await server.api('GET', '/api/v2/me', { bearer })).status;

describe('the token', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ RATE_LIMIT_MAX_CONNECTS: '0' });
    await server.createUser('amal');
    await server.createUser('bashir', { disabled: true });
  });
  afterAll(() => server.stop());

  test('a JWT (HS256 with JWT_SECRET)', async () => {
    expect(await status(server, signToken({ sub: 'amal', exp: now() + 60 }))).toBe(200);
    expect(await status(server, signToken({ sub: 'amal', exp: now() + 60 }, { secret: `${JWT_SECRET}!` }))).toBe(401);
    expect(await status(server, `${signToken({ sub: 'amal', exp: now() + 60 })}x`)).toBe(401);
    expect(await status(server, 'no-token-at-all')).toBe(401);
  });

  test('`sub` (or `userId` where `sub` is absent)', async () => {
    expect(await status(server, signToken({ userId: 'amal', exp: now() + 60 }))).toBe(200);
    expect(await status(server, signToken({ sub: 'nobody', userId: 'amal', exp: now() + 60 }))).toBe(401);
    expect(await status(server, signToken({ exp: now() + 60 }))).toBe(401);
    for (const sub of [7, null, '', ['amal'], { id: 'amal' }, 'a'.repeat(65), 'a\u0000b']) {
      expect(await status(server, signToken({ sub, exp: now() + 60 })), JSON.stringify(sub)).toBe(401);
    }
  });

  test('`exp` required', async () => {
    expect(await status(server, signToken({ sub: 'amal' }))).toBe(401);
    expect(await status(server, signToken({ sub: 'amal', exp: 'tomorrow' }))).toBe(401);
  });

  test('30 s of leeway on `nbf` and `iat` only', async () => {
    const exp = now() + 60;
    expect(await status(server, signToken({ sub: 'amal', exp, nbf: now() + 20 }))).toBe(200);
    expect(await status(server, signToken({ sub: 'amal', exp, nbf: now() + 50 }))).toBe(401);
    expect(await status(server, signToken({ sub: 'amal', exp, iat: now() + 20 }))).toBe(200);
    expect(await status(server, signToken({ sub: 'amal', exp, iat: now() + 50 }))).toBe(401);
    expect(await status(server, signToken({ sub: 'amal', exp, iat: 'now' }))).toBe(401);
    expect(await status(server, signToken({ sub: 'amal', exp: now() - 1 }))).toBe(401);
  });

  test('a token that was accepted is refused from its `exp` on', async () => {
    // A fraction of a second, so that the test has a moment to see it good and little to wait for.
    const token = signToken({ sub: 'amal', exp: Date.now() / 1000 + 0.4 });
    expect(await status(server, token)).toBe(200);
    await expect.poll(() => status(server, token)).toBe(401);
  });

  test('`alg: none`, an algorithm that is not configured are refused', async () => {
    const claims = { sub: 'amal', exp: now() + 60 };
    expect(await status(server, none(claims))).toBe(401);
    const { privateKey } = await generateKeyPair('RS256');
    expect(await status(server, await new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey))).toBe(401);
    const strong = await new SignJWT(claims).setProtectedHeader({ alg: 'HS512' }).sign(new TextEncoder().encode(JWT_SECRET.padEnd(64)));
    expect(await status(server, strong)).toBe(401);
  });

  test('the user must exist and not be disabled', async () => {
    expect(await status(server, server.token('nobody'))).toBe(401);
    expect(await status(server, server.token('bashir'))).toBe(401);
  });

  test('what the store says at the time of each action decides', async () => {
    await server.createUser('dalal');
    expect(await status(server, server.token('dalal'))).toBe(200);
    await server.createUser('dalal', { disabled: true });
    expect(await status(server, server.token('dalal'))).toBe(401);
    await server.createUser('dalal', { disabled: false, role: 'admin' });
    const put = await server.api('PUT', '/api/v2/users/made-by-dalal', { as: 'dalal', body: { name: 'x' } });
    expect(put.status).toBe(200);
    await server.createUser('dalal', { role: 'user' });
    expect((await server.api('PUT', '/api/v2/users/made-by-dalal', { as: 'dalal', body: { name: 'x' } })).status).toBe(403);
  });

  test('REST: the header only, never the query', async () => {
    const token = server.token('amal');
    expect((await server.api('GET', `/api/v2/me?token=${token}`)).status).toBe(401);
    expect((await server.api('GET', `/api/v2/me?access_token=${token}`)).status).toBe(401);
    expect((await server.api('GET', '/api/v2/me', { headers: { cookie: `token=${token}` } })).status).toBe(401);
    expect((await server.api('GET', '/api/v2/me', { headers: { authorization: token } })).status).toBe(401);
    expect((await server.api('GET', '/api/v2/me', { headers: { authorization: `bearer ${token}` } })).status).toBe(200);
  });

  test("'Invalid token' and 'Invalid or expired token' are never translated", async () => {
    const headers = { 'accept-language': 'ar' };
    const missing = await server.api('GET', '/api/v2/me', { headers });
    expect(missing.body).toMatchObject({ code: 'UNAUTHORIZED', detail: 'Invalid token' });
    const expired = await server.api('GET', '/api/v2/me', { headers, bearer: signToken({ sub: 'amal', exp: 1 }) });
    expect(expired.body).toMatchObject({ code: 'UNAUTHORIZED', detail: 'Invalid or expired token', status: 401 });
    expect(expired.headers.get('www-authenticate')).toBe('Bearer');
  });

  test('tokens never appear in a log line or error', async () => {
    const good = server.token('amal');
    const bad = signToken({ sub: 'amal', exp: 1 });
    const answers = [
      await server.api('GET', `/api/v2/me?token=${good}`, { bearer: bad }),
      await server.api('GET', `/api/v2/nothing/${good}?token=${bad}`, { bearer: good }),
      await server.api('GET', `/api/v2/users/${good}`, { bearer: good }),
      await server.api('POST', '/api/v2/auth/refresh', { body: { refresh_token: good } }),
      await server.api('GET', '/api/v2/me', { key: good, onBehalfOf: bad }),
    ];
    const seen = JSON.stringify([server.logs(), answers.map(({ body }) => body)]);
    expect(seen).toContain('"route":"/api/v2/users/:id"');
    for (const token of [good, bad]) for (const part of token.split('.').slice(1)) expect(seen).not.toContain(part);
  });
});

describe('a user in memory', () => {
  test('is authenticated without asking the store', async () => {
    const server = await startServer();
    try {
      await server.createUser('amal');
      expect(await status(server, server.token('amal'))).toBe(200);
      // Whoever asks for a user now gets an error.
      const other = new DatabaseSync(join(server.settings.DATA_DIR, 'majlis.sqlite'));
      other.exec('alter table users rename to gone');
      other.close();
      expect(await status(server, server.token('amal'))).toBe(200);
      expect(await status(server, server.token('bashir'))).toBe(500);
    } finally {
      await server.stop();
    }
  });
});

describe('JWT_ISSUER and JWT_AUDIENCE', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ JWT_ISSUER: 'https://id.example.com', JWT_AUDIENCE: 'majlis', RATE_LIMIT_MAX_CONNECTS: '0' });
    await server.createUser('amal', { email: 'amal@example.com', password: 'correct horse' });
  });
  afterAll(() => server.stop());

  test('checked where set', async () => {
    const claims = { sub: 'amal', exp: now() + 60, iss: 'https://id.example.com', aud: ['other', 'majlis'] };
    expect(await status(server, signToken(claims))).toBe(200);
    expect(await status(server, signToken({ ...claims, iss: 'https://evil.example.com' }))).toBe(401);
    expect(await status(server, signToken({ ...claims, aud: 'other' }))).toBe(401);
    expect(await status(server, signToken({ sub: 'amal', exp: now() + 60 }))).toBe(401);
  });

  test('tokens from sign-in have them', async () => {
    const { body } = await server.api('POST', '/api/v2/auth/login', { body: { email: 'amal@example.com', password: 'correct horse' } });
    expect(await status(server, body.access_token)).toBe(200);
  });
});

describe.each([
  { alg: 'RS256', pair: () => generateKeyPairSync('rsa', { modulusLength: 2048 }) },
  { alg: 'ES256', pair: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
])('$alg with JWT_PUBLIC_KEY', ({ alg, pair }) => {
  const { publicKey, privateKey } = pair();
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ JWT_PUBLIC_KEY: pem, RATE_LIMIT_MAX_CONNECTS: '0' });
    await server.createUser('amal');
  });
  afterAll(() => server.stop());

  test('is accepted, beside HS256 with JWT_SECRET', async () => {
    const claims = { sub: 'amal', exp: now() + 60 };
    expect(await status(server, await new SignJWT(claims).setProtectedHeader({ alg }).sign(privateKey))).toBe(200);
    expect(await status(server, signToken(claims))).toBe(200);
  });

  test('the public key is no secret that HS256 would accept', async () => {
    expect(await status(server, signToken({ sub: 'amal', exp: now() + 60 }, { secret: pem }))).toBe(401);
  });
});

describe('JWT_JWKS_URL', () => {
  let keys: Server;
  let keySet: JWK[] | undefined;
  let server: TestServer;
  let sign: (kid: string) => Promise<string>;

  beforeAll(async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
    sign = (kid) => new SignJWT({ sub: 'amal' }).setProtectedHeader({ alg: 'RS256', kid }).setExpirationTime('1 min').sign(privateKey);
    keySet = [jwk];
    keys = createServer((_, response) => {
      response.writeHead(keySet ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: keySet }));
    }).listen(0, '127.0.0.1');
    await once(keys, 'listening');
    server = await startServer({
      JWT_JWKS_URL: `http://127.0.0.1:${(keys.address() as AddressInfo).port}/jwks`,
      RATE_LIMIT_MAX_CONNECTS: '0',
    });
    await server.createUser('amal');
  });
  afterAll(async () => {
    await server.stop();
    keys.close();
  });

  test('where the key set cannot be had, nothing is known of the token: UNAVAILABLE', async () => {
    const kept = keySet;
    keySet = undefined;
    expect(await status(server, await sign('one'))).toBe(503);
    keySet = kept;
  });

  test('RS256 with a key of the set', async () => {
    expect(await status(server, await sign('one'))).toBe(200);
    expect(await status(server, await sign('another'))).toBe(401);
    expect(await status(server, signToken({ sub: 'amal', exp: now() + 60 }))).toBe(200);
  });
});
