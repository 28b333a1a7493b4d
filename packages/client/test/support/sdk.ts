/** The SDK under test, with a recorder that was attached before it connected. */
import { onTestFinished } from 'vitest';
import { Recorder } from '../../../../apps/server/test/support/recorder.ts';
import type { Api } from '../../../../apps/server/test/support/server.ts';
import { createClient, type ClientOptions, type MajlisClient, type Message } from '../../src/index.ts';

const recorded = [
  'connected',
  'sync:required',
  'chat:message:new',
  'chat:message:updated',
  'chat:message:deleted',
  'chat:message:reaction',
  'chat:message:delivered',
  'chat:message:read',
  'chat:typing',
  'chat:created',
  'chat:changed',
  'chat:removed',
  'state',
  'synced',
  'reset',
  'receipts',
  'outbox',
  'error',
] as const;

export interface Sdk {
  majlis: MajlisClient;
  seen: Recorder;
}

/** A client of `userId`, with short waits; not connected yet, and closed with the test. */
export function sdk(server: Pick<Api, 'token'>, url: string, userId: string, options: Partial<ClientOptions> = {}): Sdk {
  const majlis = createClient({
    url,
    getToken: () => server.token(userId),
    backoff: { baseMs: 20, maxMs: 200 },
    ackTimeoutMs: 1_000,
    ...options,
  });
  const seen = new Recorder();
  for (const event of recorded) majlis.on(event, (payload) => seen.add(event, [payload]));
  onTestFinished(() => majlis.close());
  return { majlis, seen };
}

/** Connected and caught up. */
export async function connectedSdk(...args: Parameters<typeof sdk>): Promise<Sdk> {
  const made = sdk(...args);
  await made.majlis.connect();
  await made.seen.next('synced');
  return made;
}

/** What the messages of a chat said, in the order in which they were handed on. */
export function contents(seen: Recorder, chatId: string): string[] {
  return (seen.of('chat:message:new') as Message[]).filter((message) => message.chat_id === chatId).map((message) => message.content);
}

/** Resolves once this many messages of a chat were handed on. */
export function messages(seen: Recorder, chatId: string, count: number): Promise<string[]> {
  return seen.until(() => (contents(seen, chatId).length >= count ? contents(seen, chatId) : undefined), `${count} messages in ${chatId}`);
}

/** Makes two users and a direct chat of theirs; answers their ids and the chat's. */
export async function pair(server: Api, name: string): Promise<{ anna: string; omar: string; chatId: string }> {
  const [anna, omar] = [`${name}-anna`, `${name}-omar`];
  await server.createUser(anna, { name: 'Анна' });
  await server.createUser(omar, { name: 'عمر' });
  const { body } = await server.api('POST', '/api/v2/chats', { as: anna, body: { type: 'direct', member_ids: [omar] } });
  return { anna, omar, chatId: body.id };
}
