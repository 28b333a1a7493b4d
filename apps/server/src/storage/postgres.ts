/** PostgreSQL, for several machines: pools for reads and for write transactions. */
import { setTimeout as delay } from 'node:timers/promises';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Schema } from './schema.ts';
import {
  CommitUncertain,
  StoreUnavailable,
  TransactionConflict,
  type Bindable,
  type Database,
  type Storage,
  type WriteConnection,
} from './storage.ts';
import { isUnavailable } from './unavailable.ts';

/** What is used of a `pg.Pool`; the tests give PGlite this face. */
export interface PoolLike {
  connect(): Promise<ClientLike>;
  end(): Promise<void>;
}
export interface ClientLike {
  // oxlint-disable-next-line typescript/no-explicit-any -- pg's own signature; several statements at once give an array of results
  query(query: any, values?: any): Promise<any>;
  release(broken?: boolean): void;
}

/** Reads never keep writes waiting for a connection, and migrations may take their time. */
export interface Pools {
  reads: PoolLike;
  writes: PoolLike;
  migrations: PoolLike;
}

// Answers must come within 5 s even where the database hangs.
const CONNECT_TIMEOUT_MS = 4_000;
const STATEMENT_TIMEOUT_MS = 4_500;
const SETTLE_POLL_MS = 250;

// A node that falls silent in the middle of a transaction must not keep its locks. Said here and not when connecting, because
// connection poolers keep no session settings. The id is what tells afterwards how a commit ended whose answer was lost.
const BEGIN = 'begin; set local idle_in_transaction_session_timeout = 10000; select pg_current_xact_id()::text as id';

/** A client that is done with its connection when an answer does not come: whatever is sent later would wait behind that query. */
class ImpatientClient extends pg.Client {
  // oxlint-disable-next-line typescript/no-explicit-any -- pg's overloads, unchanged
  override query(...query: any[]): any {
    const result = super.query(...(query as [string]));
    if (result instanceof Promise) {
      result.catch((error: Error) => {
        if (error.message === 'Query read timeout') void this.end();
      });
    }
    return result;
  }
}

/** What the connections of a running node are called in `pg_stat_activity`. */
export const NODE_NAME = 'majlis';

/** A pool for `url`. Counters are int8 and far below 2^53, so they are read as numbers. */
export function postgresPool(url: string, options: { max: number; timeouts: boolean; name?: string }): pg.Pool {
  pg.types.setTypeParser(20, Number);
  const pool = new pg.Pool({
    connectionString: url,
    application_name: options.name ?? NODE_NAME,
    max: options.max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // A machine that vanished without a word is noticed after some 20 s, not after hours.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(options.timeouts && { query_timeout: STATEMENT_TIMEOUT_MS, Client: ImpatientClient }),
  });
  // A connection that breaks says so to its query, or is replaced by the pool; without listeners the event would end the process:
  // the pool's is for idle connections, each client's own for those in use.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** The pools of one node; connections are made when they are needed. */
export function postgresPools(url: string): Pools {
  return {
    reads: postgresPool(url, { max: 10, timeouts: true }),
    // The write queue has one transaction at a time, and so has what writes beside it.
    writes: postgresPool(url, { max: 4, timeouts: true }),
    migrations: postgresPool(url, { max: 2, timeouts: false }),
  };
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
    const lent: ClientLike = { query: client.query.bind(client), release: () => undefined };
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

  async updateMany(statement: { name: string; postgres: string }, rows: readonly (readonly Bindable[])[]): Promise<number> {
    return this.insertMany(statement, rows);
  }

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
export function openPostgres({ reads, writes, migrations }: Pools): Storage {
  const kysely = (pool: PoolLike) => new Kysely<Schema>({ dialect: new PostgresDialect({ pool: pool as never }) });
  const db = kysely(reads);
  const connections = new WeakMap<ClientLike, PostgresWriteConnection>();
  const closing = new AbortController();

  function connectionOf(client: ClientLike): PostgresWriteConnection {
    let connection = connections.get(client);
    if (!connection) connections.set(client, (connection = new PostgresWriteConnection(client)));
    return connection;
  }

  // Resolves when transaction `id` is over, however it ended: a commit may still be under way after its connection broke.
  async function over(id: string): Promise<void> {
    for (;;) {
      try {
        const client = await reads.connect();
        const { rows } = await client.query('select pg_xact_status($1::text::xid8) as status', [id]).finally(() => client.release());
        if (rows[0].status !== 'in progress') return;
      } catch (error) {
        // Another database by now, which does not know of it.
        if (closing.signal.aborted || !isUnavailable(error)) return;
      }
      await delay(SETTLE_POLL_MS, undefined, closing).catch(() => undefined);
    }
  }

  return {
    engine: 'postgres',
    db,
    schemaOwner: kysely(migrations),
    async snapshot(work) {
      return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(work);
    },
    async transaction(work) {
      let client: ClientLike;
      try {
        client = await writes.connect();
      } catch (error) {
        throw new StoreUnavailable((error as Error).message, { cause: error });
      }
      let broken = false;
      let committing: string | undefined;
      try {
        const [, , { rows }] = await client.query(BEGIN);
        const result = await work(connectionOf(client));
        committing = rows[0].id as string;
        const { command } = await client.query('commit');
        // Not an error to PostgreSQL: a statement failed, the work went on, and the commit quietly became a rollback.
        if (command === 'ROLLBACK') throw new Error('the transaction had failed before its commit');
        return result;
      } catch (error) {
        const translated = translate(error);
        broken = translated instanceof StoreUnavailable;
        if (broken && committing) throw new CommitUncertain(over(committing), { cause: error });
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
        client = await writes.connect();
        const { rows } = await client.query('select pg_is_in_recovery() as standby');
        if (rows[0].standby) throw new StoreUnavailable('the database is a standby');
        client.release();
      } catch (error) {
        client?.release(true);
        throw error instanceof StoreUnavailable ? error : new StoreUnavailable((error as Error).message, { cause: error });
      }
    },
    async close() {
      closing.abort();
      // The pools themselves: Kysely ends only what it was used for.
      await Promise.all([reads.end(), writes.end(), migrations.end()]);
    },
  };
}
