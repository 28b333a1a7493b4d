/** The engines that the storage suites run on, each behind the same few words. */
import { PGlite } from '@electric-sql/pglite';
import { randomUUID } from 'node:crypto';
import { rm, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../../src/storage/migrate.ts';
import { openPostgres, postgresPool, postgresPools, type PoolLike, type Pools } from '../../src/storage/postgres.ts';
import { openSqlite } from '../../src/storage/sqlite.ts';
import type { Storage } from '../../src/storage/storage.ts';

/** A database of one test file's own. */
export interface OpenEngine {
  storage: Storage;
  /** Another node's storage on the same database; closed with this one. Only where several nodes are possible. */
  anotherNode?: () => Storage;
  close(): Promise<void>;
}

export interface Engine {
  name: 'SQLite' | 'PGlite' | 'PostgreSQL';
  /** It cannot run here; vitest's set-up has said why. */
  missing: boolean;
  /** A new database without a schema. */
  openEmpty(): Promise<OpenEngine>;
}

/** A new database of `engine` with the newest schema. */
export async function openMigrated(engine: Engine): Promise<OpenEngine> {
  const opened = await engine.openEmpty();
  await migrate(opened.storage);
  return opened;
}

/** A folder of its own for one database file, and what removes it. */
export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'majlis-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** PGlite behind the face of a pool: it has one connection, so whoever connects waits until the one before has released. */
export function pglitePools(pglite: PGlite): Pools {
  let free: Promise<void> = Promise.resolve();
  let closed: Promise<void> | undefined;
  const pool: PoolLike = {
    async connect() {
      const before = free;
      const { promise, resolve: release } = Promise.withResolvers<void>();
      free = promise;
      await before;
      return {
        async query(query: string | { text: string; values?: unknown[] }, values?: unknown[]) {
          const parameters = typeof query === 'string' ? values : query.values;
          const text = typeof query === 'string' ? query : query.text;
          // Without parameters the simple protocol, as pg does: it takes several statements at once.
          const results = parameters ? [await pglite.query(text, parameters)] : await pglite.exec(text);
          const answers = results.map(({ rows, affectedRows, command }) => ({ rows, rowCount: affectedRows ?? null, command }));
          return answers.length > 1 ? answers : answers[0];
        },
        release: () => release(),
      };
    },
    end: () => (closed ??= pglite.close()),
  };
  return { reads: pool, writes: pool, migrations: pool };
}

/** A new database on a PostgreSQL server, and what drops it. */
export async function temporaryDatabase(server: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `majlis_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  const admin = postgresPool(server, { max: 1, timeouts: false });
  await admin.query(`create database ${name}`);
  return {
    url: url.href,
    async drop() {
      await admin.query(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}

const sqlite: Engine = {
  name: 'SQLite',
  missing: false,
  async openEmpty() {
    const folder = await temporaryFolder();
    const storage = openSqlite(join(folder.path, 'majlis.sqlite'));
    return {
      storage,
      async close() {
        await storage.close();
        await folder.remove();
      },
    };
  },
};

const pglite: Engine = {
  name: 'PGlite',
  missing: false,
  async openEmpty() {
    const storage = openPostgres(pglitePools(await PGlite.create()));
    return { storage, close: () => storage.close() };
  },
};

/** A PostgreSQL server where databases may be made; undefined where there is none. */
export const POSTGRES_SERVER = process.env['TEST_PG_URL'];

const postgres: Engine = {
  name: 'PostgreSQL',
  missing: POSTGRES_SERVER === undefined,
  async openEmpty() {
    const database = await temporaryDatabase(POSTGRES_SERVER!);
    const nodes: Storage[] = [];
    const anotherNode = () => {
      const storage = openPostgres(postgresPools(database.url));
      nodes.push(storage);
      return storage;
    };
    return {
      storage: anotherNode(),
      anotherNode,
      async close() {
        for (const node of nodes) await node.close();
        await database.drop();
      },
    };
  },
};

export const ENGINES: readonly Engine[] = [sqlite, pglite, postgres];
