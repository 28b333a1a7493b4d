import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrate, migrateWithin } from '../../src/storage/migrate.ts';
import { ENGINES, type OpenEngine } from '../support/engines.ts';

const FOLDER = new URL('../../src/storage/migrations/', import.meta.url);

/** What stands in the databases that have been started: an edit of a file would leave them without it. */
const FROZEN: Record<string, string> = {
  '2026-11-21-bookings.ts': '84955ba20a0c15bb',
  '2026-11-21-core.ts': '16efbe62f076286b',
  '2026-11-21-mentions.ts': '23e23346aac42a92',
  '2026-11-21-message-search.ts': '8c364ae7abc896e2',
  '2026-11-21-orders.ts': '9b2cd39de1767285',
  '2026-11-21-projects.ts': 'd2adbc0325efef19',
  '2026-11-21-preferences.ts': '521e155dec83ad7f',
  '2026-11-21-social.ts': '8fefa853e4d87546',
  '2026-11-21-push.ts': '118dab01503a21e2',
  '2026-11-21-support.ts': 'cdcf3307f2231514',
  '2026-11-21-uploads.ts': 'cc4607c322e9865f',
  '2026-11-21-user-administration.ts': 'ec28dbae100819d6',
  '2026-11-29-devices-by-age.ts': '8afe69b748348279',
  '2026-11-29-quoted-messages.ts': '88fec90aca28ce5b',
};

test('"Migrations are dated, frozen, forward-only": a released file never changes, what changes is a new file', () => {
  const hashes = readdirSync(FOLDER).map((file) => [
    file,
    createHash('sha256')
      .update(readFileSync(new URL(file, FOLDER)))
      .digest('hex')
      .slice(0, 16),
  ]);
  expect(Object.fromEntries(hashes)).toEqual(FROZEN);
});

for (const engine of ENGINES) {
  describe.skipIf(engine.missing)(`migrations on ${engine.name}`, () => {
    let opened: OpenEngine;

    beforeEach(async () => {
      opened = await engine.openEmpty();
    });
    afterEach(() => opened.close());

    const tables = async () => (await opened.storage.schemaOwner.introspection.getTables()).map(({ name }) => name).toSorted();
    const applied = async () =>
      (await sql<{ name: string }>`select name from kysely_migration order by name`.execute(opened.storage.schemaOwner)).rows.map(
        ({ name }) => name,
      );

    test('the first start applies every file of the folder, in the order of their dates; the next start changes nothing', async () => {
      await migrate(opened.storage);
      expect(await applied()).toEqual(
        readdirSync(FOLDER)
          .map((file) => file.replace(/\.ts$/, ''))
          .toSorted(),
      );
      const [before, names] = [await tables(), await applied()];
      await migrate(opened.storage);
      expect([await tables(), await applied()]).toEqual([before, names]);
    });

    test('a migration that fails leaves nothing of it, so that the next start can do it', async () => {
      // In the way of the first migration's last table.
      await sql`create table application_state (in_the_way integer)`.execute(opened.storage.schemaOwner);
      await expect(migrate(opened.storage)).rejects.toThrow(/application_state/);
      expect((await tables()).filter((name) => !name.startsWith('kysely'))).toEqual(['application_state']);
      await sql`drop table application_state`.execute(opened.storage.schemaOwner);
      await migrate(opened.storage);
      expect(await tables()).toEqual(expect.arrayContaining(['application_state', 'stream_log', 'users']));
    });

    test('what quoted a message before 2026-11-29 tells which', async () => {
      const id = '01a2258a-a7cc-70ea-bbd4-ec4acf26dc75';
      await opened.storage.transaction((connection) => migrateWithin(connection, '2026-11-21-user-administration'));
      const { schemaOwner: db } = opened.storage;
      const mention = { chat_id: id.replace('7', '8'), message_id: id, user_id: 'anna' };
      for (const [i, data] of [mention, { post_id: id, user_id: 'anna' }, {}].entries()) {
        await sql`insert into notifications (id, user_id, created_version, version, type, title, body, data, created_at)
          values (${String(i)}, 'boris', ${i}, ${i}, 'mention', '', '', ${JSON.stringify(data)}, 0)`.execute(db);
      }
      await migrate(opened.storage);
      const quoted = await db.selectFrom('notifications').select('quoted_message_id').orderBy('id').execute();
      expect(quoted.map((row) => row.quoted_message_id)).toEqual([id, null, null]);
    });

    if (engine.name === 'PostgreSQL')
      test('several nodes that start at once', async () => {
        const nodes = [opened.storage, opened.anotherNode!(), opened.anotherNode!(), opened.anotherNode!()];
        await Promise.all(nodes.map((storage) => migrate(storage)));
        expect(await applied()).toHaveLength(readdirSync(FOLDER).length);
      });
  });
}
