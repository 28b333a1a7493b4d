/**
 * The few hot statements: built once, run prepared. SQLite runs the statement row by row (measured: multi-row VALUES gain nothing
 * there), PostgreSQL takes all rows as one array per column, so that a batch is one round trip.
 */
import { createHash } from 'node:crypto';

/** What a column of a batch is bound as. */
export type ColumnType = 'text' | 'int8' | 'float8';
type Columns = Readonly<Record<string, ColumnType>>;

interface Statement {
  /** For one row, `?` placeholders. */
  sqlite: string;
  /** For all rows, one array parameter per column. */
  postgres: string;
  /** Name of the prepared statement; of its text, because PostgreSQL takes one name for one text only. */
  name: string;
}

export type BulkInsert = Statement & { kind: 'insert' };
export type BulkUpdate = Statement & { kind: 'update' };
export type BulkSelect = Statement & { kind: 'select' };

const nameOf = (text: string) => createHash('sha256').update(text).digest('base64url');

const unnest = (columns: Columns) =>
  Object.values(columns)
    .map((type, i) => `$${i + 1}::${type}[]`)
    .join(', ');

// PostgreSQL refuses, or takes any, where several rows of one statement have the same key; SQLite takes them one after the other, so
// the last stands. The same here: each key's winner is chosen before. In key order, so that two nodes rarely deadlock over them.
const winners = (columns: Columns, key: readonly string[], order = 'nth') =>
  `select distinct on (${key.join(', ')}) ${Object.keys(columns).join(', ')} ` +
  `from unnest(${unnest(columns)}) with ordinality as rows(${Object.keys(columns).join(', ')}, nth) order by ${key.join(', ')}, ${order} desc`;

/** `insert into table`; rows give the values in the order of `columns`. `replace` overwrites the row with the same `key`. */
export function bulkInsert(
  table: string,
  columns: Columns,
  options: { onConflict?: undefined } | { onConflict: 'nothing' } | { onConflict: 'replace'; key: readonly string[] } = {},
): BulkInsert {
  const names = Object.keys(columns);
  const into = `insert into ${table} (${names.join(', ')})`;
  let rows = `select * from unnest(${unnest(columns)})`;
  let conflict = '';
  if (options.onConflict === 'nothing') conflict = ' on conflict do nothing';
  if (options.onConflict === 'replace') {
    const rest = names.filter((name) => !options.key.includes(name));
    conflict = ` on conflict (${options.key.join(', ')}) do update set ${rest.map((name) => `${name} = excluded.${name}`).join(', ')}`;
    rows = winners(columns, options.key);
  }
  const postgres = `${into} ${rows}${conflict}`;
  return {
    kind: 'insert',
    name: nameOf(postgres),
    sqlite: `${into} values (${names.map(() => '?').join(', ')})${conflict}`,
    postgres,
  };
}

/**
 * `update table`; rows give the values of `set` and then of `key`, and of several rows for one key the last one stands. With
 * `onlyForward` a row changes only where that column grows, or was null: watermarks never go back, whichever of two writers comes
 * last. With `whereNull` it changes only where that column is null.
 */
export function bulkUpdate(table: string, parts: { set: Columns; key: Columns; onlyForward?: string; whereNull?: string }): BulkUpdate {
  const set = Object.keys(parts.set);
  const key = Object.keys(parts.key);
  const all = [...set, ...key];
  const forward = parts.onlyForward;
  const forwardIndex = forward === undefined ? -1 : all.indexOf(forward) + 1;
  const postgres =
    `update ${table} t set ${set.map((column) => `${column} = v.${column}`).join(', ')} ` +
    `from (${winners({ ...parts.set, ...parts.key }, key, forward)}) v ` +
    `where ${key.map((column) => `t.${column} = v.${column}`).join(' and ')}` +
    (forward === undefined ? '' : ` and (t.${forward} < v.${forward} or t.${forward} is null)`) +
    (parts.whereNull === undefined ? '' : ` and t.${parts.whereNull} is null`);
  return {
    kind: 'update',
    name: nameOf(postgres),
    sqlite:
      `update ${table} set ${set.map((column, i) => `${column} = ?${i + 1}`).join(', ')} ` +
      `where ${key.map((column, i) => `${column} = ?${set.length + i + 1}`).join(' and ')}` +
      (forward === undefined ? '' : ` and (${forward} < ?${forwardIndex} or ${forward} is null)`) +
      (parts.whereNull === undefined ? '' : ` and ${parts.whereNull} is null`),
    postgres,
  };
}

/**
 * `select columns from table where key = …`; `lock` takes the rows' locks in key order, so that two nodes cannot deadlock over them, or with
 * `skip locked` those only that nobody else has.
 */
export function bulkSelect(
  table: string,
  columns: readonly string[],
  key: string,
  options: { lock?: 'wait' | 'skip locked' } = {},
): BulkSelect {
  const select = `select ${columns.join(', ')} from ${table}`;
  const lock = { wait: ' for update', 'skip locked': ' for update skip locked' };
  const postgres = `${select} where ${key} = any($1::text[]) order by ${key}${options.lock ? lock[options.lock] : ''}`;
  return { kind: 'select', name: nameOf(postgres), sqlite: `${select} where ${key} = ?`, postgres };
}
