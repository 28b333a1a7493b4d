import { LIMITS } from '@majlis/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshId, startServer, type TestServer } from '../support/server.ts';

const SEARCH = '/api/v2/search/messages';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ RATE_LIMIT_MAX_EVENTS: '10000', RATE_LIMIT_MAX_LIGHT: '10000' });
});
afterAll(() => server.stop());

async function newUser(): Promise<string> {
  const id = freshId();
  await server.createUser(id);
  return id;
}
async function newChat(...members: [string, ...string[]]): Promise<string> {
  const { body } = await server.api('POST', '/api/v2/chats', { as: members[0], body: { type: 'group', member_ids: members } });
  return body.id;
}
const say = async (as: string, chat: string, content: string) =>
  (await server.api('POST', `/api/v2/chats/${chat}/messages`, { as, body: { type: 'text', content } })).body;
const search = (as: string, query: Record<string, string>) => server.api('GET', `${SEARCH}?${new URLSearchParams(query)}`, { as });

describe('GET /api/v2/search/messages', () => {
  test('what was just acknowledged is found, as the Message that it is', async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    const chat = await newChat(ann, bob);
    const message = await say(ann, chat, 'اجتماع المجلس غدًا');
    const { status, body } = await search(bob, { q: 'إجتماع المجل' });
    expect(status).toBe(200);
    expect(body).toEqual({ data: [{ ...message, status: 'sent' }], next_cursor: null });
  });

  test('pages go on by cursor; "a cursor that is not ours is INVALID_DATA"', async () => {
    const user = await newUser();
    const chat = await newChat(user);
    for (let i = 0; i < 5; i++) await say(user, chat, `paged ${i}`);
    const contents: string[] = [];
    let cursor: string | null = null;
    do {
      const { body } = await search(user, { q: 'paged', limit: '2', ...(cursor === null ? {} : { cursor }) });
      contents.push(...body.data.map((message: { content: string }) => message.content));
      cursor = body.next_cursor;
    } while (cursor !== null);
    expect(contents).toEqual(['paged 4', 'paged 3', 'paged 2', 'paged 1', 'paged 0']);
    const ofChats = (await server.api('GET', '/api/v2/chats?limit=1', { as: user })).body.next_cursor;
    for (const cursor of ['x', ofChats].filter(Boolean)) {
      const { status, body } = await search(user, { q: 'paged', cursor });
      expect([status, body.code, body.details.field]).toEqual([400, 'INVALID_DATA', 'cursor']);
    }
  });

  test('a deleted message is gone, and so is a chat that one has left', async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    const chat = await newChat(ann, bob);
    const { id } = await say(ann, chat, 'regret this');
    await say(ann, chat, 'keep this');
    await server.api('DELETE', `/api/v2/chats/${chat}/messages/${id}`, { as: ann });
    expect((await search(bob, { q: 'this' })).body.data).toMatchObject([{ content: 'keep this' }]);
    await server.api('DELETE', `/api/v2/chats/${chat}/members/${bob}`, { as: bob });
    expect((await search(bob, { q: 'this' })).body.data).toEqual([]);
    expect((await search(bob, { q: 'this', chat_id: chat })).body.code).toBe('FORBIDDEN');
  });

  test('questions that are none are refused, hostile ones are only words', async () => {
    const user = await newUser();
    await newChat(user);
    for (const query of [
      {},
      { q: '' },
      { q: 'x'.repeat(201) },
      { q: 'a', limit: '0' },
      { q: 'a', limit: String(LIMITS.pageMax + 1) },
      { q: 'a\0b' },
    ]) {
      const { status, body } = await search(user, query as Record<string, string>);
      expect([status, body.code], JSON.stringify(query)).toEqual([400, 'INVALID_DATA']);
    }
    for (const q of ['"', `' OR 1=1 --`, 'a* NEAR("b")', ':*', '-', 'a:b', '\\'])
      expect((await search(user, { q })).body, q).toEqual({ data: [], next_cursor: null });
    expect((await server.api('GET', `${SEARCH}?q=a`)).status).toBe(401);
    expect((await search(user, { q: 'a', chat_id: 'none' })).body.code).toBe('CHAT_NOT_FOUND');
  });
});
