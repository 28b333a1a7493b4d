/** What the rest of the server knows of a database: the same words for the embedded SQLite and for PostgreSQL. */
import type { Kysely } from 'kysely';
import type { BulkInsert, BulkSelect, BulkUpdate } from './bulk.ts';
import type { Schema } from './schema.ts';

export type Database = Kysely<Schema>;

/** A value that both engines can bind. */
export type Bindable = string | number | null;

/** One open write transaction. Only the write queue opens one; repositories receive it. */
export interface WriteConnection {
  readonly engine: 'sqlite' | 'postgres';
  /** Queries inside this transaction. */
  readonly db: Database;
  /** Inserts rows; with `onConflict: 'nothing'` fewer than given may be inserted. @returns how many were. */
  insertMany(statement: BulkInsert, rows: readonly (readonly Bindable[])[]): Promise<number>;
  /** Updates the row of each key in `rows`. @returns how many were changed, where no key comes twice */
  updateMany(statement: BulkUpdate, rows: readonly (readonly Bindable[])[]): Promise<number>;
  /** The rows of these keys, in no particular order. */
  selectMany<Row>(statement: BulkSelect, keys: readonly string[]): Promise<Row[]>;
  /** Runs `work`; where it throws, what it wrote is undone and the transaction goes on. */
  savepoint<T>(work: () => Promise<T>): Promise<T>;
}

export interface Storage {
  readonly engine: 'sqlite' | 'postgres';
  /** Reads, each statement for itself. Writing through it is refused by the lint rules, and by SQLite. */
  readonly db: Database;
  /** May change the schema: for the migrations at start, before anything else runs. */
  readonly schemaOwner: Database;
  /** Runs reads that see one state of the database. */
  snapshot<T>(work: (db: Database) => Promise<T>): Promise<T>;
  /**
   * Runs `work` in a transaction that is durable when this resolves.
   * @throws StoreUnavailable where the database cannot be reached or cannot write; as CommitUncertain where it may be committed all the same
   */
  transaction<T>(work: (connection: WriteConnection) => Promise<T>): Promise<T>;
  /** Resolves where the database answers and could write; @throws StoreUnavailable */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** The database cannot be reached, or cannot write, now. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable';
}

/** The connection was lost while the transaction was being committed. */
export class CommitUncertain extends StoreUnavailable {
  override name = 'CommitUncertain';
  /** Resolves when the transaction is over: what it wrote can be read then, or was undone. */
  readonly settled: Promise<void>;

  constructor(settled: Promise<void>, options: ErrorOptions) {
    super('the connection was lost during the commit', options);
    this.settled = settled;
  }
}

/** The transaction lost a race with another node's (deadlock, serialization) and may simply be run again. */
export class TransactionConflict extends Error {
  override name = 'TransactionConflict';
}
