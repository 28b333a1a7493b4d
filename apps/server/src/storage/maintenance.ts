/** What operators do with a store as a whole: back it up while it is in use, and move it to the other engine. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { copyStore, FORGET_STORE_ID, Refused } from './copy-store.ts';
import { NODE_NAME, openPostgres, postgresPool } from './postgres.ts';
import { openSqlite } from './sqlite.ts';
import type { Storage } from './storage.ts';

export { Refused } from './copy-store.ts';

/** Told of each table that was copied. */
export type Report = (table: string, rows: number) => void;

/** Where a store is: the file of an embedded one, or the URL of a PostgreSQL database. */
export type StorePlace = { engine: 'sqlite'; file: string } | { engine: 'postgres'; url: string };

const BUSY = 5;
const LOCK_PATIENCE_MS = 10_000;

/** Reads `sqlite:<file>` (relative to the working directory) or `postgres://…`. @throws Refused where it is neither */
export function storePlace(text: string): StorePlace {
  const { scheme, rest } = /^(?<scheme>sqlite|postgres|postgresql):(?<rest>.+)$/s.exec(text)?.groups ?? {};
  if (scheme === 'sqlite') return { engine: 'sqlite', file: resolve(rest!.replace(/^\/\/(?=\/)/, '')) };
  if (scheme && URL.canParse(text)) return { engine: 'postgres', url: text };
  throw new Refused('A store is named sqlite:<file> or postgres://<user>:<password>@<host>/<database>');
}

const mustExist = (file: string) => {
  if (!existsSync(file)) throw new Refused(`There is no file ${file}`);
};

/** A storage for one copy: no time-outs, and connections that are not taken for a node's. */
function open(place: StorePlace): Storage {
  if (place.engine === 'sqlite') return openSqlite(place.file);
  const pool = (max: number) => postgresPool(place.url, { max, timeouts: false, name: `${NODE_NAME}-copy` });
  return openPostgres({ reads: pool(1), writes: pool(1), migrations: pool(1) });
}

async function withStore<T>(place: StorePlace, work: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = open(place);
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}

/** Whether a process has the database open: it has a lock on the file as long as it runs (the journal is a write-ahead log). */
function fileInUse(file: string): boolean {
  const probe = new DatabaseSync(file, { timeout: 0 });
  try {
    probe.exec('pragma locking_mode = exclusive; begin exclusive; rollback');
    return false;
  } catch (error) {
    if (((error as { errcode?: number }).errcode ?? 0) % 256 === BUSY) return true;
    throw error;
  } finally {
    probe.close();
  }
}

async function databaseInUse(url: string): Promise<boolean> {
  const pool = postgresPool(url, { max: 1, timeouts: false, name: `${NODE_NAME}-copy` });
  try {
    const { rows } = await pool.query(
      'select count(*) as nodes from pg_stat_activity where datname = current_database() and application_name = $1',
      [NODE_NAME],
    );
    return rows[0].nodes > 0;
  } finally {
    await pool.end();
  }
}

/**
 * Copies a store into an empty database, of the other engine or of the same.
 * @throws Refused where a server runs on the source (what it acknowledges would stay behind), or the target is not empty
 */
export async function migrateStore(from: StorePlace, to: StorePlace, report: Report): Promise<void> {
  if (from.engine === 'sqlite') mustExist(from.file);
  const inUse = from.engine === 'sqlite' ? fileInUse(from.file) : await databaseInUse(from.url);
  if (inUse) throw new Refused('A server runs on the source; stop it first, so that nothing that it acknowledges stays behind');
  await withStore(from, (source) => withStore(to, (target) => copyStore(source, target, report)));
}

/** Survives a power loss from here on. */
function flush(path: string): void {
  const handle = openSync(path, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

/**
 * Writes one state of the store into `file` while servers run on it, as an embedded store: a server can be started on it, and
 * `migrateStore` brings it into PostgreSQL. The file appears when it is whole, checked and on the disk.
 * @throws Refused where `file` exists, or the store does not
 */
export async function backup(from: StorePlace, file: string, report: Report): Promise<void> {
  if (existsSync(file)) throw new Refused(`${file} exists already`);
  if (from.engine === 'sqlite') mustExist(from.file);
  const draft = `${file}.${process.pid}.partial`;
  try {
    // It holds everybody's messages: readable by its owner only.
    closeSync(openSync(draft, 'wx', 0o600));
    if (from.engine === 'sqlite') vacuumInto(from.file, draft);
    else await withStore(from, (source) => withStore({ engine: 'sqlite', file: draft }, (target) => copyStore(source, target, report)));
    finish(draft);
    flush(draft);
    renameSync(draft, file);
    flush(dirname(resolve(file)));
  } finally {
    for (const leftover of ['', '-wal', '-shm', '-journal']) rmSync(draft + leftover, { force: true });
  }
}

// Not the backup API: it begins again whenever another process has written, so beside a busy server it would never end. This is one
// long read, which hinders nobody.
function vacuumInto(file: string, draft: string): void {
  const database = new DatabaseSync(file, { timeout: LOCK_PATIENCE_MS });
  try {
    database.prepare('vacuum into ?').run(draft);
  } finally {
    database.close();
  }
}

/** Makes a draft a store of its own, checked, in one file with nothing beside it. */
function finish(draft: string): void {
  const database = new DatabaseSync(draft);
  try {
    database.exec(FORGET_STORE_ID);
    const found = database.prepare('pragma quick_check').all() as { quick_check: string }[];
    if (found[0]?.quick_check !== 'ok') throw new Error(`The copy is damaged: ${found.map(({ quick_check }) => quick_check).join('; ')}`);
    database.exec('pragma journal_mode = delete');
  } finally {
    database.close();
  }
}
