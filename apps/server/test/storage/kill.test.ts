import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readCounters, readEntries } from '../../src/log/stream-log.repository.ts';
import { migrate } from '../../src/storage/migrate.ts';
import { openPostgres, postgresPools } from '../../src/storage/postgres.ts';
import { openSqlite } from '../../src/storage/sqlite.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { POSTGRES_SERVER, temporaryDatabase, temporaryFolder } from '../support/engines.ts';
import { upTo } from '../log/commit-recorder.ts';

const WRITER = fileURLToPath(new URL('endless-writer.ts', import.meta.url));

/** Runs a writer until it has had `count` writes acknowledged, kills it, and returns them by stream. */
async function writeAndKill(place: string, count: number): Promise<Map<string, number[]>> {
  const child = spawn(process.execPath, ['--conditions=@majlis/source', WRITER, place], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > count) child.kill('SIGKILL');
  });
  const [, signal] = await once(child, 'close');
  expect(signal).toBe('SIGKILL');
  const acknowledged = new Map<string, number[]>();
  // What follows the last line's end was being printed.
  for (const line of output.split('\n').slice(0, -1)) {
    const [stream, version] = line.split(' ') as [string, string];
    acknowledged.set(stream, [...(acknowledged.get(stream) ?? []), Number(version)]);
  }
  return acknowledged;
}

function check(storage: Storage, acknowledged: Map<string, number[]>): Promise<void> {
  // One snapshot: PostgreSQL may still be finishing what it had got before the kill.
  return storage.snapshot(async (db) => {
    for (const [stream, versions] of acknowledged) {
      const stored = (await readEntries(db, stream, 0, 100_000)).map(({ version }) => version);
      expect(stored).toEqual(upTo(stored.length));
      expect(stored).toEqual(expect.arrayContaining(versions));
      // The change itself, and not only its entry: both or neither.
      const rows = await db.selectFrom('application_state').select('key').where('key', 'like', `${stream}/%`).execute();
      expect(rows).toHaveLength(stored.length);
      expect((await readCounters(db, [stream])).get(stream)).toMatchObject({ version: stored.length, seq: stored.length });
    }
  });
}

test('SQLite, kill -9 while it writes: every acknowledged write is there, and versions have no gap', async () => {
  const folder = await temporaryFolder();
  const file = join(folder.path, 'majlis.sqlite');
  const first = openSqlite(file);
  await migrate(first);
  await first.close();
  // The second writer begins where the first was killed.
  for (const count of [300, 700]) {
    const acknowledged = await writeAndKill(file, count);
    const storage = openSqlite(file);
    await migrate(storage);
    await check(storage, acknowledged);
    await storage.close();
  }
  await folder.remove();
});

test.skipIf(POSTGRES_SERVER === undefined)(
  'PostgreSQL, kill -9 of a node while it writes: every acknowledged write is there, and versions have no gap',
  async () => {
    const database = await temporaryDatabase(POSTGRES_SERVER!);
    const storage = openPostgres(postgresPools(database.url));
    await migrate(storage);
    for (const count of [300, 700]) await check(storage, await writeAndKill(database.url, count));
    await storage.close();
    await database.drop();
  },
);
