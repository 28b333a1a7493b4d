import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { originAllowed, originVerdict } from '../../src/http/origin.ts';
import { startServer, type TestServer } from '../support/server.ts';

const listed = { FRONTEND_URL: ['https://app.example.com'], CLIENT_URL: ['capacitor://localhost'] };
const none = { FRONTEND_URL: [], CLIENT_URL: [] };

describe('origins: `FRONTEND_URL` and `CLIENT_URL` together', () => {
  test.each([
    ['no `Origin` header: allowed', undefined, 'chat.example.com', listed, 'absent'],
    ['of FRONTEND_URL', 'https://app.example.com', 'chat.example.com', listed, 'listed'],
    ['of CLIENT_URL', 'capacitor://localhost', 'chat.example.com', listed, 'listed'],
    ["the server's own origin: always", 'https://chat.example.com', 'chat.example.com', listed, 'own'],
    ["the server's own origin, with a port", 'http://127.0.0.1:3000', '127.0.0.1:3000', listed, 'own'],
    ['its own address on another port is another origin', 'http://127.0.0.1:4000', '127.0.0.1:3000', listed, 'foreign'],
    ['another origin is refused', 'https://evil.example.com', 'chat.example.com', listed, 'foreign'],
    ['a listed host with another scheme', 'http://app.example.com', 'chat.example.com', listed, 'foreign'],
    ['a listed host with more behind it', 'https://app.example.com.evil.com', 'chat.example.com', listed, 'foreign'],
    ['a sandboxed page', 'null', 'chat.example.com', listed, 'foreign'],
    ['not an origin at all', '%%', '%%', listed, 'foreign'],
    ['neither variable set: any origin', 'https://anywhere.example.com', 'chat.example.com', none, 'any'],
    ['neither variable set: a sandboxed page too', 'null', 'chat.example.com', none, 'any'],
  ] as const)('%s', (_, origin, host, settings, verdict) => {
    const asked = { FRONTEND_URL: [...settings.FRONTEND_URL], CLIENT_URL: [...settings.CLIENT_URL] };
    expect(originVerdict(origin, host, asked)).toBe(verdict);
    expect(originAllowed(origin, host, asked)).toBe(verdict !== 'foreign');
  });
});

describe('CORS of REST', () => {
  let server: TestServer;
  const preflight = (origin: string, path = '/api/v2/me') =>
    fetch(server.url + path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' },
    });
  const corsHeaders = ({ headers }: { headers: Headers }) => [...headers.keys()].filter((name) => name.startsWith('access-control'));

  describe('with listed origins', () => {
    beforeAll(async () => {
      server = await startServer({ FRONTEND_URL: 'https://app.example.com', CLIENT_URL: 'https://other.example.com' });
    });
    afterAll(() => server.stop());

    test('credentials allowed', async () => {
      for (const origin of ['https://app.example.com', 'https://other.example.com']) {
        const { status, headers } = await preflight(origin);
        expect(status).toBe(204);
        expect(headers.get('access-control-allow-origin')).toBe(origin);
        expect(headers.get('access-control-allow-credentials')).toBe('true');
        expect(headers.get('access-control-allow-methods')).toContain('PUT');
        expect(headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization');
        expect(headers.get('vary')).toContain('Origin');
      }
    });

    test('an error can be read too, and when to come back', async () => {
      const { headers } = await server.api('GET', '/api/v2/me', { headers: { origin: 'https://app.example.com' } });
      expect(headers.get('access-control-allow-origin')).toBe('https://app.example.com');
      expect(headers.get('access-control-expose-headers')).toContain('Retry-After');
    });

    test('a foreign origin gets no CORS headers', async () => {
      expect(corsHeaders(await preflight('https://evil.example.com'))).toEqual([]);
      expect(corsHeaders(await server.api('GET', '/api/v2/me', { headers: { origin: 'https://evil.example.com' } }))).toEqual([]);
    });
  });

  describe('with none', () => {
    beforeAll(async () => {
      server = await startServer();
    });
    afterAll(() => server.stop());

    test('any origin, without credentials', async () => {
      const { status, headers } = await preflight('https://anywhere.example.com');
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
    });
  });
});
