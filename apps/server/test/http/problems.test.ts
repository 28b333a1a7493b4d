import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ERRORS, LIMITS, Problem, type ErrorCode } from '@majlis/contract';
import { UserDirectory } from '../../src/features/users/user-directory.ts';
import { startServer, type ApiAnswer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ RATE_LIMIT_MAX_EVENTS: '10000', RATE_LIMIT_MAX_LIGHT: '10000' });
  await server.createUser('admin', { role: 'admin' });
});
afterAll(() => server.stop());

/** Sends a body as it is, to a route that takes one. */
const send = (body: string | Uint8Array<ArrayBuffer>, contentType = 'application/json') =>
  fetch(`${server.url}/api/v2/users/someone`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${server.token('admin')}`, 'content-type': contentType },
    body,
  }).then(async (response): Promise<ApiAnswer> => ({ status: response.status, headers: response.headers, body: await response.json() }));

function expectProblem({ status, headers, body }: ApiAnswer, code: ErrorCode, field?: string) {
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(body.code).toBe(code);
  expect(Problem.parse(body)).toEqual(body);
  expect([status, body.status]).toEqual([ERRORS[code].status, ERRORS[code].status]);
  if (field !== undefined) expect(body.details.field).toBe(field);
}

describe('REST errors: RFC 9457 problem details (`application/problem+json`) with the same `code` and `details`', () => {
  test('unknown routes and methods are NOT_FOUND', async () => {
    expectProblem(await server.api('GET', '/api/v2/nothing', { as: 'admin' }), 'NOT_FOUND');
    expectProblem(await server.api('PATCH', '/api/v2/me', { as: 'admin', body: {} }), 'NOT_FOUND');
    expectProblem(await server.api('GET', '/nothing'), 'NOT_FOUND');
  });

  test('a body that is not JSON, or of another content type, is INVALID_DATA', async () => {
    for (const body of ['{', '{"name":', "{'name':1}", '\u0000', '{"name":"x"} trailing'])
      expectProblem(await send(body), 'INVALID_DATA', 'payload');
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml']) {
      expectProblem(await send('{"name":"x"}', type), 'INVALID_DATA', 'Content-Type');
    }
    expect((await send('{"name":"x"}', 'application/json; charset=utf-8')).status).toBe(200);
    expectProblem(await send('{"name":"x","__proto__":{"role":"admin"}}'), 'INVALID_DATA', 'payload');
  });

  test('a body over 1 MiB is MESSAGE_TOO_LARGE', async () => {
    const filled = (bytes: number) => '{"name":"x","filler":"'.padEnd(bytes - 2, 'x') + '"}';
    expect((await send(filled(LIMITS.frameBytes))).status).toBe(200);
    expectProblem(await send(filled(LIMITS.frameBytes + 1)), 'MESSAGE_TOO_LARGE');
  });

  test('JSON nested deeper than 32 levels is `INVALID_DATA`, on sockets and REST alike', async () => {
    const nested = (levels: number) => `{"name":"x","deep":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    expect((await send(nested(32))).status).toBe(200);
    for (const levels of [33, 5_000, 200_000]) expectProblem(await send(nested(levels)), 'INVALID_DATA');
  });

  test('lone surrogates and NUL are `INVALID_DATA`', async () => {
    expectProblem(await send('{"name":"\\ud800"}'), 'INVALID_DATA', 'name');
    expectProblem(await send('{"name":"a\\u0000b"}'), 'INVALID_DATA', 'name');
    expectProblem(await send('{"name":"x","other":{"key\\u0000":1}}'), 'INVALID_DATA');
    expectProblem(await server.api('GET', '/api/v2/users?q=%00', { as: 'admin' }), 'INVALID_DATA', 'q');
    expectProblem(await server.api('GET', '/api/v2/users/a%00b', { as: 'admin' }), 'INVALID_DATA', 'id');
  });

  test('a query parameter that is given twice is INVALID_DATA', async () => {
    expectProblem(await server.api('GET', '/api/v2/users?q=a&q=b', { as: 'admin' }), 'INVALID_DATA', 'q');
    expectProblem(await server.api('GET', '/api/v2/users?limit=1&limit=1', { as: 'admin' }), 'INVALID_DATA', 'limit');
  });

  test('a path that is not well percent-encoded is INVALID_DATA', async () => {
    for (const path of ['/api/v2/users/%E0%A4%A', '/api/v2/users/%', '/%zz'])
      expectProblem(await server.api('GET', path, { as: 'admin' }), 'INVALID_DATA', 'path');
  });

  test('a request without a body needs none, whatever its content type', async () => {
    await server.createUser('gone');
    const headers = { 'content-type': 'application/json' };
    expect((await server.api('DELETE', '/api/v2/users/gone', { as: 'admin', headers })).status).toBe(204);
    expectProblem(await server.api('PUT', '/api/v2/users/x', { as: 'admin', headers }), 'INVALID_DATA', 'payload');
  });

  test('in the language of the user, then of Accept-Language, else English', async () => {
    await server.createUser('amal', { locale: 'ar' });
    const sentence = async (language?: string) => {
      const headers: Record<string, string> = language === undefined ? {} : { 'accept-language': language };
      return (await server.api('GET', '/api/v2/nothing', { headers })).body.detail;
    };
    expect(await sentence()).toBe(ERRORS.NOT_FOUND.en);
    expect(await sentence('ru')).toBe(ERRORS.NOT_FOUND.ru);
    expect(await sentence('fr, ar-EG;q=0.8, ru;q=0.5')).toBe(ERRORS.NOT_FOUND.ar);
    const { body } = await server.api('GET', '/api/v2/users/nobody', { as: 'amal', headers: { 'accept-language': 'ru' } });
    expect(body).toMatchObject({ code: 'NOT_FOUND', detail: ERRORS.NOT_FOUND.ar });
  });

  test('SOCKET_ERROR: no stack, no internals; the log has them', async () => {
    const directory = server.app.get(UserDirectory);
    const load = directory.load.bind(directory);
    directory.load = () => Promise.reject(new Error('secret internals'));
    try {
      const answer = await server.api('GET', '/api/v2/me', { as: 'admin' });
      expectProblem(answer, 'SOCKET_ERROR');
      expect(JSON.stringify(answer.body)).not.toMatch(/secret internals|\.ts|at /);
      expect(JSON.stringify(server.logs())).toContain('secret internals');
    } finally {
      directory.load = load;
    }
  });

  test('no request ends the process or leaves a connection hanging', async () => {
    const { hostname, port } = new URL(server.url);
    const exchange = (request: string) =>
      new Promise<string>((resolve) => {
        let answer = '';
        const socket = connect(Number(port), hostname, () => socket.write(request));
        socket
          .on('data', (chunk) => (answer += chunk))
          .on('error', () => undefined)
          .on('close', () => resolve(answer));
      });
    const upgrade = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    const answers = await Promise.all(
      [
        'nonsense\r\n\r\n',
        'GET / HTTP/9.9\r\n\r\n',
        `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
        'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
        'POST /api/v2/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
        'POST /api/v2/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: the-unexpected\r\n\r\n{}',
        'GET http://[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
        'GET //x:y@[::1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
        upgrade('/'),
        upgrade('/../api/ws'),
        upgrade('http://['),
        upgrade('*'),
      ].map(exchange),
    );
    expect(answers.filter((answer) => answer.startsWith('HTTP/1.1 5'))).toEqual([]);
    expect((await server.api('GET', '/health/live')).status).toBe(200);
  });
});
