import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Follower } from '../../src/log/follower.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import type { WriteTransaction } from '../../src/log/write-transaction.ts';
import { WorkWatch, type DueWork } from '../../src/scheduling/due-work.ts';
import { Scheduler } from '../../src/scheduling/scheduler.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ENGINES, openMigrated, type OpenEngine } from '../support/engines.ts';
import { freshId } from '../support/server.ts';

const SILENT = pino({ level: 'silent' });
const DAY_MS = 86_400_000;

for (const engine of ENGINES) {
  describe.skipIf(engine.missing)(`the scheduler (${engine.name})`, () => {
    let opened: OpenEngine;
    let writes: WriteQueue;
    const running: Scheduler[] = [];
    beforeAll(async () => {
      opened = await openMigrated(engine);
      writes = queueOn(opened.storage);
    });
    afterEach(async () => {
      for (const scheduler of running.splice(0)) await scheduler.onModuleDestroy();
    });
    afterAll(() => opened.close());

    const queueOn = (storage: Storage) => new WriteQueue(storage, new Follower(async () => []));
    /** Starts nodes that do this once a day; where the engine is one process's alone they share its one writer. */
    const start = (count: number, name: string, run: (tx: WriteTransaction) => Promise<number | undefined>) => {
      for (let i = 0; i < count; i++) {
        const storage = i > 0 && opened.anotherNode ? opened.anotherNode() : opened.storage;
        const scheduler = new Scheduler(storage, storage === opened.storage ? writes : queueOn(storage), SILENT);
        running.push(scheduler);
        scheduler.every({ name, everyMs: DAY_MS, run });
        scheduler.onApplicationBootstrap();
      }
    };
    const wasDueLongAgo = (name: string) =>
      writes.run([], (tx) => tx.db.insertInto('scheduled_runs').values({ name, due_at: 1 }).execute());
    const dueAt = async (name: string) =>
      (await opened.storage.db.selectFrom('scheduled_runs').select('due_at').where('name', '=', name).executeTakeFirst())?.due_at ?? 0;
    const runsOf = async ({ db }: Pick<Storage, 'db'>, name: string) =>
      (await db.selectFrom('application_state').select('key').where('key', 'like', `${name}:%`).execute()).length;
    /** A run that leaves a row behind, in its own transaction. */
    const leaveRow = async (tx: WriteTransaction, name: string) => {
      const before = await runsOf(tx, name);
      await tx.db
        .insertInto('application_state')
        .values({ key: `${name}:${before}`, value: '' })
        .execute();
      return before + 1;
    };

    test('"fires once however many nodes run": nodes that all want each run get it once between them', async () => {
      const name = freshId('run');
      await wasDueLongAgo(name);
      let calls = 0;
      start(3, name, async (tx) => {
        calls++;
        return (await leaveRow(tx, name)) < 20 ? 0 : undefined;
      });
      await expect.poll(() => dueAt(name), { timeout: 10_000 }).toBeGreaterThan(Date.now() + DAY_MS / 2);
      expect([calls, await runsOf(opened.storage, name)]).toEqual([20, 20]);
    });

    test('what was due while nobody ran is done once at the start, however often it would have been', async () => {
      const name = freshId('late');
      await wasDueLongAgo(name);
      start(2, name, async (tx) => void (await leaveRow(tx, name)));
      await expect.poll(() => dueAt(name), { timeout: 10_000 }).toBeGreaterThan(Date.now() + DAY_MS / 2);
      expect(await runsOf(opened.storage, name)).toBe(1);
    });

    test('a run that fails has not been: neither what it wrote nor its claim stays, and it is tried again', async () => {
      const name = freshId('failing');
      await wasDueLongAgo(name);
      let failures = 1;
      start(1, name, async (tx) => {
        await leaveRow(tx, name);
        if (failures-- > 0) throw new Error('cannot');
        return undefined;
      });
      await expect.poll(() => dueAt(name), { timeout: 10_000 }).toBeGreaterThan(Date.now() + DAY_MS / 2);
      expect([failures, await runsOf(opened.storage, name)]).toEqual([-1, 1]);
    });

    test('the first run is not at once, but after its time', async () => {
      const name = freshId('first');
      let calls = 0;
      start(1, name, async () => void calls++);
      await expect.poll(() => dueAt(name), { timeout: 10_000 }).toBeGreaterThan(Date.now() + DAY_MS / 2);
      expect(calls).toBe(0);
    });
  });
}

describe('who looks after work', () => {
  test('looks at its time and not before, and again where something was said while it looked', async () => {
    const looks: number[] = [];
    let times = [Date.now() + 50];
    let release: (() => void) | undefined;
    const work: DueWork = {
      name: 'work',
      next: async () => times.shift(),
      async doSome() {
        looks.push(Date.now());
        if (looks.length === 2) await new Promise<void>((resolve) => (release = resolve));
      },
    };
    const [first] = times;
    const watch = new WorkWatch(work, SILENT);
    watch.start();
    await expect.poll(() => release, { timeout: 5_000 }).toBeDefined();
    expect(looks[1]).toBeGreaterThanOrEqual(first!);
    watch.lookAt(Date.now());
    expect(looks).toHaveLength(2);
    release!();
    await expect.poll(() => looks, { timeout: 5_000 }).toHaveLength(3);
    times = [];
    await watch.stop();
    watch.lookAt(Date.now());
    expect(looks).toHaveLength(3);
  });
});
