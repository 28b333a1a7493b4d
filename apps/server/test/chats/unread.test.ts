import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from 'kysely';
import { unreadCounts } from '../../src/features/chats/chats.repository.ts';
import { ENGINES, openMigrated, type OpenEngine } from '../support/engines.ts';
import { seededRandom } from '../support/random.ts';
import { upTo } from '../log/commit-recorder.ts';

describe.for(ENGINES.filter(({ missing }) => !missing))('unread messages on $name', (engine) => {
  let opened: OpenEngine;
  beforeAll(async () => {
    opened = await openMigrated(engine);
  });
  afterAll(() => opened.close());

  test('are those of others after the last one that was read, however many users are counted, and however far behind they are', async () => {
    const random = seededRandom();
    const { storage } = opened;
    const last = 3_000;
    const users = upTo(20).map((n) => ({ id: `u${n}`, readSeq: n === 20 ? 0 : last - random.below(n < 15 ? 100 : last) }));
    const senders = upTo(last).map(() => users[random.below(users.length)]!.id);
    await storage.transaction(async ({ db }) => {
      await db
        .insertInto('chats')
        .values({ id: 'c', key: 7, type: 'group', title: null, direct_key: null, created_by: 'u1', member_count: 20, created_at: 1 })
        .execute();
      await db.insertInto('streams').values({ id: 'chat:c', version: last, seq: last, forgotten: 0 }).execute();
      for (const { id, readSeq } of users) {
        await sql`insert into chat_members (chat_id, user_id, joined_at, delivered_seq, read_seq) values ('c', ${id}, 1, 0, ${readSeq})`.execute(
          db,
        );
      }
      for (const [i, sender] of senders.entries()) {
        const seq = i + 1;
        await sql`insert into messages (id, chat_id, chat_key, seq, version, created_version, content_version, sender_id, sender_name, type, content, metadata, created_at)
          values (${`m${seq}`}, 'c', 7, ${seq}, ${seq}, ${seq}, ${seq}, ${sender}, '', 'text', '', '{}', 1)`.execute(db);
      }
    });
    const unread = (count: number, upToSeq: number) =>
      new Map(
        users.slice(0, count).map(({ id, readSeq }) => [id, senders.slice(readSeq, upToSeq).filter((sender) => sender !== id).length]),
      );
    for (const count of [1, 9, 10, 20]) {
      const ids = users.slice(0, count).map(({ id }) => id);
      for (const upToSeq of [last, last - 40]) {
        expect(await unreadCounts(storage.db, 'c', ids, upToSeq), `SEED=${random.seed}`).toEqual(unread(count, upToSeq));
      }
      expect(await unreadCounts(storage.db, 'c', ids), `SEED=${random.seed}`).toEqual(unread(count, last));
    }
  });
});
