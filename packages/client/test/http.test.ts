import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createClient, MajlisError, type ClientOptions } from '../src/index.ts';

/** A client of something that stands in the server's place and answers every request in this way; closed with the test. */
async function clientOf(answer: (response: ServerResponse) => void, options: Partial<ClientOptions> = {}) {
  const server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return createClient({ url: `http://127.0.0.1:${port}`, getToken: () => 'a token', ...options });
}

const error = async (call: Promise<unknown>): Promise<unknown> =>
  await call.then(
    (value) => ({ value }),
    (reason: unknown) => reason,
  );

describe('a REST call rejects with MajlisError and with nothing else', () => {
  it.each<[string, (response: ServerResponse) => void]>([
    [
      'the page of a captive portal',
      (response) => response.setHeader('content-type', 'text/html').end('<title>Sign in to the Wi-Fi</title>'),
    ],
    ['an empty answer', (response) => response.end()],
    ['JSON that is cut off', (response) => response.end('{"id":"anna","na')],
    [
      'an answer whose connection breaks within it',
      (response) => response.setHeader('content-length', 100).write('{"id":', () => response.destroy()),
    ],
  ])('on %s, and not with success', async (_, answer) => {
    const { rest } = await clientOf(answer);
    const rejection = await error(rest.me());
    expect(rejection).toBeInstanceOf(MajlisError);
    expect(rejection).toMatchObject({ code: 'NETWORK' });
  });

  it('on an error that is not of the server', async () => {
    const { rest } = await clientOf((response) => response.writeHead(502).end('<title>Bad Gateway</title>'));
    await expect(rest.me()).rejects.toMatchObject({ name: 'MajlisError', code: 'NETWORK', message: 'HTTP 502' });
  });

  it('where the token provider fails', async () => {
    const getToken = () => Promise.reject(new TypeError('Failed to fetch'));
    const { rest } = await clientOf((response) => response.end('{}'), { getToken });
    await expect(rest.me()).rejects.toMatchObject({ name: 'MajlisError', code: 'NETWORK', message: 'Failed to fetch' });
  });

  it('and 204 is success without a value', async () => {
    const { rest } = await clientOf((response) => response.writeHead(204).end());
    expect(await rest.muteChat('a', null)).toBeUndefined();
  });
});

it('a REST request that takes longer than restTimeoutMs fails, also where only its body does not come', async () => {
  const { rest } = await clientOf((response) => response.write('{"id":'), { restTimeoutMs: 200 });
  await expect(rest.me()).rejects.toMatchObject({ name: 'MajlisError', code: 'NETWORK' });
});
