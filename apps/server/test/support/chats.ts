/** People, chats and messages on a started server, and what the chat suites run on. */
import type { v2 } from '@majlis/contract';
import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { freshId, SERVER_ENGINES, type Api, type TestServer } from './server.ts';
import { Client, closeClients, connected } from './sockets.ts';

/** Rate limits have suites of their own. */
export const UNLIMITED = { RATE_LIMIT_MAX_EVENTS: '1000000', RATE_LIMIT_MAX_LIGHT: '1000000' };

/** Runs `suite` against a server on each engine; clients are closed after each test. */
export function onServers(name: string, suite: (server: () => TestServer) => void, settings: Record<string, string> = {}): void {
  for (const engine of SERVER_ENGINES) onEngine(engine, name, suite, settings);
}

/** Runs `suite` against one server: for what no database has a part in. */
export function onServer(name: string, suite: (server: () => TestServer) => void, settings: Record<string, string> = {}): void {
  onEngine(SERVER_ENGINES[0], name, suite, settings);
}

function onEngine(
  engine: (typeof SERVER_ENGINES)[number],
  name: string,
  suite: (server: () => TestServer) => void,
  settings: Record<string, string>,
): void {
  describe.skipIf(engine.missing)(`${name} (${engine.name})`, () => {
    let server: TestServer;
    beforeAll(async () => {
      server = await engine.start({ ...UNLIMITED, ...settings });
    });
    afterAll(() => server.stop());
    afterEach(closeClients);
    suite(() => server);
  });
}

/** New users, one for each name; the ids begin with the names. */
export async function makeUsers<Names extends string[]>(server: Api, ...names: Names): Promise<{ [I in keyof Names]: string }> {
  const ids = names.map((name) => freshId(name));
  await Promise.all(ids.map((id, i) => server.createUser(id, { name: names[i]!, avatar: `https://avatars.test/${names[i]!}.jpg` })));
  return ids as { [I in keyof Names]: string };
}

/** `count` new users, with names that sort as they were made. */
export function makeCrowd(server: Api, count: number): Promise<string[]> {
  return makeUsers(server, ...Array.from({ length: count }, (_, i) => `crowd${String(i).padStart(3, '0')}`));
}

/** A new group of `creator` and the others. */
export async function makeGroup(server: Api, creator: string, ...others: string[]): Promise<v2.Chat> {
  return ok(await server.api('POST', '/api/v2/chats', { as: creator, body: { type: 'group', member_ids: others, title: 'Group' } }));
}

/** The direct chat of two users. */
export async function makeDirect(server: Api, one: string, other: string): Promise<v2.Chat> {
  return ok(await server.api('POST', '/api/v2/chats', { as: one, body: { type: 'direct', member_ids: [other] } }));
}

/** The body of an answer that must be a success. */
// oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of it is what the test says
export function ok({ status, body }: Awaited<ReturnType<Api['api']>>): any {
  if (status >= 300) throw new Error(`answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** A greeted v2 client of a user. */
export function v2Client(server: Api, userId: string, options: Parameters<typeof connected>[2] = {}): Promise<Client> {
  return connected(server.url, '/', { token: server.token(userId), ...options });
}

/** Greeted v2 clients, one for each user. */
export async function v2Clients<Users extends string[]>(server: Api, ...users: Users): Promise<{ [I in keyof Users]: Client }> {
  return (await Promise.all(users.map((userId) => v2Client(server, userId)))) as { [I in keyof Users]: Client };
}

/** Sends a text. @throws where it is not acknowledged as sent */
export async function say(
  client: Client,
  chatId: string,
  content: string,
  more: object = {},
): Promise<{ message_id: string; created_at: string; seq: number }> {
  const ack = await client.ask('chat:message:send', { chat_id: chatId, type: 'text', content, ...more });
  if (ack.status !== 'sent') throw new Error(`not sent: ${JSON.stringify(ack)}`);
  return ack;
}

/**
 * Resolves when everything that the server had written to this socket has arrived: the answer to `ping` comes on the same ordered path.
 * What was acknowledged to somebody else before the call was written before it.
 */
export async function caughtUp(...clients: Client[]): Promise<void> {
  await Promise.all(clients.map((client) => client.ask('ping', {})));
}

/** The answers to `caughtUp`; and presence, which has suites of its own and comes whenever others come and go. */
const BESIDE: ReadonlySet<string> = new Set(['pong', 'user:online', 'user:offline']);

/** What a client received since it had received `count` things, in order, but for what has nothing to do with it. */
export function heardSince(client: Client, count: number): { event: string; data: unknown }[] {
  return client.all.slice(count).flatMap(({ event, data }) => (BESIDE.has(event) ? [] : [{ event, data }]));
}

/** Times as the contract writes them. */
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Ids that the server makes. */
export const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
