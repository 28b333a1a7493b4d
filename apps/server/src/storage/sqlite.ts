/** The embedded engine: node:sqlite in WAL mode, one writer connection and one reader connection. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { Kysely, SqliteAdapter, SqliteDialect, type SqliteDatabase } from 'kysely';
import type { Schema } from './schema.ts';
import { StoreUnavailable, type Database, type Storage, type WriteConnection } from './storage.ts';
import { isUnavailable } from './unavailable.ts';

// Statements built by the query builder are as many as there are call sites and filters; the bound keeps odd filters from piling up.
const PREPARED_STATEMENTS = 500;

// For another process that holds the file (a backup, a person with a shell). Answers must come within 5 s.
const LOCK_PATIENCE_MS = 4_000;
const LOCK_POLL_MS = 20;

function bind(value: unknown): SQLInputValue {
  if (value === undefined) return null;
  if (typeof value === 'boolean') return Number(value);
  if (value instanceof Date) return value.getTime();
  return value as SQLInputValue;
}

/** Kysely's adapter does not say that SQLite changes its schema in transactions like anything else. */
class TransactionalDialect extends SqliteDialect {
  override createAdapter() {
    return new (class extends SqliteAdapter {
      override get supportsTransactionalDdl() {
        return true;
      }
    })();
  }
}

class Connection {
  readonly handle: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string, mode: 'writer' | 'reader' | 'schema owner') {
    this.handle = new DatabaseSync(file, { timeout: LOCK_PATIENCE_MS });
    this.handle.exec('pragma cache_size = -65536; pragma temp_store = memory');
    if (mode === 'reader') this.handle.exec('pragma query_only = on');
    // FULL: at NORMAL a power loss takes acknowledged messages with it.
    // A checkpoint every 16,000 pages instead of 1,000: commit p99 0.76 ms instead of 3.3 ms.
    else this.handle.exec('pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 16000');
    // SQLite waits for a lock by blocking the thread, and with it every socket; `beginImmediate` waits instead.
    if (mode === 'writer') this.handle.exec('pragma busy_timeout = 0');
  }

  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement) this.#statements.delete(sql);
    else statement = this.handle.prepare(sql);
    this.#statements.set(sql, statement);
    if (this.#statements.size > PREPARED_STATEMENTS) this.#statements.delete(this.#statements.keys().next().value!);
    return statement;
  }

  kysely(): Database {
    const database: SqliteDatabase = {
      // Kysely closes only what it was used for; `Storage.close` closes the handle.
      close: () => undefined,
      prepare: (sql) => {
        const statement = this.prepare(sql);
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...parameters.map(bind)),
          run: (parameters) => statement.run(...parameters.map(bind)),
          iterate: (parameters) => statement.iterate(...parameters.map(bind)),
        };
      },
    };
    return new Kysely<Schema>({ dialect: new TransactionalDialect({ database }) });
  }
}

/** Whether another connection has the file. */
export const isBusy = (error: unknown) => (((error as { errcode?: number }).errcode ?? 0) & 0xff) === 5;

function translate(error: unknown): unknown {
  return isUnavailable(error) ? new StoreUnavailable((error as Error).message, { cause: error }) : error;
}

/**
 * Opens (and where needed makes) the database file.
 * @param file path of the database; its folder is made
 */
export function openSqlite(file: string): Storage {
  mkdirSync(dirname(file), { recursive: true });
  // Everybody's messages are for the server's user only; the journal gets the file's mode.
  closeSync(openSync(file, 'a', 0o600));
  const writer = new Connection(file, 'writer');
  const schemaOwner = new Connection(file, 'schema owner');
  const reader = new Connection(file, 'reader');
  const db = reader.kysely();
  const begin = writer.prepare('begin immediate');
  const commit = writer.prepare('commit');
  const rollback = writer.prepare('rollback');
  let depth = 0;
  // The latest transaction could not be written.
  let failing = false;

  async function beginImmediate(): Promise<void> {
    const patience = Date.now() + LOCK_PATIENCE_MS;
    for (;;) {
      try {
        begin.run();
        return;
      } catch (error) {
        if (!isBusy(error) || Date.now() > patience) throw error;
        await delay(LOCK_POLL_MS);
      }
    }
  }

  const connection: WriteConnection = {
    engine: 'sqlite',
    db: writer.kysely(),
    async insertMany(statement, rows) {
      const prepared = writer.prepare(statement.sqlite);
      let changes = 0;
      for (const row of rows) changes += Number(prepared.run(...row).changes);
      return changes;
    },
    async updateMany(statement, rows) {
      const prepared = writer.prepare(statement.sqlite);
      let changes = 0;
      for (const row of rows) changes += Number(prepared.run(...row).changes);
      return changes;
    },
    async selectMany<Row>(statement: { sqlite: string }, keys: readonly string[]) {
      const prepared = writer.prepare(statement.sqlite);
      const rows: Row[] = [];
      // The key of every such statement is a primary key: one row, or none.
      for (const key of keys) {
        const row = prepared.get(key);
        if (row) rows.push(row as Row);
      }
      return rows;
    },
    async savepoint(work) {
      const name = `s${++depth}`;
      writer.prepare(`savepoint ${name}`).run();
      try {
        const result = await work();
        writer.prepare(`release ${name}`).run();
        return result;
      } catch (error) {
        const translated = translate(error);
        // A full disk may have rolled everything back already; the whole transaction ends then.
        if (translated === error) writer.handle.exec(`rollback to ${name}; release ${name}`);
        throw translated;
      } finally {
        depth--;
      }
    },
  };

  // A connection has one transaction at a time; snapshots queue behind each other, never behind the writer.
  let lastSnapshot: Promise<unknown> = Promise.resolve();

  return {
    engine: 'sqlite',
    db,
    schemaOwner: schemaOwner.kysely(),
    async snapshot(work) {
      const run = lastSnapshot.then(() => db.transaction().execute(work));
      lastSnapshot = run.catch(() => undefined);
      return run;
    },
    async transaction(work) {
      try {
        await beginImmediate();
        try {
          const result = await work(connection);
          commit.run();
          failing = false;
          return result;
        } catch (error) {
          if (writer.handle.isTransaction) rollback.run();
          throw error;
        }
      } catch (error) {
        const translated = translate(error);
        if (translated !== error) failing = true;
        throw translated;
      }
    },
    async check() {
      try {
        reader.prepare('select id from streams limit 1').get();
        // A transaction that is open has the lock.
        if (writer.handle.isTransaction) return;
        begin.run();
        // A full disk shows only where something is written. The version is nobody's, and setting it writes a page.
        if (failing) writer.handle.exec('pragma user_version = 0; commit');
        else rollback.run();
        failing = false;
      } catch (error) {
        if (writer.handle.isTransaction) rollback.run();
        throw translate(error);
      }
    },
    async close() {
      await lastSnapshot;
      // The writer last: whoever closes last writes the log back into the file.
      for (const { handle } of [reader, schemaOwner, writer]) handle.close();
    },
  };
}
