/** Copies a whole store into an empty one, of the other engine or of the same, table by table and in batches. */
import { sql } from 'kysely';
import { bulkInsert, type ColumnType } from './bulk.ts';
import { migrateWithin } from './migrate.ts';
import type { Bindable, Database, Storage, WriteConnection } from './storage.ts';

/** An operator asked for what cannot be done; the message says why, and what would be right. */
export class Refused extends Error {
  override name = 'Refused';
}

/** Made from other tables, in each engine's own form; a server finds them empty and makes them again. */
export const DERIVED_TABLES: ReadonlySet<string> = new Set(['message_search', 'message_search_positions']);

/** The key in `application_state` of what tells this store from all others. */
export const STORE_ID_KEY = 'store-id';

/** A copy is another store: under the same id the nodes of both would take each other for their own, where they share a Redis. */
export const FORGET_STORE_ID = `delete from application_state where key = '${STORE_ID_KEY}'`;

/** What the migrations write for themselves. */
const MIGRATION_TABLES: ReadonlySet<string> = new Set(['kysely_migration', 'kysely_migration_lock']);

const BATCH_ROWS = 500;
// int8 serves the smaller integers too: PostgreSQL narrows what is inserted.
const COLUMN_TYPES: Readonly<Record<string, ColumnType>> = { text: 'text', int2: 'int8', int4: 'int8', int8: 'int8', float8: 'float8' };

type Engine = Storage['engine'];

/** The names of the tables that hold data, without those that a full-text index keeps for itself. */
async function tableNames(db: Database, engine: Engine): Promise<string[]> {
  const { rows } = await (
    engine === 'sqlite'
      ? sql<{
          name: string;
        }>`select name from pragma_table_list where schema = 'main' and type = 'table' and name not like 'sqlite~_%' escape '~'`
      : sql<{ name: string }>`select table_name as name from information_schema.tables
        where table_schema = current_schema() and table_type = 'BASE TABLE'`
  ).execute(db);
  return rows.map(({ name }) => name).toSorted();
}

/** The columns of a table in their order, each with the type that a batch of them is bound as. */
async function columnsOf(db: Database, engine: Engine, table: string): Promise<Record<string, ColumnType>> {
  const { rows } = await (
    engine === 'sqlite'
      ? sql<{ name: string; type: string }>`select name, type from pragma_table_info(${table}) order by cid`
      : sql<{ name: string; type: string }>`select column_name as name, udt_name as type from information_schema.columns
        where table_schema = current_schema() and table_name = ${table} order by ordinal_position`
  ).execute(db);
  return Object.fromEntries(
    rows.map(({ name, type }) => {
      const bound = COLUMN_TYPES[type.toLowerCase()];
      if (!bound) throw new Error(`${table}.${name} is of type ${type}, which is not known to be the same in both engines`);
      return [name, bound];
    }),
  );
}

/** The tables that a copy holds, each with its columns. */
export async function copiedTables(db: Database, engine: Engine): Promise<Map<string, Record<string, ColumnType>>> {
  const tables = new Map<string, Record<string, ColumnType>>();
  for (const name of await tableNames(db, engine)) {
    if (!DERIVED_TABLES.has(name) && !MIGRATION_TABLES.has(name)) tables.set(name, await columnsOf(db, engine, name));
  }
  return tables;
}

async function appliedMigrations(db: Database, engine: Engine): Promise<string[]> {
  if (!(await tableNames(db, engine)).includes('kysely_migration')) return [];
  return (await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)).rows.map(({ name }) => name);
}

type Row = Record<string, Bindable>;

/** All rows of a table inside a snapshot, a batch at a time; nothing but one batch is in memory. */
async function* batches(db: Database, engine: Engine, table: string, columns: readonly string[]): AsyncGenerator<Row[]> {
  const select = db.selectFrom(table as never).select(columns as never);
  if (engine === 'postgres') {
    await sql`declare copied_rows no scroll cursor for ${select}`.execute(db);
    for (;;) {
      const { rows } = await sql<Row>`fetch ${sql.lit(BATCH_ROWS)} from copied_rows`.execute(db);
      if (rows.length === 0) break;
      yield rows;
    }
    await sql`close copied_rows`.execute(db);
    return;
  }
  let batch: Row[] = [];
  for await (const row of select.stream()) {
    batch.push(row);
    if (batch.length < BATCH_ROWS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function copyTable(
  source: Database,
  engine: Engine,
  target: WriteConnection,
  table: string,
  columns: Record<string, ColumnType>,
): Promise<number> {
  // What the migrations put into a new store is in the source as well, as it is by now.
  await sql`delete from ${sql.table(table)}`.execute(target.db);
  const names = Object.keys(columns);
  const insert = bulkInsert(table, columns);
  let copied = 0;
  for await (const rows of batches(source, engine, table, names)) {
    copied += await target.insertMany(
      insert,
      rows.map((row) => names.map((name) => row[name]!)),
    );
  }
  const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(source);
  if (rows[0]!.count !== copied) throw new Error(`${table} has ${rows[0]!.count} rows, and ${copied} were copied`);
  return copied;
}

/**
 * Copies one state of `from` into `to`, which must be an empty database: it gets the schema by the migrations that `from` has had,
 * and every row as it is (but for the store's id), so that versions, seqs and the log go on where they were. All in one transaction: it is done, or nothing is.
 * What is written to `from` meanwhile is not copied.
 * @param report is told of each table that was copied
 * @throws Refused where `to` is not empty, or `from` is not a store of this version
 */
export async function copyStore(from: Storage, to: Storage, report: (table: string, rows: number) => void): Promise<void> {
  await from.snapshot(async (source) => {
    const migrations = await appliedMigrations(source, from.engine);
    if (migrations.length === 0) throw new Refused('The source holds no store of Majlis');
    await to.transaction(async (target) => {
      const there = await tableNames(target.db, to.engine);
      if (there.length > 0) throw new Refused(`The target must be an empty database, and it has tables (${there.slice(0, 5).join(', ')})`);
      await migrateWithin(target, migrations.at(-1)!).catch((error: Error) => {
        throw new Refused(`The source has a schema that this version does not know (${error.message}); use the version that runs on it`);
      });
      const made = await appliedMigrations(target.db, to.engine);
      if (made.join() !== migrations.join()) {
        throw new Refused('The source misses migrations in between; start the server of this version on it once');
      }
      for (const [table, columns] of await copiedTables(target.db, to.engine)) {
        const rows = await copyTable(source, from.engine, target, table, columns).catch((cause: Error) => {
          throw new Error(`${table} could not be copied: ${cause.message}`, { cause });
        });
        report(table, rows);
      }
      await sql.raw(FORGET_STORE_ID).execute(target.db);
    });
  });
  // Otherwise the first queries are planned for empty tables.
  if (to.engine === 'postgres') await sql`analyze`.execute(to.schemaOwner);
}
