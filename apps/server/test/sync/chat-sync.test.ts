import { LIMITS, type v2 } from '@majlis/contract';
import type { KyselyPlugin } from 'kysely';
import { expect, test } from 'vitest';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Database, Storage } from '../../src/storage/storage.ts';
import { makeDirect, makeGroup, makeUsers, onServers, say, v2Clients } from '../support/chats.ts';
import type { Client } from '../support/sockets.ts';

interface Page {
  messages: v2.Message[];
  last_seq: number;
  has_more: boolean;
}

const upTo = (from: number, to: number) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
const seqs = ({ messages }: Page) => messages.map(({ seq }) => seq);

onServers('chat:sync', (server) => {
  async function pair() {
    const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
    const chat = await makeDirect(server(), anna, boris);
    const [annas, boriss] = await v2Clients(server(), anna, boris);
    return { anna, boris, annas, boriss, chat };
  }
  const ask = async (client: Client, chats: Record<string, number>): Promise<Record<string, Page>> =>
    (await client.ask('chat:sync', { chats })).chats;

  test('`chat:sync {chats: {chat_id: last_seq}}` is acknowledged `{chats: {chat_id: {messages, last_seq, has_more}}}`, "in `seq` order"', async () => {
    const { annas, boriss, chat } = await pair();
    const empty = { messages: [], last_seq: 0, has_more: false };
    expect(await boriss.ask('chat:sync', { chats: { [chat.id]: 0 } })).toEqual({ chats: { [chat.id]: empty } });
    for (let i = 1; i <= 5; i++) await say(annas, chat.id, `${i}`);
    const lived = await boriss.count('chat:message:new', 5);
    expect(await boriss.ask('chat:sync', { chats: { [chat.id]: 2 } })).toEqual({
      chats: { [chat.id]: { messages: lived.slice(2), last_seq: 5, has_more: false } },
    });
    expect((await ask(boriss, { [chat.id]: 5 }))[chat.id]).toEqual({ ...empty, last_seq: 5 });
    expect((await ask(boriss, { [chat.id]: 99 }))[chat.id]).toEqual({ ...empty, last_seq: 5 });
    expect(await boriss.ask('chat:sync', { chats: {} })).toEqual({ chats: {} });
  });

  test('messages come as they are now: edited, deleted, with their reactions, and with their status for their sender', async () => {
    const { anna, boris, annas, boriss, chat } = await pair();
    const [one, two, three] = [await say(annas, chat.id, 'one'), await say(annas, chat.id, 'two'), await say(boriss, chat.id, 'three')];
    await annas.ask('chat:message:edit', { chat_id: chat.id, message_id: one.message_id, content: 'one, edited' });
    await annas.ask('chat:message:delete', { chat_id: chat.id, message_id: two.message_id });
    await annas.ask('chat:message:react', { chat_id: chat.id, message_id: three.message_id, emoji: '👍', on: true });
    await boriss.ask('chat:message:read', { chat_id: chat.id, message_id: two.message_id });
    const shown = async (client: Client) =>
      (await ask(client, { [chat.id]: 0 }))[chat.id]!.messages.map(({ content, status, reactions }) => [content, status, reactions.length]);
    expect(await shown(annas)).toEqual([
      ['one, edited', 'read', 0],
      ['', 'read', 0],
      ['three', 'sent', 1],
    ]);
    expect(await shown(boriss)).toEqual([
      ['one, edited', 'sent', 0],
      ['', 'sent', 0],
      ['three', 'delivered', 1],
    ]);
    expect([anna, boris]).toHaveLength(2);
  });

  test('`last_seq` is not that of a message that came while the answer was made and is not in it', async () => {
    const { annas, boriss, chat } = await pair();
    await say(annas, chat.id, 'one');
    await boriss.next('chat:message:new');
    const storage = server().app.get<Storage>(STORAGE, { strict: false });
    const { db, snapshot } = storage;
    let late: Promise<unknown> | undefined;
    const saying: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      // After what is read first.
      async transformResult({ result }) {
        await (late ??= say(annas, chat.id, 'two'));
        return result;
      },
    };
    Object.assign(storage, {
      db: db.withPlugin(saying),
      snapshot: <T>(work: (db: Database) => Promise<T>) => snapshot((read) => work(read.withPlugin(saying))),
    });
    try {
      expect((await ask(boriss, { [chat.id]: 1 }))[chat.id]).toEqual({ messages: [], last_seq: 1, has_more: false });
    } finally {
      Object.assign(storage, { db, snapshot });
    }
    expect(seqs((await ask(boriss, { [chat.id]: 1 }))[chat.id]!)).toEqual([2]);
  });

  test('an answer holds at most 200 messages over all its chats, and `last_seq` is from where to ask on', async () => {
    const { anna, boris, annas, boriss, chat } = await pair();
    const other = await makeGroup(server(), anna, boris);
    const third = await makeGroup(server(), anna, boris);
    await Promise.all([
      ...upTo(1, 250).map((i) => say(annas, chat.id, `${i}`)),
      ...upTo(1, 30).map((i) => say(annas, other.id, `${i}`)),
      say(annas, third.id, 'x'),
    ]);
    const first = await ask(boriss, { [other.id]: 10, [chat.id]: 0, [third.id]: 0 });
    expect(seqs(first[other.id]!)).toEqual(upTo(11, 30));
    expect(seqs(first[chat.id]!)).toEqual(upTo(1, 180));
    expect(first[other.id]).toMatchObject({ last_seq: 30, has_more: false });
    expect(first[chat.id]).toMatchObject({ last_seq: 180, has_more: true });
    expect(first[third.id]).toEqual({ messages: [], last_seq: 0, has_more: true });
    const second = await ask(boriss, { [chat.id]: first[chat.id]!.last_seq, [third.id]: 0 });
    expect(seqs(second[chat.id]!)).toEqual(upTo(181, 250));
    expect(second[chat.id]).toMatchObject({ last_seq: 250, has_more: false });
    expect(second[third.id]).toMatchObject({ last_seq: 1, has_more: false });
  });

  test('large messages do not make an answer that would cut the client off', async () => {
    const { annas, boriss, chat } = await pair();
    const metadata = { large: 'x'.repeat(16_000) };
    await Promise.all(upTo(1, 60).map(() => say(annas, chat.id, 'ж'.repeat(4_096), { metadata })));
    const found: number[] = [];
    for (let page: Page | undefined, last = 0; page?.has_more !== false; last = page.last_seq) {
      page = (await ask(boriss, { [chat.id]: last }))[chat.id]!;
      expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThanOrEqual(LIMITS.syncBytes * 1.1);
      expect(page.messages.length).toBeGreaterThan(0);
      found.push(...seqs(page));
    }
    expect(found).toEqual(upTo(1, 60));
  });

  test('a question names at most 100 chats', async () => {
    const { annas, chat } = await pair();
    const chats = Object.fromEntries(upTo(1, 100).map((i) => [`chat-${i}`, 0]));
    expect(await annas.ask('chat:sync', { chats: { ...chats, [chat.id]: 0 } })).toMatchObject({
      status: 'error',
      error: { code: 'INVALID_DATA', details: { field: 'chats' } },
    });
    delete chats['chat-1'];
    expect((await ask(annas, { ...chats, [chat.id]: 0 }))[chat.id]).toMatchObject({ last_seq: 0 });
  });
});
