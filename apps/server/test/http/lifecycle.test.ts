import { symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Drain } from '../../src/http/drain.ts';
import { POSTGRES_SERVER, temporaryDatabase, temporaryFolder } from '../support/engines.ts';
import { spawnServer, startServer, type SpawnedServer, type TestServer } from '../support/server.ts';

let server: TestServer | SpawnedServer | undefined;
afterEach(() => server?.stop());

/** Sends `request` as it is and returns all that comes until the server closes the connection. */
function exchange(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(request));
    socket
      .on('data', (chunk) => (answer += chunk))
      .on('close', () => resolve(answer))
      .on('error', reject);
  });
}

describe('health', () => {
  test('GET /health/live and GET /health/ready answer 200 on a healthy server', async () => {
    server = await startServer();
    expect((await server.api('GET', '/health/live')).status).toBe(200);
    expect((await server.api('GET', '/health/ready')).status).toBe(200);
  });
});

describe('upgrades', () => {
  test('an unknown upgrade path is answered 404 at once', async () => {
    server = await startServer();
    const answer = await exchange(server.url, 'GET /nobody HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
  });

  test('a request that offers another protocol than WebSocket is an ordinary request', async () => {
    server = await startServer();
    const answer = await exchange(server.url, 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('draining', () => {
  test('not ready, no new connections, what was registered is finished, then all is closed', async () => {
    const draining = await startServer();
    const upgrade = 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    draining.app.get(Drain).onDrain(() => (begin(), finished));
    const closed = draining.stop();
    await begun;
    expect((await draining.api('GET', '/health/ready')).body).toMatchObject({
      status: 503,
      code: 'UNAVAILABLE',
      details: { reason: 'draining' },
    });
    expect(await exchange(draining.url, upgrade)).toMatch(/^HTTP\/1\.1 503 /);
    // Who is served already goes on being so.
    await draining.createUser('amal');
    expect((await draining.api('GET', '/api/v2/me', { as: 'amal' })).status).toBe(200);
    finish();
    await closed;
    await expect(draining.api('GET', '/health/live')).rejects.toThrow('fetch failed');
  });

  test('what fails while draining keeps nothing else from being closed', async () => {
    const draining = await startServer();
    draining.app.get(Drain).onDrain(() => Promise.reject(new Error('cannot')));
    await draining.stop();
    expect(draining.logs()).toContainEqual(expect.objectContaining({ level: 'error', msg: 'Draining failed' }));
    await expect(draining.api('GET', '/health/live')).rejects.toThrow('fetch failed');
  });
});

describe('the process', () => {
  test('prints the address when it listens, and SIGTERM ends it with exit code 0', async () => {
    server = await spawnServer();
    expect((await server.api('GET', '/health/ready')).status).toBe(200);
    expect(await server.kill('SIGTERM')).toBe(0);
    expect(server.output()).toContain('"msg":"Drained"');
  });

  test('SIGINT ends it with exit code 0, although a client never finishes its request', async () => {
    server = await spawnServer();
    const hanging = exchange(
      server.url,
      'POST /api/v2/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    ).catch(() => '');
    await server.api('GET', '/health/live');
    expect(await server.kill('SIGINT')).toBe(0);
    await hanging;
  });

  test('a wrong setting ends the start with one line that names it', async () => {
    const failed = await spawnServer({ PORT: 'abc' }).catch((error: Error) => error.message);
    expect(failed).toMatch(/^the server ended with 1:\nPORT is "abc"; it must be [^\n]*\n$/);
  });

  test('a port that is taken ends the start with one line that names PORT', async () => {
    server = await startServer();
    const failed = await spawnServer({ PORT: new URL(server.url).port }).catch((error: Error) => error.message);
    expect(failed).toMatch(/^PORT is \d+, which another process listens on; it must be a free port, for example \d+$/m);
  });

  test.each([
    [
      'HOST',
      { HOST: '203.0.113.7' },
      /^HOST is "203\.0\.113\.7", which is no address of this machine; it must be one, for example [^\n]*$/m,
    ],
    ['HOST', { HOST: 'fe80::1' }, /^HOST is "fe80::1", which is no address of this machine; it must be one, for example [^\n]*$/m],
    [
      'DATABASE_URL',
      { DATABASE_URL: 'postgres://u:hidden@127.0.0.1:1/x' },
      /^the server ended with 1:\nDATABASE_URL names a database that cannot be used \([^\n]*\); it must [^\n]*\n$/,
    ],
  ])('a wrong %s that only shows when it is used ends the start with one line that names it', async (_, settings, line) => {
    const failed: string = await spawnServer(settings).then(String, (error: Error) => error.message);
    expect(failed).toMatch(line);
    expect(failed).not.toMatch(/hidden|^ {4}at /m);
  });

  test('a DATA_DIR that cannot be written to ends the start with one line that names it, JWT_SECRET given or not', async () => {
    const folder = await temporaryFolder();
    const DATA_DIR = join(folder.path, 'link');
    await symlink(join(folder.path, 'gone', 'data'), DATA_DIR);
    const line = /^DATA_DIR is "[^"]*link", and the store cannot be kept there \(.*\); it must .*$/;
    await expect(startServer({ DATA_DIR, JWT_SECRET: 's'.repeat(32) })).rejects.toThrow(line);
    await folder.remove();
  });

  describe.skipIf(process.platform !== 'linux')('where no folder can be made', () => {
    const startIn = (DATA_DIR: string, settings: Record<string, string>) =>
      spawnServer({ DATA_DIR, ...settings }).then(String, (error: Error) => error.message);
    const line = (folder: string, what: string) =>
      new RegExp(`^the server ended with 1:\nDATA_DIR is "${folder}", and ${what} cannot be kept there \\(.*\\); it must .*\n$`);

    test.each([
      ['/proc/x', 'the JWT secret', { JWT_SECRET: '' }],
      ['/proc/x', 'the store', {}],
      ['/proc', 'the store', {}],
    ])('DATA_DIR=%s for %s ends the start with one line that names it', async (folder, what, settings) => {
      expect(await startIn(folder, settings)).toMatch(line(folder, what));
    });

    test.skipIf(POSTGRES_SERVER === undefined)('DATA_DIR=/proc/x with DATABASE_URL ends it with one line too', async () => {
      const database = await temporaryDatabase(POSTGRES_SERVER!);
      const failed = await startIn('/proc/x', { DATABASE_URL: database.url });
      await database.drop();
      expect(failed).toMatch(line('/proc/x', 'uploads'));
    });
  });

  test('a second server on one DATA_DIR is refused with one line that names it, and starts once the first has gone, a crash included', async () => {
    const first = (server = await spawnServer());
    const failed: string = await spawnServer({ DATA_DIR: first.dataDir }).then(String, (error: Error) => error.message);
    expect(failed).toMatch(/^the server ended with 1:\nDATA_DIR is "[^"\n]*", on which another server runs; it must [^\n]*\n$/);
    expect((await first.api('GET', '/health/ready')).status).toBe(200);
    await first.kill('SIGKILL');
    const second = await spawnServer({ DATA_DIR: first.dataDir });
    expect((await second.api('GET', '/health/ready')).status).toBe(200);
    await second.stop();
  });
});
