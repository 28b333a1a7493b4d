import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

describe('`/` and `/app/…` (the console)', () => {
  test('are one page, which is never kept by caches', async () => {
    const pages = await Promise.all(['/', '/app', '/app/chats/1?x=1', '/app/%D8%A7'].map((path) => server.api('GET', path)));
    for (const { status, headers, body } of pages) {
      expect(status).toBe(pages[0]!.status);
      expect(headers.get('content-type')).toMatch(/^text\/html/);
      expect(body).toBe(pages[0]!.body);
      if (status === 200) expect(headers.get('cache-control')).toBe('no-cache');
    }
  });

  test('its files are kept for ever by their names, and what is none is NOT_FOUND', async () => {
    const { body } = await server.api('GET', '/');
    for (const [, file] of (body as string).matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
      const { status, headers } = await server.api('GET', file!);
      expect([status, headers.get('cache-control')], file).toEqual([200, 'public, max-age=31536000, immutable']);
    }
    expect((await server.api('GET', '/assets/nothing.js')).body.code).toBe('NOT_FOUND');
    expect((await server.api('GET', '/assets/..%2f..%2fpackage.json')).body.code).toBe('NOT_FOUND');
  });

  test('may load its own scripts only, be framed by nobody, and connect to sockets', async () => {
    const { headers } = await server.api('GET', '/app');
    const policy = headers.get('content-security-policy')!;
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toMatch(/connect-src 'self' ws: wss:/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('strict-transport-security')).toBeNull();
  });
});
