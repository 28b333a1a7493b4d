/** PostgreSQL, for several machines: a pool for reads, and write transactions on connections of their own. */
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Schema } from './schema.ts';
import { StoreUnavailable, TransactionConflict, type Bindable, type Database, type Storage, type WriteConnection } from './storage.ts';
import { isUnavailable } from './unavailable.ts';

/** What is used of a `pg.Pool`; the tests give PGlite this face. */
export interface PoolLike {
  connect(): Promise<ClientLike>;
  end(): Promise<void>;
}
export interface ClientLike {
  // oxlint-disable-next-line typescript/no-explicit-any -- pg's own signature
  query(query: any, values?: any): Promise<{ rows: any[]; rowCount: number | null; command?: string }>;
  release(broken?: boolean): void;
}

// Answers must come within 5 s even where the database hangs.
const CONNECT_TIMEOUT_MS = 4_000;
const STATEMENT_TIMEOUT_MS = 4_500;

/** A pool for `url`. Counters are int8 and far below 2^53, so they are read as numbers. */
export function postgresPool(url: string, max = 10): pg.Pool {
  pg.types.setTypeParser(20, Number);
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
  });
  // An idle connection that breaks is replaced by the pool; without a listener the event would end the process.
  pool.on('error', () => undefined);
  return pool;
}

/** Turns the driver's errors into the two kinds that the write queue knows; anything else is a fault of ours and stays as it is. */
function translate(error: unknown): unknown {
  const { code, message } = error as { code?: string; message?: string };
  if (code === '40P01' || code === '40001') return new TransactionConflict(message, { cause: error });
  return isUnavailable(error) ? new StoreUnavailable(message, { cause: error }) : error;
}

function columnsOf(rows: readonly (readonly Bindable[])[]): Bindable[][] {
  return rows[0]!.map((_, column) => rows.map((row) => row[column]!));
}

class PostgresWriteConnection implements WriteConnection {
  readonly engine = 'postgres';
  readonly db: Database;
  readonly #client: ClientLike;
  #depth = 0;

  constructor(client: ClientLike) {
    this.#client = client;
    const lent = { query: client.query.bind(client), release: () => undefined };
    const pool = { connect: async () => lent, end: async () => undefined };
    this.db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: pool as never }) });
  }

  async #run(statement: { name: string; postgres: string }, values: unknown[]) {
    return this.#client.query({ name: statement.name, text: statement.postgres, values });
  }

  async insertMany(statement: { name: string; postgres: string }, rows: readonly (readonly Bindable[])[]): Promise<number> {
    if (rows.length === 0) return 0;
    return (await this.#run(statement, columnsOf(rows))).rowCount ?? 0;
  }

  updateMany = this.insertMany;

  async selectMany<Row>(statement: { name: string; postgres: string }, keys: readonly string[]): Promise<Row[]> {
    if (keys.length === 0) return [];
    return (await this.#run(statement, [keys])).rows as Row[];
  }

  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const name = `s${++this.#depth}`;
    await this.#client.query(`savepoint ${name}`);
    try {
      const result = await work();
      await this.#client.query(`release ${name}`);
      return result;
    } catch (error) {
      const translated = translate(error);
      // The connection is gone or the whole transaction lost: there is nothing to go back to.
      if (translated !== error) throw translated;
      await this.#client.query(`rollback to ${name}; release ${name}`);
      throw error;
    } finally {
      this.#depth--;
    }
  }
}

/** Storage on PostgreSQL, or on anything that answers like its pool. */
export function openPostgres(pool: PoolLike): Storage {
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool: pool as never }) });

  return {
    engine: 'postgres',
    db,
    schemaOwner: db,
    async snapshot(work) {
      return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(work);
    },
    async transaction(work) {
      let client: ClientLike;
      try {
        client = await pool.connect();
      } catch (error) {
        throw new StoreUnavailable((error as Error).message, { cause: error });
      }
      let broken = false;
      try {
        await client.query('begin');
        const result = await work(new PostgresWriteConnection(client));
        const { command } = await client.query('commit');
        // Not an error to PostgreSQL: a statement failed, the work went on, and the commit quietly became a rollback.
        if (command === 'ROLLBACK') throw new Error('the transaction had failed before its commit');
        return result;
      } catch (error) {
        const translated = translate(error);
        broken = translated instanceof StoreUnavailable;
        if (!broken) {
          // A connection that cannot even roll back is thrown away.
          await client.query('rollback').catch(() => (broken = true));
        }
        throw translated;
      } finally {
        client.release(broken);
      }
    },
    async check() {
      let client: ClientLike | undefined;
      try {
        client = await pool.connect();
        const { rows } = await client.query('select pg_is_in_recovery() as standby');
        if (rows[0].standby) throw new StoreUnavailable('the database is a standby');
        client.release();
      } catch (error) {
        client?.release(true);
        throw error instanceof StoreUnavailable ? error : new StoreUnavailable((error as Error).message, { cause: error });
      }
    },
    async close() {
      await db.destroy();
    },
  };
}
