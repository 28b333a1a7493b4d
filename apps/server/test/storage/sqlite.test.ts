import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readEntries } from '../../src/log/stream-log.repository.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { migrate } from '../../src/storage/migrate.ts';
import { openSqlite } from '../../src/storage/sqlite.ts';
import type { Database, Storage } from '../../src/storage/storage.ts';
import { temporaryFolder } from '../support/engines.ts';
import { CommitRecorder } from '../log/commit-recorder.ts';

const STREAM = 'chat:1';
const TOO_LATE = Symbol('no answer within 5 s');
const within5s = <T>(promise: Promise<T>) => Promise.race([promise, delay(5_000, TOO_LATE)]);
const UNAVAILABLE = { name: 'Failure', code: 'UNAVAILABLE' };

describe('SQLite', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let file: string;
  let storage: Storage;
  let queue: WriteQueue;
  let recorder: CommitRecorder;

  beforeEach(async () => {
    folder = await temporaryFolder();
    file = join(folder.path, 'not', 'there', 'yet', 'majlis.sqlite');
    storage = openSqlite(file);
    await migrate(storage);
    recorder = new CommitRecorder();
    queue = new WriteQueue(storage, recorder);
  });
  afterEach(async () => {
    await storage.close();
    await folder.remove();
  });

  const write = (data: unknown = {}) => queue.run([STREAM], async (tx) => tx.append(STREAM, 'changed', data));
  const log = async () => (await readEntries(storage.db, STREAM, 0, 10_000)).map(({ version }) => version);
  const pragma = async (db: Database, name: string) =>
    Object.values((await sql<Record<string, unknown>>`pragma ${sql.raw(name)}`.execute(db)).rows[0] ?? {})[0];

  test('"The acknowledgement is sent after the message is durably stored": the connection that writes has synchronous=FULL and WAL', async () => {
    const inForce = await storage.transaction(async ({ db }) => ({
      synchronous: await pragma(db, 'synchronous'),
      journal: await pragma(db, 'journal_mode'),
      checkpoint: await pragma(db, 'wal_autocheckpoint'),
    }));
    // 2 is FULL; at 1, NORMAL, a power loss takes acknowledged messages with it.
    expect(inForce).toEqual({ synchronous: 2, journal: 'wal', checkpoint: 16_000 });
    expect(await pragma(storage.schemaOwner, 'synchronous')).toBe(2);
  });

  test("a new store is readable by the server's user only", async () => {
    await write();
    for (const name of [file, `${file}-wal`]) expect((await stat(name)).mode & 0o777).toBe(0o600);
  });

  test('reads cannot write', async () => {
    await expect(storage.db.deleteFrom('streams').execute()).rejects.toThrow(/readonly/);
  });

  test('another process can read the file while this one writes, and sees what was committed', async () => {
    await write();
    const other = new DatabaseSync(file, { readOnly: true });
    expect(other.prepare('select version from streams where id = ?').get(STREAM)).toEqual({ version: 1 });
    other.close();
  });

  test('another process that holds the file: UNAVAILABLE within 5 s, the event loop runs on, and writing resumes by itself', async () => {
    await write();
    const other = new DatabaseSync(file);
    other.exec('begin immediate');
    // Reads go on meanwhile, and so does everything else in this process.
    let turns = 0;
    const turning = setInterval(() => turns++, 50);
    const refused = write();
    refused.catch(() => undefined);
    await delay(1_000);
    expect(turns).toBeGreaterThan(5);
    expect(await log()).toEqual([1]);
    await expect(within5s(refused)).rejects.toMatchObject(UNAVAILABLE);
    await expect(storage.check()).rejects.toMatchObject({ name: 'StoreUnavailable' });
    clearInterval(turning);
    other.exec('rollback');
    other.close();
    await storage.check();
    expect(await write()).toBe(2);
    expect(await log()).toEqual([1, 2]);
    expect(recorder.versionsOf(STREAM)).toEqual([1, 2]);
  });

  test('another process that holds the file for a moment is waited for', async () => {
    const other = new DatabaseSync(file);
    other.exec('begin immediate');
    const waiting = write();
    await delay(500);
    other.exec('commit');
    other.close();
    expect(await waiting).toBe(1);
  });

  const faults: [string, { on: string; off: string }][] = [
    ['the disk is full', { on: 'max_page_count = 1', off: 'max_page_count = 1000000' }],
    ['the file can only be read', { on: 'query_only = on', off: 'query_only = off' }],
  ];

  test.for(faults)('%s: UNAVAILABLE for the whole batch, nothing of it remains, and writing resumes by itself', async ([, { on, off }]) => {
    await write();
    const writer = await storage.transaction(async ({ db }) => db);
    await pragma(writer, on);
    // More than the free space of the pages that there are.
    const large = 'x'.repeat(100_000);
    const outcomes = await Promise.allSettled([write(), write(large), write()]);
    expect(outcomes).toMatchObject([{ reason: UNAVAILABLE }, { reason: UNAVAILABLE }, { reason: UNAVAILABLE }]);
    await expect(write(large)).rejects.toMatchObject(UNAVAILABLE);
    expect(await log()).toEqual([1]);

    await pragma(writer, off);
    expect(await write(large)).toBe(2);
    expect(await log()).toEqual([1, 2]);
    expect(recorder.versionsOf(STREAM)).toEqual([1, 2]);
    expect(recorder.uncertainties).toEqual([]);
  });

  test('closing leaves one file with everything in it', async () => {
    await write();
    await storage.close();
    expect(await readdir(join(file, '..'))).toEqual(['majlis.sqlite']);
    storage = openSqlite(file);
    expect(await log()).toEqual([1]);
  });
});
