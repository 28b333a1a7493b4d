import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deleteEntriesBefore, readCounters, readEntries, rewriteEntry } from '../../src/log/stream-log.repository.ts';
import { StreamLog } from '../../src/log/stream-log.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import type { WriteTransaction } from '../../src/log/write-transaction.ts';
import { bulkInsert } from '../../src/storage/bulk.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ENGINES, openMigrated, type OpenEngine } from '../support/engines.ts';
import { seededRandom } from '../support/random.ts';
import { CommitRecorder, upTo } from './commit-recorder.ts';

const INSERT_LOG = bulkInsert('stream_log', {
  stream: 'text',
  version: 'int8',
  seq: 'int8',
  kind: 'text',
  data: 'text',
  created_at: 'int8',
});

for (const engine of ENGINES) {
  describe.skipIf(engine.missing)(`stream log on ${engine.name}`, () => {
    let opened: OpenEngine;
    let storage: Storage;
    let queue: WriteQueue;
    let stream: string;
    let tests = 0;

    beforeAll(async () => {
      opened = await openMigrated(engine);
      storage = opened.storage;
      queue = new WriteQueue(storage, new CommitRecorder());
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      stream = `chat:${tests++}`;
    });

    const append = (id: string, ...data: unknown[]) => queue.run([id], async (tx) => data.map((one) => tx.append(id, 'changed', one)));
    const versionsOf = async (id: string) => (await readEntries(storage.db, id, 0, 1_000)).map(({ version }) => version);
    /** Entries whose times are told: versions 1, 2, 3 … */
    const appendAt = (id: string, ...times: number[]) =>
      queue.run([id], ({ connection }) =>
        connection.insertMany(
          INSERT_LOG,
          times.map((time, i) => [id, i + 1, 0, 'changed', '{}', time]),
        ),
      );
    const forget = (time: number, limit = 1_000) => queue.run([], (tx) => deleteEntriesBefore(tx.connection, time, limit));

    test('readEntries gives what follows a version, in order, at most the limit, and of this stream only', async () => {
      await append(stream, ...upTo(12));
      await append(`${stream}:other`, 'other');
      const read = async (version: number, limit: number) =>
        (await readEntries(storage.db, stream, version, limit)).map(({ version: at, data }) => [at, data]);
      expect(await read(0, 100)).toEqual(upTo(12).map((n) => [n, n]));
      expect(await read(9, 2)).toEqual([
        [10, 10],
        [11, 11],
      ]);
      expect(await read(12, 10)).toEqual([]);
      expect(await read(99, 10)).toEqual([]);
    });

    test('readCounters knows the streams that have begun', async () => {
      await append(stream, 1, 2);
      expect(await readCounters(storage.db, [stream, `${stream}:none`])).toEqual(new Map([[stream, { version: 2, seq: 0, forgotten: 0 }]]));
      expect(await readCounters(storage.db, [])).toEqual(new Map());
    });

    test('"nothing deleted stays readable in the log": an entry can be rewritten in place', async () => {
      await append(stream, 'first', 'secret', 'third');
      await queue.run([stream], (tx) => rewriteEntry(tx.db, stream, 2, { content: '' }));
      expect((await readEntries(storage.db, stream, 0, 10)).map(({ data }) => data)).toEqual(['first', { content: '' }, 'third']);
    });

    describe("entries that are a feature's own rows", () => {
      // A message in miniature: its row says what its entry would.
      const INSERT_ROW = bulkInsert('application_state', { key: 'text', value: 'text' });
      let log: StreamLog;
      let whileReading: (() => Promise<unknown>) | undefined;

      beforeEach(() => {
        whileReading = undefined;
        log = new StreamLog(storage);
        log.register({
          prefix: 'chat',
          kind: 'sent',
          async read(db, id, seq, limit) {
            await whileReading?.();
            const rows = await db.selectFrom('application_state').selectAll().where('key', 'like', `${id}/%`).execute();
            return rows
              .map(({ value }) => JSON.parse(value) as { seq: number; version: number })
              .filter((row) => row.seq > seq)
              .toSorted((a, b) => a.seq - b.seq)
              .slice(0, limit)
              .map((data) => ({ stream: id, version: data.version, kind: 'sent', data, createdAt: 0 }));
          },
        });
      });

      const send = (tx: WriteTransaction, id: string) => {
        const seq = tx.nextSeq(id);
        const row = { seq, version: tx.stream(id).version + 1 };
        tx.appendFromRow(id, 'sent', row);
        return [`${id}/${seq}`, JSON.stringify(row)];
      };
      const sendOne = (id: string) => queue.run([id], async (tx) => void (await tx.connection.insertMany(INSERT_ROW, [send(tx, id)])));
      const read = async (version: number, limit: number) =>
        (await log.entries(stream, version, limit)).map((entry) => `${entry.version} ${entry.kind}`);

      test('stand in the log where they belong, from any version and in pages of any length', async () => {
        const random = seededRandom();
        const expected: string[] = [];
        for (let version = 1; version <= 40; version++) {
          const sent = random.below(2) === 0;
          if (sent) await sendOne(stream);
          else await append(stream, {});
          expected.push(`${version} ${sent ? 'sent' : 'changed'}`);
        }
        for (const limit of [1, 2, 7, 100]) {
          for (let version = 0; version <= 41; version++) {
            expect(await read(version, limit), `SEED=${random.seed} after ${version}, at most ${limit}`).toEqual(
              expected.slice(version, version + limit),
            );
          }
        }
      });

      test('a job that fails gives their versions back too', async () => {
        const outcomes = await Promise.allSettled([
          sendOne(stream),
          queue.run([stream], async (tx) => {
            tx.append(stream, 'changed', {});
            send(tx, stream);
            tx.append(stream, 'changed', {});
            throw new Error('of its own');
          }),
          append(stream, {}),
          sendOne(stream),
        ]);
        expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
        expect(await read(0, 10)).toEqual(['1 sent', '2 changed', '3 sent']);
        expect((await readCounters(storage.db, [stream])).get(stream)).toMatchObject({ version: 3, seq: 2 });
      });

      // PGlite has one connection: who reads keeps who writes waiting.
      // PGlite has one connection.
      if (engine.name !== 'PGlite')
        test('what is committed between reading the log and reading the rows leaves no hole', async () => {
          await sendOne(stream);
          whileReading = async () => {
            whileReading = undefined;
            await append(stream, {});
            await sendOne(stream);
          };
          const first = await log.entries(stream, 0, 10);
          const versions = first.map(({ version }) => version);
          expect(versions).toEqual(upTo(versions.length));
          expect(await read(0, 10)).toEqual(['1 sent', '2 changed', '3 sent']);
        });
    });

    test('what is older than the retention is deleted, and nothing else', async () => {
      await appendAt(stream, 100, 200, 300, 400);
      await appendAt(`${stream}:young`, 300, 400);
      await appendAt(`${stream}:old`, 100, 150);
      expect(await forget(300)).toBe(4);
      expect(await versionsOf(stream)).toEqual([3, 4]);
      expect(await versionsOf(`${stream}:young`)).toEqual([1, 2]);
      expect(await versionsOf(`${stream}:old`)).toEqual([]);
      expect(await forget(300)).toBe(0);
      // For the tests after this one.
      await forget(1_000);
    });

    test('it is deleted in portions, each from the old end, so that what remains has no hole', async () => {
      await appendAt(stream, 100, 100, 100, 100, 100, 900);
      let deleted = 0;
      for (let portion = 1; portion > 0; deleted += portion) {
        portion = await forget(500, 2);
        expect(portion).toBeLessThanOrEqual(2);
        const versions = await versionsOf(stream);
        expect(versions).toEqual(upTo(6).slice(6 - versions.length));
      }
      expect(deleted).toBe(5);
      expect(await versionsOf(stream)).toEqual([6]);
      await forget(1_000);
    });

    test('clocks that differ between nodes leave no hole either', async () => {
      await appendAt(stream, 100, 310, 290, 320);
      await forget(300);
      expect(await versionsOf(stream)).toEqual([4]);
      await forget(1_000);
    });

    test('a stream whose entries are all gone goes on counting where it was', async () => {
      await append(stream, 1, 2, 3);
      await forget(Date.now() + 1);
      expect(await versionsOf(stream)).toEqual([]);
      expect(await append(stream, 4)).toEqual([4]);
      expect(await versionsOf(stream)).toEqual([4]);
      expect(await readCounters(storage.db, [stream])).toEqual(new Map([[stream, { version: 4, seq: 0, forgotten: 3 }]]));
    });
  });
}
