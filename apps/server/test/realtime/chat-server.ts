/** Servers for the tests of what is below the features: with a chat of two users to send through. */
import { afterEach, expect, onTestFinished, vi } from 'vitest';
import { NAMESPACES } from '../../src/realtime/namespaces.ts';
import { SocketServer } from '../../src/realtime/socket-server.ts';
import { makeUsers } from '../support/chats.ts';
import { closeRawSockets } from '../support/raw-socket.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { closeClients, type Client } from '../support/sockets.ts';

/** A namespace as those of the documents are, with no events of its own: what is the same in all of them is tested without their features. */
export const TEST_NAMESPACE = '/of-the-tests';
const rules: (typeof NAMESPACES)[string] = { locale: 'ar', dialect: 'of the tests', carries: new Set(), refusal: 'connect-error' };
Object.assign(NAMESPACES, { [TEST_NAMESPACE]: rules });

type Overrides = Parameters<typeof startServer>[0];

afterEach(() => {
  closeClients();
  closeRawSockets();
});

/** Stops a server whose clients have been closed: once it knows that, it has nobody to part from slowly. */
export async function stopQuietly(server: TestServer): Promise<void> {
  await vi.waitUntil(() => server.app.get(SocketServer).clients === 0, { timeout: 5_000, interval: 5 });
  await server.stop();
}

/** A server of the current test's own. */
export async function startOwn(overrides: Overrides = {}): Promise<TestServer> {
  const server = await startServer(overrides);
  onTestFinished(() => stopQuietly(server));
  return server;
}

/** Two users of a server and their chat. */
export interface Chat {
  server: TestServer;
  amal: string;
  bashir: string;
  chat_id: string;
  /** Of its messages by REST. */
  path: string;
  /** What `chat:message:send` takes. */
  text(content: string): { chat_id: string; type: 'text'; content: string };
}

/** A chat on a server. */
export async function makeChat(server: TestServer): Promise<Chat> {
  const [amal, bashir] = await makeUsers(server, 'amal', 'bashir');
  const { body } = await server.api('POST', '/api/v2/chats', {
    key: true,
    onBehalfOf: amal,
    body: { type: 'direct', member_ids: [bashir] },
  });
  const chat_id = body.id as string;
  return {
    server,
    amal,
    bashir,
    chat_id,
    path: `/api/v2/chats/${chat_id}/messages`,
    text: (content) => ({ chat_id, type: 'text', content }),
  };
}

/** A chat on a server of the current test's own. */
export async function startChat(overrides: Overrides = {}): Promise<Chat> {
  return makeChat(await startOwn(overrides));
}

/** What a test did to a server has cost nobody else anything: `witness`, of Bashir, is still there and was told nothing, and nothing failed. */
export async function expectUndisturbed(witness: Client, { server, chat_id }: Chat): Promise<void> {
  expect(await witness.ask('chat:join', { chat_id })).toMatchObject({ status: 'joined' });
  expect(witness.all.filter(({ event }) => event === 'error' || event === 'disconnect')).toEqual([]);
  expect(server.logs().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
}

/** The value of a metric without labels, or with just these. */
export async function metric(server: TestServer, name: string): Promise<number> {
  const { body } = await server.api('GET', '/metrics');
  const line = (body as string).split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length));
}
