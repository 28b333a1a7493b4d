import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bulkInsert, bulkSelect, bulkUpdate } from '../../src/storage/bulk.ts';
import type { Storage, WriteConnection } from '../../src/storage/storage.ts';
import { isUnavailable } from '../../src/storage/unavailable.ts';
import { ENGINES, openMigrated, type OpenEngine } from '../support/engines.ts';

const INSERT = bulkInsert('application_state', { key: 'text', value: 'text' });
const INSERT_OR_LEAVE = bulkInsert('application_state', { key: 'text', value: 'text' }, { onConflict: 'nothing' });
const INSERT_OR_REPLACE = bulkInsert('application_state', { key: 'text', value: 'text' }, { onConflict: 'replace', key: ['key'] });
const UPDATE = bulkUpdate('application_state', { set: { value: 'text' }, key: { key: 'text' } });
const SELECT = bulkSelect('application_state', ['key', 'value'], 'key');
const INSERT_STREAM = bulkInsert('streams', { id: 'text', version: 'int8', seq: 'int8' });
const FORWARD = bulkUpdate('streams', { set: { version: 'int8' }, key: { id: 'text' }, onlyForward: 'version' });
// A table of the test's own, so that it stands still while the schema grows.
const INSERT_PROBE = bulkInsert('probe', { id: 'text', name: 'text', note: 'text', small: 'int8', big: 'int8' });

for (const engine of ENGINES) {
  describe.skipIf(engine.missing)(`storage on ${engine.name}`, () => {
    let opened: OpenEngine;
    let storage: Storage;

    beforeAll(async () => {
      opened = await openMigrated(engine);
      storage = opened.storage;
      await sql`create table probe (id text primary key, name text, note text, small int8, big int8)`.execute(storage.schemaOwner);
    });
    afterAll(() => opened.close());

    const insert = (connection: WriteConnection, ...keys: string[]) =>
      connection.insertMany(
        INSERT,
        keys.map((key) => [key, `value of ${key}`]),
      );
    const keysLike = async (prefix: string) =>
      (await storage.db.selectFrom('application_state').select('key').where('key', 'like', `${prefix}%`).orderBy('key').execute()).map(
        ({ key }) => key,
      );

    test('a transaction that throws leaves nothing, and the next one works', async () => {
      await expect(
        storage.transaction(async (connection) => {
          await insert(connection, 'throws-1');
          throw new Error('changed my mind');
        }),
      ).rejects.toThrow('changed my mind');
      await storage.transaction((connection) => insert(connection, 'throws-2'));
      expect(await keysLike('throws-')).toEqual(['throws-2']);
    });

    test("a statement that fails ends the transaction with the database's own error", async () => {
      const failing = storage.transaction(async (connection) => {
        await insert(connection, 'twice-1');
        await insert(connection, 'twice-1');
      });
      await expect(failing).rejects.toThrow(/unique/i);
      await expect(failing).rejects.not.toHaveProperty('name', 'StoreUnavailable');
      expect(await keysLike('twice-')).toEqual([]);
    });

    test('an error that the work has swallowed does not turn into a commit that was none', async () => {
      let committed = false;
      await storage
        .transaction(async (connection) => {
          await insert(connection, 'swallowed-1');
          await insert(connection, 'swallowed-1').catch(() => undefined);
        })
        .then(
          () => (committed = true),
          () => undefined,
        );
      expect(await keysLike('swallowed-')).toEqual(committed ? ['swallowed-1'] : []);
    });

    test('a savepoint that throws undoes its own work only, nested ones too', async () => {
      await storage.transaction(async (connection) => {
        await insert(connection, 'save-1');
        const outer = connection.savepoint(async () => {
          await insert(connection, 'save-2');
          const inner = connection.savepoint(async () => {
            await insert(connection, 'save-3');
            // Not an exception of ours only: the engine's own failure must be undone as well.
            await insert(connection, 'save-1');
          });
          await expect(inner).rejects.toThrow(/unique/i);
          await connection.savepoint(async () => void (await insert(connection, 'save-4')));
        });
        await outer;
        await expect(
          connection.savepoint(async () => {
            await insert(connection, 'save-5');
            throw new Error('undo this one');
          }),
        ).rejects.toThrow('undo this one');
        await insert(connection, 'save-6');
      });
      expect(await keysLike('save-')).toEqual(['save-1', 'save-2', 'save-4', 'save-6']);
    });

    test('insertMany counts what was inserted; onConflict nothing leaves the rows that are there', async () => {
      await storage.transaction(async (connection) => {
        expect(await insert(connection)).toBe(0);
        expect(await insert(connection, 'count-1', 'count-2')).toBe(2);
        expect(
          await connection.insertMany(INSERT_OR_LEAVE, [
            ['count-2', 'other'],
            ['count-3', 'new'],
          ]),
        ).toBe(1);
        expect(await connection.selectMany(SELECT, ['count-2', 'count-3', 'count-4'])).toEqual(
          expect.arrayContaining([
            { key: 'count-2', value: 'value of count-2' },
            { key: 'count-3', value: 'new' },
          ]),
        );
        expect(await connection.selectMany(SELECT, ['count-4'])).toEqual([]);
        expect(await connection.selectMany(SELECT, [])).toEqual([]);
      });
    });

    test('onConflict replace overwrites the row, and the last of several for one key stands', async () => {
      await storage.transaction(async (connection) => {
        await insert(connection, 'replace-1');
        await connection.insertMany(INSERT_OR_REPLACE, [
          ['replace-1', 'a'],
          ['replace-2', 'b'],
          ['replace-1', 'c'],
          ['replace-2', 'd'],
        ]);
        expect(await connection.selectMany(SELECT, ['replace-1', 'replace-2'])).toEqual(
          expect.arrayContaining([
            { key: 'replace-1', value: 'c' },
            { key: 'replace-2', value: 'd' },
          ]),
        );
      });
    });

    test('updateMany changes one row for each key and counts them', async () => {
      await storage.transaction(async (connection) => {
        await insert(connection, 'update-1', 'update-2', 'update-3');
        expect(
          await connection.updateMany(UPDATE, [
            ['a', 'update-1'],
            ['b', 'update-3'],
            ['c', 'update-none'],
          ]),
        ).toBe(2);
        expect(await connection.updateMany(UPDATE, [])).toBe(0);
        const rows = await connection.selectMany<{ key: string; value: string }>(SELECT, ['update-1', 'update-2', 'update-3']);
        expect(Object.fromEntries(rows.map(({ key, value }) => [key, value]))).toEqual({
          'update-1': 'a',
          'update-2': 'value of update-2',
          'update-3': 'b',
        });
      });
    });

    test('a watermark only grows, also where one batch moves it several times', async () => {
      const version = async (id: string) =>
        (await storage.db.selectFrom('streams').select('version').where('id', '=', id).executeTakeFirstOrThrow()).version;
      await storage.transaction(async (connection) => {
        await connection.insertMany(INSERT_STREAM, [
          ['forward-1', 5, 0],
          ['forward-2', 5, 0],
        ]);
        await connection.updateMany(FORWARD, [
          [4, 'forward-1'],
          [6, 'forward-2'],
        ]);
      });
      expect([await version('forward-1'), await version('forward-2')]).toEqual([5, 6]);
      await storage.transaction(async (connection) => {
        await connection.updateMany(FORWARD, [
          [7, 'forward-1'],
          [9, 'forward-1'],
          [8, 'forward-1'],
          [9, 'forward-2'],
          [7, 'forward-2'],
        ]);
      });
      expect([await version('forward-1'), await version('forward-2')]).toEqual([9, 9]);
    });

    test('where one batch updates a row several times, the last one stands', async () => {
      await storage.transaction(async (connection) => {
        await insert(connection, 'last-1');
        await connection.updateMany(UPDATE, [
          ['a', 'last-1'],
          ['b', 'last-1'],
          ['c', 'last-1'],
        ]);
        expect(await connection.selectMany(SELECT, ['last-1'])).toEqual([{ key: 'last-1', value: 'c' }]);
      });
    });

    test('values come back as they were written: null, quotes, braces, every script, counters as numbers', async () => {
      const names = [
        '',
        '"quoted"',
        `it's`,
        '{a,b}',
        'NULL',
        'null',
        'back\\slash',
        'new\nline\ttab',
        'مجلس',
        'меджлис',
        '🇯🇴👩‍👩‍👧',
        ' space ',
        '\u0001',
      ];
      const rows = names.map((name, i) => [`value-${i}`, name, i % 2 ? name : null, i, 2 ** 53 - 1 - i] as const);
      await storage.transaction((connection) => connection.insertMany(INSERT_PROBE, rows));
      const { rows: read } = await sql<Record<string, unknown>>`select id, name, note, small, big from probe`.execute(storage.db);
      const byId = new Map(read.map((row) => [row.id, Object.values(row)]));
      for (const row of rows) expect(byId.get(row[0])).toEqual(row);
    });

    test('two statements on one table with different columns live side by side on one connection', async () => {
      const narrow = bulkInsert('probe', { id: 'text', name: 'text' });
      const ids = bulkSelect('probe', ['id'], 'id');
      const more = bulkSelect('probe', ['id', 'big'], 'id');
      await storage.transaction(async (connection) => {
        await connection.insertMany(INSERT_PROBE, [['side-1', 'side', null, 1, 2]]);
        await connection.insertMany(narrow, [['side-2', 'side']]);
        expect(await connection.selectMany(ids, ['side-1', 'side-2'])).toEqual(
          expect.arrayContaining([{ id: 'side-1' }, { id: 'side-2' }]),
        );
        expect(await connection.selectMany(more, ['side-1'])).toEqual([{ id: 'side-1', big: 2 }]);
      });
    });

    test('queries of the builder see what the transaction wrote; others see it after the commit', async () => {
      await storage.transaction(async (connection) => {
        await insert(connection, 'inside-1');
        expect(await connection.db.selectFrom('application_state').select('key').where('key', '=', 'inside-1').execute()).toEqual([
          { key: 'inside-1' },
        ]);
        // PGlite has one connection: a reader from outside would wait for this transaction.
        if (engine.name !== 'PGlite') expect(await keysLike('inside-')).toEqual([]);
      });
      expect(await keysLike('inside-')).toEqual(['inside-1']);
    });

    // PGlite has one connection.
    if (engine.name !== 'PGlite')
      test('a snapshot does not see what is committed while it is open', async () => {
        const insertKey = (key: string) => storage.transaction((connection) => insert(connection, key));
        await insertKey('snapshot-1');
        const seen = await storage.snapshot(async (db) => {
          const count = async () =>
            (await db.selectFrom('application_state').select('key').where('key', 'like', 'snapshot-%').execute()).length;
          const before = await count();
          await insertKey('snapshot-2');
          return [before, await count()];
        });
        expect(seen).toEqual([1, 1]);
        expect(await keysLike('snapshot-')).toEqual(['snapshot-1', 'snapshot-2']);
      });

    test('snapshots that run at once each get their own, and one that throws does not stop the others', async () => {
      const count = () => storage.snapshot(async (db) => (await db.selectFrom('application_state').select('key').execute()).length);
      const results = await Promise.allSettled([count(), storage.snapshot(() => Promise.reject(new Error('no'))), count(), count()]);
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    });

    test('a snapshot writes nothing', async () => {
      const writing = storage.snapshot((db) => db.insertInto('application_state').values({ key: 'readonly-1', value: '' }).execute());
      await expect(writing).rejects.toThrow(/read-?only/i);
    });

    test('check resolves where the database answers', async () => {
      await storage.check();
    });

    if (engine.name !== 'PGlite')
      test('what comes after the store was closed finds it away, and no fault', async () => {
        const other = await openMigrated(engine);
        await other.storage.close();
        const reading = other.storage.db.selectFrom('application_state').select('key').execute();
        expect(await reading.catch(isUnavailable)).toBe(true);
        expect(await other.storage.transaction((connection) => insert(connection, 'late')).catch(isUnavailable)).toBe(true);
        await other.close().catch(() => undefined);
      });
  });
}
