import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Failure, invalid } from '../../src/errors.ts';
import { readCounters, readEntries } from '../../src/log/stream-log.repository.ts';
import { WriteQueue, type Command } from '../../src/log/write-queue.ts';
import type { WriteTransaction } from '../../src/log/write-transaction.ts';
import { bulkInsert } from '../../src/storage/bulk.ts';
import { TransactionConflict, type Storage } from '../../src/storage/storage.ts';
import { ENGINES, openMigrated, type OpenEngine } from '../support/engines.ts';
import { seededRandom } from '../support/random.ts';
import { CommitRecorder, upTo } from './commit-recorder.ts';

const INSERT_STATE = bulkInsert('application_state', { key: 'text', value: 'text' });

interface Send {
  stream: string;
  key: string;
}
interface Sent {
  seq: number;
  version: number;
}

/** A send in miniature: one row and one entry for each input; an input whose key starts with `refuse` is refused alone. */
const send: Command<Send, Sent> = {
  name: 'send',
  streams: ({ stream }) => [stream],
  async runAll(tx, inputs) {
    const rows: [string, string][] = [];
    const outcomes = inputs.map(({ stream, key }) => {
      if (key.startsWith('refuse')) return invalid('key', 'refused');
      const seq = tx.nextSeq(stream);
      rows.push([key, String(seq)]);
      return { seq, version: tx.append(stream, 'sent', { key, seq }) };
    });
    await tx.connection.insertMany(INSERT_STATE, rows);
    return outcomes;
  },
};

/** The same as a transaction of its own. */
const sendAlone =
  ({ stream, key }: Send) =>
  async (tx: WriteTransaction): Promise<Sent> => {
    const seq = tx.nextSeq(stream);
    await tx.db
      .insertInto('application_state')
      .values({ key, value: String(seq) })
      .execute();
    return { seq, version: tx.append(stream, 'sent', { key, seq }) };
  };

const reasonOf = (outcome: PromiseSettledResult<unknown>) => (outcome.status === 'rejected' ? outcome.reason : undefined);

for (const engine of ENGINES) {
  describe.skipIf(engine.missing)(`write queue on ${engine.name}`, () => {
    let opened: OpenEngine;
    let storage: Storage;
    let transactions = 0;
    let recorder: CommitRecorder;
    let queue: WriteQueue;
    let stream: string;
    let tests = 0;

    beforeAll(async () => {
      opened = await openMigrated(engine);
      storage = {
        ...opened.storage,
        transaction(work) {
          transactions++;
          return opened.storage.transaction(work);
        },
      };
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      transactions = 0;
      recorder = new CommitRecorder();
      queue = new WriteQueue(storage, recorder);
      stream = `chat:${tests++}`;
    });

    const counters = async (id: string) => (await readCounters(storage.db, [id])).get(id);
    const stored = async (id: string) => await readEntries(storage.db, id, 0, 100_000);
    const versionsOf = async (id: string) => (await stored(id)).map(({ version }) => version);

    test('"A stream\'s changes are numbered 1, 2, 3 … without gaps", whoever writes, however many fail', async () => {
      const random = seededRandom();
      const streams = upTo(12).map((n) => `${stream}:${n}`);
      const pick = () => streams[random.below(streams.length)]!;
      const writes: Promise<{ stream: string; version: number; seq?: number }[]>[] = [];
      let refused = 0;

      for (let i = 0; i < 600; i++) {
        const key = `${stream}/${i}`;
        const kind = random.below(6);
        const target = pick();
        if (kind === 0) writes.push(queue.execute(send, { stream: target, key }).then((sent) => [{ stream: target, ...sent }]));
        else if (kind === 1)
          writes.push(queue.run([target], sendAlone({ stream: target, key })).then((sent) => [{ stream: target, ...sent }]));
        else if (kind === 2) {
          // Several streams in one change, several entries in one stream.
          const several = [target, pick(), pick()];
          writes.push(queue.run(several, async (tx) => several.map((id) => ({ stream: id, version: tx.append(id, 'changed', { key }) }))));
        } else {
          refused++;
          const failing = [
            () => queue.execute(send, { stream: target, key: `refuse ${key}` }),
            () =>
              queue.run([target], async (tx) => {
                await sendAlone({ stream: target, key })(tx);
                tx.append(target, 'changed', {});
                throw new Failure('CONFLICT');
              }),
            () =>
              queue.run([target], async (tx) => {
                await sendAlone({ stream: target, key })(tx);
                await sendAlone({ stream: target, key })(tx);
              }),
          ];
          writes.push(failing[kind - 3]!().then(() => expect.unreachable('was to fail')));
        }
        // Looked at when all are done, not where it fails.
        writes.at(-1)!.catch(() => undefined);
        if (random.below(4) === 0) await nextTurn();
      }
      const outcomes = await Promise.allSettled(writes);
      const done = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));

      const seed = `SEED=${random.seed}`;
      expect(outcomes.filter(({ status }) => status === 'rejected').length, seed).toBe(refused);
      for (const id of streams) {
        const versions = done.filter((one) => one.stream === id).map(({ version }) => version);
        const seqs = done.filter((one) => one.stream === id && one.seq !== undefined).map(({ seq }) => seq!);
        const all = upTo(versions.length);
        expect(
          versions.toSorted((a, b) => a - b),
          seed,
        ).toEqual(all);
        expect(
          seqs.toSorted((a, b) => a - b),
          seed,
        ).toEqual(upTo(seqs.length));
        expect(await versionsOf(id), seed).toEqual(all);
        expect(recorder.versionsOf(id), seed).toEqual(all);
        expect(await counters(id), seed).toMatchObject({ version: all.length, seq: seqs.length });
      }
      expect(transactions).toBeLessThan(done.length);
    });

    test('what is announced is what stands in the log: kind, data and time', async () => {
      const data = { text: 'مجلس "quoted" \u0000', nested: [1, null, { a: [] }], half: '\ud83c' };
      await queue.run([stream], async (tx) => tx.append(stream, 'message.created', data));
      await queue.run([stream], async (tx) => tx.append(stream, 'message.created', []));
      expect(recorder.entries[0]).toEqual({ stream, version: 1, kind: 'message.created', data, createdAt: expect.any(Number) });
      expect(await stored(stream)).toEqual(recorder.entries);
    });

    test('writes of one turn share one commit; what arrives while it is in flight shares the next', async () => {
      const inFlight = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      const first = upTo(50).map((n) => queue.execute(send, { stream, key: `${stream}/first/${n}` }));
      const holding = queue.run([stream], async () => {
        inFlight.resolve();
        await go.promise;
      });
      await inFlight.promise;
      const second = upTo(50).map((n) => queue.execute(send, { stream, key: `${stream}/second/${n}` }));
      await nextTurn();
      second.push(...upTo(50).map((n) => queue.run([stream], sendAlone({ stream, key: `${stream}/alone/${n}` }))));
      go.resolve();
      await holding;
      const sent = await Promise.all([...first, ...second]);
      expect(sent.map(({ version }) => version)).toEqual(upTo(150));
      expect(transactions).toBe(2);
    });

    test('calls of one command and jobs of one stream keep their order', async () => {
      const commands = upTo(30).map((n) => queue.execute(send, { stream, key: `${stream}/command/${n}` }));
      const jobs = upTo(30).map((n) => queue.run([stream], sendAlone({ stream, key: `${stream}/job/${n}` })));
      expect((await Promise.all(commands)).map(({ seq }) => seq)).toEqual(upTo(30));
      expect((await Promise.all(jobs)).map(({ seq }) => seq)).toEqual(upTo(30).map((n) => n + 30));
    });

    test('a queue longer than one batch is cut, loses nothing and keeps its order', async () => {
      const count = 9_000;
      const commands = upTo(count).map((n) => queue.execute(send, { stream, key: `${stream}/command/${n}` }));
      const other = `${stream}:other`;
      const jobs = upTo(count).map(() => queue.run([other], async (tx) => tx.append(other, 'changed', {})));
      expect((await Promise.all(commands)).map(({ version }) => version)).toEqual(upTo(count));
      expect(await Promise.all(jobs)).toEqual(upTo(count));
      expect(transactions).toBeGreaterThan(1);
      expect(transactions).toBeLessThan(20);
      expect(recorder.versionsOf(other)).toEqual(upTo(count));
    });

    test('the listener hears of a commit once, in order, and before its writers', async () => {
      const heard: string[] = [];
      const listening = new WriteQueue(storage, {
        committed: (entries) => heard.push(...entries.map(({ version }) => `entry ${version}`)),
        uncertain: () => heard.push('uncertain'),
      });
      await Promise.all(
        upTo(3).map((n) =>
          listening.run([stream], async (tx) => tx.append(stream, 'changed', { n })).then((version) => heard.push(`writer ${version}`)),
        ),
      );
      await listening.run([stream], async (tx) => tx.append(stream, 'changed', {})).then((version) => heard.push(`writer ${version}`));
      expect(heard).toEqual(['entry 1', 'entry 2', 'entry 3', 'writer 1', 'writer 2', 'writer 3', 'entry 4', 'writer 4']);
    });

    test('when a write resolves, another connection can read it', async () => {
      const { version } = await queue.execute(send, { stream, key: `${stream}/durable` });
      const reader = engine.name === 'PGlite' ? storage : (opened.anotherNode?.() ?? storage);
      expect((await readEntries(reader.db, stream, 0, 10)).map(({ version }) => version)).toEqual([version]);
    });

    describe('a job that fails leaves its neighbours alone and no gap', () => {
      const circular: Record<string, unknown> = {};
      circular.self = circular;
      const failures: Record<string, (tx: WriteTransaction) => Promise<unknown>> = {
        'throws before it writes': () => Promise.reject(new Error('of its own')),
        'throws after it wrote and appended': async (tx) => {
          await sendAlone({ stream, key: `${stream}/failing` })(tx);
          throw new Error('of its own');
        },
        'breaks a constraint': async (tx) => {
          await sendAlone({ stream, key: `${stream}/failing` })(tx);
          await sendAlone({ stream, key: `${stream}/failing` })(tx);
        },
        'sends SQL that the engine does not understand': (tx) =>
          tx.db
            .selectFrom('nothing' as 'users')
            .selectAll()
            .execute(),
        'appends data that is not JSON (undefined)': async (tx) => tx.append(stream, 'changed', undefined),
        'appends data that is not JSON (bigint)': async (tx) => tx.append(stream, 'changed', { n: 1n }),
        'appends data that is not JSON (circular)': async (tx) => tx.append(stream, 'changed', circular),
        'appends to a stream that it did not name': async (tx) => tx.append(`${stream}:unnamed`, 'changed', {}),
        'throws after it locked another stream': async (tx) => {
          await tx.lock([`${stream}:late`]);
          tx.append(`${stream}:late`, 'changed', {});
          throw new Error('of its own');
        },
      };

      test.for(Object.entries(failures))('%s', async ([, fail]) => {
        const good = () => queue.run([stream], async (tx) => tx.append(stream, 'changed', {}));
        const [first, failed, second, command] = await Promise.allSettled([
          good(),
          queue.run([stream], fail),
          good(),
          queue.execute(send, { stream, key: `${stream}/command` }),
        ]);
        expect(reasonOf(failed)).toBeInstanceOf(Error);
        expect(reasonOf(failed)).not.toHaveProperty('code', 'UNAVAILABLE');
        expect([command, first, second].map((outcome) => (outcome as PromiseFulfilledResult<unknown>).value)).toEqual([
          { seq: 1, version: 1 },
          2,
          3,
        ]);
        expect(await versionsOf(stream)).toEqual([1, 2, 3]);
        expect(recorder.versionsOf(stream)).toEqual([1, 2, 3]);
        expect(await counters(stream)).toMatchObject({ version: 3, seq: 1 });
        expect(recorder.uncertainties).toEqual([]);
        expect(transactions).toBe(1);
      });

      test.for(Object.entries(failures))('alone in its batch: %s', async ([, fail]) => {
        await expect(queue.run([stream], fail)).rejects.not.toHaveProperty('code', 'UNAVAILABLE');
        expect(await counters(stream)).toBeUndefined();
        expect(recorder.uncertainties).toEqual([]);
        expect(await queue.execute(send, { stream, key: `${stream}/failing` })).toEqual({ seq: 1, version: 1 });
      });

      test('a stream that it locked and lost again can be locked by the next', async () => {
        const late = `${stream}:late`;
        const outcomes = await Promise.allSettled([
          queue.run([], failures['throws after it locked another stream']!),
          queue.run([], async (tx) => {
            await tx.lock([late]);
            return tx.append(late, 'changed', {});
          }),
        ]);
        expect(outcomes).toMatchObject([{ status: 'rejected' }, { status: 'fulfilled', value: 1 }]);
        expect(await versionsOf(late)).toEqual([1]);
      });
    });

    test("an answer of a command that is an Error is that caller's alone", async () => {
      const outcomes = await Promise.allSettled([
        queue.execute(send, { stream, key: `${stream}/1` }),
        queue.execute(send, { stream, key: 'refuse this' }),
        queue.execute(send, { stream, key: `${stream}/2` }),
      ]);
      expect(outcomes).toMatchObject([
        { value: { seq: 1, version: 1 } },
        { reason: { code: 'INVALID_DATA', details: { field: 'key' } } },
        { value: { seq: 2, version: 2 } },
      ]);
    });

    test('a command that throws fails for all its callers and for nobody else', async () => {
      const broken: Command<Send, Sent> = {
        ...send,
        name: 'broken',
        async runAll(tx, inputs) {
          await send.runAll(tx, inputs);
          throw new Error('of its own');
        },
      };
      const outcomes = await Promise.allSettled([
        queue.execute(broken, { stream, key: `${stream}/1` }),
        queue.execute(send, { stream, key: `${stream}/1` }),
        queue.execute(broken, { stream, key: `${stream}/2` }),
        queue.run([stream], async (tx) => tx.append(stream, 'changed', {})),
      ]);
      expect(outcomes).toMatchObject([
        { status: 'rejected' },
        { value: { seq: 1, version: 1 } },
        { reason: { message: 'of its own' } },
        { value: 2 },
      ]);
      expect(await versionsOf(stream)).toEqual([1, 2]);
    });

    test('a caller whose streams cannot be told fails alone', async () => {
      const outcomes = await Promise.allSettled([
        queue.execute({ ...send, name: 'no streams', streams: () => expect.unreachable() }, { stream, key: `${stream}/1` }),
        queue.execute(send, { stream, key: `${stream}/2` }),
      ]);
      expect(outcomes).toMatchObject([{ status: 'rejected' }, { value: { version: 1 } }]);
    });

    test('a message number that was taken without an entry is not given again', async () => {
      await queue.run([stream], async (tx) => void tx.append(stream, 'changed', {}));
      expect(await queue.run([stream], async (tx) => tx.nextSeq(stream))).toBe(1);
      expect(await queue.run([stream], async (tx) => tx.nextSeq(stream))).toBe(2);
    });

    test('a transaction that lost a race is run again, whole', async () => {
      let attempts = 0;
      const [version, neighbour] = await Promise.all([
        queue.run([stream], async (tx) => {
          const given = tx.append(stream, 'changed', {});
          if (++attempts < 3) throw new TransactionConflict('lost');
          return given;
        }),
        queue.execute(send, { stream, key: `${stream}/neighbour` }),
      ]);
      expect([version, neighbour, attempts, transactions]).toEqual([2, { seq: 1, version: 1 }, 3, 3]);
      expect(recorder.versionsOf(stream)).toEqual([1, 2]);
    });

    test('a transaction that loses every race is UNAVAILABLE for its batch, and the queue goes on', async () => {
      const outcomes = await Promise.allSettled([
        queue.run([stream], () => Promise.reject(new TransactionConflict('lost'))),
        queue.execute(send, { stream, key: `${stream}/1` }),
      ]);
      expect(outcomes).toMatchObject([{ reason: { code: 'UNAVAILABLE' } }, { reason: { code: 'UNAVAILABLE' } }]);
      expect(await queue.execute(send, { stream, key: `${stream}/1` })).toEqual({ seq: 1, version: 1 });
    });

    test('idle resolves when nothing waits and nothing is in flight', async () => {
      await queue.idle();
      let settled = 0;
      const writes = upTo(10).map((n) => queue.execute(send, { stream, key: `${stream}/${n}` }).then(() => settled++));
      // Queued by what the first ones resolve: still before idle.
      const later = writes[0]!.then(() => queue.run([stream], async (tx) => tx.append(stream, 'changed', {}))).then(() => settled++);
      await queue.idle();
      await Promise.all(writes);
      expect(settled).toBeGreaterThanOrEqual(10);
      await later;
      await queue.idle();
      expect(settled).toBe(11);
    });
  });
}
