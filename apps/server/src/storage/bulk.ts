/**
 * The few hot statements: built once, run prepared. SQLite runs the statement row by row (measured: multi-row VALUES gain nothing
 * there), PostgreSQL takes all rows as one array per column, so that a batch is one round trip.
 */

type ColumnType = 'text' | 'int8';
type Columns = Readonly<Record<string, ColumnType>>;

interface Statement {
  /** For one row, `?` placeholders. */
  sqlite: string;
  /** For all rows, one array parameter per column. */
  postgres: string;
  /** Name of the prepared statement. */
  name: string;
}

export type BulkInsert = Statement & { kind: 'insert' };
export type BulkUpdate = Statement & { kind: 'update' };
export type BulkSelect = Statement & { kind: 'select' };

const unnest = (columns: Columns) =>
  Object.values(columns)
    .map((type, i) => `$${i + 1}::${type}[]`)
    .join(', ');

/** `insert into table`; rows give the values in the order of `columns`. */
export function bulkInsert(table: string, columns: Columns, options: { onConflict?: 'nothing' } = {}): BulkInsert {
  const names = Object.keys(columns);
  const conflict = options.onConflict ? ' on conflict do nothing' : '';
  return {
    kind: 'insert',
    name: `insert_${table}`,
    sqlite: `insert into ${table} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})${conflict}`,
    postgres: `insert into ${table} (${names.join(', ')}) select * from unnest(${unnest(columns)})${conflict}`,
  };
}

/**
 * `update table`; rows give the values of `set` and then of `key`. With `onlyForward` a row changes only where that column grows:
 * watermarks never go back, whichever of two writers comes last.
 */
export function bulkUpdate(table: string, parts: { set: Columns; key: Columns; onlyForward?: string }): BulkUpdate {
  const set = Object.keys(parts.set);
  const key = Object.keys(parts.key);
  const all = [...set, ...key];
  const forward = parts.onlyForward;
  const forwardIndex = forward === undefined ? -1 : all.indexOf(forward) + 1;
  return {
    kind: 'update',
    name: `update_${table}_${set.join('_')}`,
    sqlite:
      `update ${table} set ${set.map((column, i) => `${column} = ?${i + 1}`).join(', ')} ` +
      `where ${key.map((column, i) => `${column} = ?${set.length + i + 1}`).join(' and ')}` +
      (forward === undefined ? '' : ` and ${forward} < ?${forwardIndex}`),
    postgres:
      `update ${table} t set ${set.map((column) => `${column} = v.${column}`).join(', ')} ` +
      `from unnest(${unnest({ ...parts.set, ...parts.key })}) as v(${all.join(', ')}) ` +
      `where ${key.map((column) => `t.${column} = v.${column}`).join(' and ')}` +
      (forward === undefined ? '' : ` and t.${forward} < v.${forward}`),
  };
}

/** `select columns from table where key = …`; `lock` takes the rows' locks in key order, so that two nodes cannot deadlock over them. */
export function bulkSelect(table: string, columns: readonly string[], key: string, options: { lock?: boolean } = {}): BulkSelect {
  const select = `select ${columns.join(', ')} from ${table}`;
  return {
    kind: 'select',
    name: `select_${table}_by_${key}${options.lock ? '_lock' : ''}`,
    sqlite: `${select} where ${key} = ?`,
    postgres: `${select} where ${key} = any($1::text[]) order by ${key}${options.lock ? ' for update' : ''}`,
  };
}
