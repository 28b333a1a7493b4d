import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { indexChats } from '../../src/features/search/indexing.ts';
import { lockIndex, tryLockIndex } from '../../src/features/search/search.repository.ts';
import { deleteEntriesBefore } from '../../src/log/stream-log.repository.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ENGINES, openMigrated, type OpenEngine } from '../support/engines.ts';
import { seededRandom } from '../support/random.ts';
import { freshId } from '../support/server.ts';
import { searchNode, type SearchNode } from './node.ts';

for (const engine of ENGINES) {
  describe.skipIf(engine.missing)(`search on ${engine.name}`, () => {
    let opened: OpenEngine;
    let storage: Storage;
    let node: SearchNode;

    beforeAll(async () => {
      opened = await openMigrated(engine);
      storage = opened.storage;
      node = searchNode(storage);
    });
    afterAll(async () => {
      await node.queue.idle();
      await opened.close();
    });

    async function newUser(name?: string): Promise<string> {
      const id = freshId(name);
      await node.queue.run([], (tx) =>
        tx.db
          .insertInto('users')
          .values({
            id,
            name: id,
            role: 'user',
            is_master: 0,
            disabled: 0,
            search_key: id,
            created_at: tx.now,
            updated_at: tx.now,
          } as never)
          .execute(),
      );
      return id;
    }
    async function newChat(...members: string[]): Promise<string> {
      const actor = { userId: members[0]!, isAdmin: false };
      return (await node.chats.create(actor, { type: 'group', member_ids: members })).view.chat.id;
    }
    const say = async (userId: string, chatId: string, content: string) =>
      (await node.messages.send(userId, chatId, { type: 'text', content })).messageId;
    const asActor = (userId: string) => ({ userId, isAdmin: false });
    async function find(userId: string, text: string, options: { chatId?: string; limit?: number } = {}): Promise<string[]> {
      const { messages } = await node.search.messages(userId, { text, limit: 50, ...options });
      return messages.map(({ message }) => message.content);
    }
    /** Whether the index knows a word. */
    async function isIndexed(word: string): Promise<boolean> {
      if (engine.name === 'SQLite')
        await node.queue.run([], (tx) =>
          sql`create virtual table if not exists terms using fts5vocab('message_words', 'row')`.execute(tx.db),
        );
      const question =
        engine.name === 'SQLite'
          ? sql<{ n: number }>`select count(*) as n from terms where term = ${word}`
          : sql<{ n: number }>`select count(*) as n from message_search where words @@ ${word}::tsquery`;
      return (await question.execute(storage.db)).rows[0]!.n > 0;
    }
    /** Whether SQLite's index holds the bytes of a word, which it would after an ordinary deletion until some later merge. */
    async function bytesAreIndexed(word: string): Promise<boolean> {
      // Terms are stored without what they share with the one before.
      const { rows } = await sql<{
        n: number;
      }>`select count(*) as n from message_words_data where instr(block, ${Buffer.from(word.slice(3))}) > 0`.execute(storage.db);
      return rows[0]!.n > 0;
    }
    const positionOf = (chatId: string) =>
      storage.db.selectFrom('message_search_positions').select(['seq', 'version']).where('chat_id', '=', chatId).executeTakeFirst();

    test('all words must be there; the last one may be a beginning, the others not', async () => {
      const user = await newUser();
      const chat = await newChat(user);
      for (const text of ['the quick brown fox', 'the quick red hen', 'a brown cow']) await say(user, chat, text);
      expect(await find(user, 'quick brown')).toEqual(['the quick brown fox']);
      expect(await find(user, 'brown quick')).toEqual(['the quick brown fox']);
      expect(await find(user, 'the qui')).toEqual(['the quick red hen', 'the quick brown fox']);
      expect(await find(user, 'qui the')).toEqual([]);
      expect(await find(user, 'b')).toEqual(['a brown cow', 'the quick brown fox']);
      expect(await find(user, 'quick cow')).toEqual([]);
    });

    test('"Arabic and Cyrillic spellings are folded", in what is said and in what is asked', async () => {
      const user = await newUser();
      const chat = await newChat(user);
      const said = ['أهلاً بكم في المدرسة', 'رقم الطلب ١٢٣٤', 'Ещё одна ЁЛКА', 'Café au lait'];
      for (const text of said) await say(user, chat, text);
      for (const asked of ['اهلا', 'أَهلاً', 'المدرسه', 'الـمـدرسة']) expect(await find(user, asked), asked).toEqual([said[0]]);
      for (const asked of ['1234', '١٢٣٤', '۱۲۳']) expect(await find(user, asked), asked).toEqual([said[1]]);
      for (const asked of ['елка', 'Ёлка', 'ЕЩЕ ёл']) expect(await find(user, asked), asked).toEqual([said[2]]);
      for (const asked of ['cafe', 'CAFÉ', 'cafe\u0301 lai']) expect(await find(user, asked), asked).toEqual([said[3]]);
    });

    test('query syntax of either engine is only words', async () => {
      const user = await newUser();
      const chat = await newChat(user);
      await say(user, chat, 'plain text with not and near or');
      const nothing = ['"', '*', '()', '^', '-', ':', '|&!', "'", '\\', "'''", '%', '_', ' ', '"-', '<->', '🙂'];
      for (const asked of nothing) expect(await find(user, asked), asked).toEqual([]);
      const missing = [
        'plain OR absent',
        'plain | absent',
        '"plain" OR "absent',
        'plain NEAR(text absent)',
        "plain' | 'absent",
        `-${chat}`,
        chat,
        'NOT absent',
      ];
      for (const asked of missing) expect(await find(user, asked), asked).toEqual([]);
      const found = [
        '"plain" "text"',
        'plain AND text',
        'text* pl',
        'words:plain'.slice(6),
        '{plain}',
        '^plain',
        "plain':*",
        '!plain',
        'plain -text',
        'NOT near',
        'plain\ttext',
      ];
      for (const asked of found) expect(await find(user, asked), asked).toHaveLength(1);
    });

    test('only chats of which one is a member at that moment, with their whole history', async () => {
      const [ann, bob] = [await newUser(), await newUser()];
      const chat = await newChat(ann);
      await say(ann, chat, 'confidential salary');
      expect(await find(bob, 'salary')).toEqual([]);
      await node.chats.addMembers(asActor(ann), chat, [bob]);
      expect(await find(bob, 'salary')).toEqual(['confidential salary']);
      await node.chats.removeMember(asActor(ann), chat, bob);
      expect(await find(bob, 'salary')).toEqual([]);
      expect(await find(ann, 'salary')).toEqual(['confidential salary']);
    });

    test("one chat alone, which must be there and one's own", async () => {
      const [ann, bob] = [await newUser(), await newUser()];
      const [first, second] = [await newChat(ann), await newChat(ann)];
      await say(ann, first, 'apples here');
      await say(ann, second, 'apples there');
      expect(await find(ann, 'apples')).toEqual(['apples there', 'apples here']);
      expect(await find(ann, 'apples', { chatId: second })).toEqual(['apples there']);
      await expect(find(bob, 'apples', { chatId: second })).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await expect(find(bob, 'apples', { chatId: 'none' })).rejects.toMatchObject({ code: 'CHAT_NOT_FOUND' });
    });

    test('the newest first over all chats; pages neither repeat nor skip', async () => {
      const user = await newUser();
      const chats = [await newChat(user), await newChat(user), await newChat(user)];
      const said: string[] = [];
      for (let i = 0; i < 25; i++) {
        said.unshift(`page number${i}`);
        await say(user, chats[i % 3]!, said[0]!);
      }
      // Many messages of one commit have one time.
      await Promise.all(Array.from({ length: 25 }, (_, i) => say(user, chats[i % 3]!, `page together${i}`)));
      const pages: string[][] = [];
      let before: number | undefined;
      do {
        const { messages, next } = await node.search.messages(user, { text: 'page', limit: 7, before });
        pages.push(messages.map(({ message }) => message.content));
        before = next;
      } while (before !== undefined);
      expect(pages.map((page) => page.length)).toEqual([7, 7, 7, 7, 7, 7, 7, 1]);
      expect(new Set(pages.flat()).size).toBe(50);
      expect(pages.flat().slice(25)).toEqual(said);
    });

    test('an edited message is found by its new words only, in its old place', async () => {
      const user = await newUser();
      const chat = await newChat(user);
      const edited = await say(user, chat, 'typoo here');
      await say(user, chat, 'corrected too');
      expect(await find(user, 'typoo')).toHaveLength(1);
      await node.messages.edit(asActor(user), chat, edited, 'corrected here');
      expect(await find(user, 'typoo')).toEqual([]);
      expect(await find(user, 'corrected')).toEqual(['corrected too', 'corrected here']);
      expect(await isIndexed('typoo')).toBe(false);
    });

    test('deleted messages never appear, and their text leaves the index', async () => {
      const user = await newUser();
      const chat = await newChat(user);
      const secret = await say(user, chat, 'zanzibarsecret password');
      expect(await find(user, 'zanzibarsecret')).toHaveLength(1);
      expect(await isIndexed('zanzibarsecret')).toBe(true);
      if (engine.name === 'SQLite') expect(await bytesAreIndexed('zanzibarsecret')).toBe(true);
      await node.messages.remove(asActor(user), chat, secret);
      expect(await find(user, 'zanzibarsecret')).toEqual([]);
      expect(await isIndexed('zanzibarsecret')).toBe(false);
      if (engine.name === 'SQLite') expect(await bytesAreIndexed('zanzibarsecret')).toBe(false);
    });

    test('a message deleted before it was indexed, and one whose deletion was not indexed yet, do not appear', async () => {
      const user = await newUser();
      const chat = await newChat(user);
      const early = await say(user, chat, 'early deletion');
      await node.messages.remove(asActor(user), chat, early);
      expect(await find(user, 'deletion')).toEqual([]);
      await say(user, chat, 'before any deletion');
      const late = await say(user, chat, 'belated deletion');
      await node.indexer.catchUp(user);
      // The row of the message says it, whatever the index still holds.
      await node.queue.run([], (tx) => tx.db.updateTable('messages').set({ deleted_at: tx.now }).where('id', '=', late).execute());
      expect(await isIndexed('belated')).toBe(true);
      expect(await find(user, 'deletion', { limit: 1 })).toEqual(['before any deletion']);
    });

    test('erasing a person takes what they said out of the index', async () => {
      const [gone, stays] = [await newUser(), await newUser()];
      const chats = await Promise.all(Array.from({ length: 3 }, () => newChat(gone, stays)));
      await Promise.all(Array.from({ length: 90 }, (_, i) => say(gone, chats[i % 3]!, `forgetme${i} please`)));
      await say(stays, chats[0]!, 'remember please');
      expect(await find(stays, 'please', { limit: 200 })).toHaveLength(91);
      await node.messages.eraseSender(gone);
      expect(await find(stays, 'please')).toEqual(['remember please']);
      for (let i = 0; i < 90; i++) expect(await isIndexed(`forgetme${i}`)).toBe(false);
    });

    test('what other types of messages say is found, and their URLs are not', async () => {
      const user = await newUser();
      const chat = await newChat(user);
      const send = (type: 'photo' | 'location' | 'booking_proposal' | 'text', content: string, metadata: Record<string, unknown>) =>
        node.messages.send(user, chat, { type, content, metadata });
      await send('photo', 'https://example.com/sunset.jpg', { width: 1 });
      await send('location', '25.2,55.27', { address: 'Деловой квартал 5' });
      await send('booking_proposal', 'Haircut on Friday', { service_name: 'قص شعر', price: 10 });
      await send('text', 'see this', { file: { name: 'contract-2026.pdf' } });
      expect(await find(user, 'sunset')).toEqual([]);
      expect(await find(user, 'квартал')).toEqual(['25.2,55.27']);
      expect(await find(user, 'قص')).toEqual(['Haircut on Friday']);
      expect(await find(user, 'contract 2026')).toEqual(['see this']);
    });

    test('a member of more chats than a question names finds the same', async () => {
      const [user, other] = [await newUser(), await newUser()];
      const chats: string[] = [];
      for (let i = 0; i < 310; i++) chats.push(await newChat(user));
      await say(user, chats[0]!, 'needle in the first');
      await say(user, chats[309]!, 'needle in the last');
      await say(other, await newChat(other), 'needle elsewhere');
      expect(await find(user, 'needle')).toEqual(['needle in the last', 'needle in the first']);
    });

    test('a search catches up with what was just acknowledged, in bounded steps', async () => {
      const user = await newUser();
      const chat = await newChat(user);
      await Promise.all(Array.from({ length: 5_500 }, (_, i) => say(user, chat, `flood ${i}`)));
      expect(await find(user, 'flood 0')).toHaveLength(1);
      const { seq } = (await positionOf(chat))!;
      expect(seq).toBeGreaterThanOrEqual(5_000);
      expect(seq).toBeLessThan(5_500);
      expect(await find(user, 'flood 5499')).toHaveLength(1);
      expect((await positionOf(chat))!.seq).toBe(5_500);
    });

    test('in the background everything is indexed without a search, also what came before the start', async () => {
      const user = await newUser();
      const chat = await newChat(user);
      const before = await say(user, chat, 'before the start');
      const restarted = searchNode(storage);
      restarted.indexer.start();
      try {
        await until(async () => (await positionOf(chat))?.seq === 1, 'what was said before the start is indexed');
        await restarted.messages.edit(asActor(user), chat, before, 'edited unseen');
        await until(() => isIndexed('unseen'), 'an edit is indexed');
        await restarted.messages.remove(asActor(user), chat, before);
        await until(async () => !(await isIndexed('unseen')), 'a deletion is indexed');
      } finally {
        await restarted.indexer.stop();
      }
      expect(restarted.warnings).toEqual([]);
    });

    test('where the log no longer tells what was edited, the chat is indexed again', async () => {
      const user = await newUser();
      const chat = await newChat(user);
      const ids = await Promise.all(Array.from({ length: 100 }, (_, i) => say(user, chat, `forgotten original${i}`)));
      expect(await find(user, 'forgotten', { limit: 200 })).toHaveLength(100);
      await node.messages.edit(asActor(user), chat, ids[3]!, 'forgotten replacement');
      await node.messages.remove(asActor(user), chat, ids[4]!);
      await node.queue.run([], (tx) => deleteEntriesBefore(tx.connection, Date.now() + 1_000, 1_000_000));
      await say(user, chat, 'forgotten last');
      expect(await find(user, 'forgotten', { limit: 200 })).toHaveLength(100);
      expect(await find(user, 'forgotten replacement')).toHaveLength(1);
      expect(await isIndexed('original3')).toBe(false);
      expect(await isIndexed('original4')).toBe(false);
      expect((await find(user, 'forgotten', { limit: 1 }))[0]).toBe('forgotten last');
    });

    test('what a step does not finish is left for the next, and finishing is never claimed too early', async () => {
      const user = await newUser();
      const chats = (await Promise.all([newChat(user), newChat(user), newChat(user)])).toSorted();
      const ids = await Promise.all(Array.from({ length: 150 }, (_, i) => say(user, chats[i % 3]!, `step${i}`)));
      const run = async () => {
        let steps = 0;
        for (let left: readonly string[] = chats; left.length > 0; steps++) {
          left = (await node.queue.run([], ({ connection }) => indexChats(connection, left))).unfinished;
          expect(steps).toBeLessThan(100);
        }
        return steps;
      };
      expect(await run()).toBe(3);
      for (const [i, id] of ids.entries()) await node.messages.edit(asActor(user), chats[i % 3]!, id, `changed${i}`);
      expect(await run()).toBeGreaterThan(8);
      for (const i of ids.keys()) {
        expect(await isIndexed(`step${i}`)).toBe(false);
        expect(await isIndexed(`changed${i}`)).toBe(true);
      }
      expect(await run()).toBe(1);
    });

    test('whatever is said, edited, deleted, joined and left, a search finds what a look at every message finds', async () => {
      const random = seededRandom();
      const pick = <T>(items: readonly T[]) => items[random.below(items.length)]!;
      const words = ['alpha', 'alphabet', 'beta', 'гамма', 'ёж', 'دال', 'e', 'ee'];
      const sentence = () => Array.from({ length: 1 + random.below(4) }, () => pick(words)).join(' ');
      const owner = await newUser();
      const users = [await newUser(), await newUser(), await newUser()];
      const chats = await Promise.all(Array.from({ length: 6 }, () => newChat(owner)));
      const members = new Map(chats.map((chat) => [chat, new Set([owner])]));
      const said: { id: string; chat: string; text: string | null }[] = [];

      for (let round = 0; round < 400; round++) {
        const chat = pick(chats);
        const message = said.length > 0 ? pick(said) : undefined;
        const what = random.below(10);
        if (what < 5) {
          const text = sentence();
          said.push({ id: await say(owner, chat, text), chat, text });
        } else if (what === 5 && message?.text) {
          message.text = sentence();
          await node.messages.edit(asActor(owner), message.chat, message.id, message.text);
        } else if (what === 6 && message?.text) {
          message.text = null;
          await node.messages.remove(asActor(owner), message.chat, message.id);
        } else if (what === 7) {
          const user = pick(users);
          const inside = members.get(chat)!;
          if (inside.delete(user)) await node.chats.removeMember(asActor(owner), chat, user);
          else {
            inside.add(user);
            await node.chats.addMembers(asActor(owner), chat, [user]);
          }
        } else if (what === 8) {
          if (message?.text) await node.messages.react(asActor(owner), message.chat, message.id, '👍', round % 2 === 0);
        } else {
          const user = pick([owner, ...users]);
          const asked = sentence().split(' ');
          const last = asked
            .at(-1)!
            .slice(0, 1 + random.below(3))
            .replaceAll('ё', 'е');
          const whole = asked.slice(0, -1).map((word) => word.replaceAll('ё', 'е'));
          const expected = said
            .filter(({ chat: place, text }) => {
              const has = text?.replaceAll('ё', 'е').split(' ') ?? [];
              return (
                members.get(place)!.has(user) && whole.every((word) => has.includes(word)) && has.some((word) => word.startsWith(last))
              );
            })
            .map(({ text }) => text!);
          const found = await find(user, [...whole, last].join(' '), { limit: 500 });
          expect(found.toSorted(), `SEED=${random.seed}, round ${round}: ${[...whole, last].join(' ')}`).toEqual(expected.toSorted());
        }
      }
    });

    if (engine.name === 'PostgreSQL')
      test('one node indexes at a time', async () => {
        const taken = Promise.withResolvers<void>();
        const enough = Promise.withResolvers<void>();
        const other = opened.anotherNode!();
        const holding = other.transaction(async (connection) => {
          await lockIndex(connection);
          taken.resolve();
          await enough.promise;
        });
        await taken.promise;
        expect(await storage.transaction(tryLockIndex)).toBe(false);
        enough.resolve();
        await holding;
        expect(await storage.transaction(tryLockIndex)).toBe(true);
      });

    if (engine.name === 'PostgreSQL')
      test('several nodes index at once, and nothing twice or never', async () => {
        const nodes = [node, searchNode(opened.anotherNode!()), searchNode(opened.anotherNode!())];
        const user = await newUser();
        const chats = await Promise.all(Array.from({ length: 5 }, () => newChat(user)));
        for (const one of nodes) one.indexer.start();
        try {
          await Promise.all(
            Array.from({ length: 600 }, async (_, i) => {
              const { messages, search } = nodes[i % 3]!;
              await messages.send(user, chats[i % 5]!, { type: 'text', content: `cluster ${i}` });
              if (i % 50 === 0)
                expect((await search.messages(user, { text: `cluster ${i}`, limit: 200 })).messages.length).toBeGreaterThan(0);
            }),
          );
          expect(await find(user, 'cluster', { limit: 1_000 })).toHaveLength(600);
          await until(
            async () => (await Promise.all(chats.map(positionOf))).every((position) => position?.seq === 120),
            'every chat is indexed',
          );
        } finally {
          await Promise.all(nodes.map((one) => one.indexer.stop()));
        }
        expect(nodes.flatMap(({ warnings }) => warnings)).toEqual([]);
      });
  });
}

/** Waits for a fact of the store. */
async function until(fact: () => Promise<boolean>, what: string): Promise<void> {
  await expect.poll(fact, { timeout: 15_000, interval: 50, message: what }).toBe(true);
}
