/** SQL over what is kept of a person, whichever table it is in. */
import { sql } from 'kysely';
import type { Schema } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';

/** What a feature keeps of a person: the rows of one table in which a column names them. */
export interface PersonPart<Table extends string = string, Column extends string = string> {
  table: Table;
  /** The column that names the person. */
  person: Column;
  /** What tells the person's rows apart: the order in which they are given. */
  order: readonly Column[];
  /** Columns of JSON text. */
  json?: readonly Column[];
  /** What is nobody's but the server's. */
  omit?: readonly Column[];
}

/** A part of which the compiler has seen that the table has those columns. */
export type PartOf<Table extends keyof Schema> = PersonPart<Table, keyof Schema[Table] & string>;

export type PersonRow = Record<string, string | number | null>;

/** A person's rows of a part, after one. */
export function pagePart(
  db: Database,
  part: PersonPart,
  userId: string,
  after: PersonRow | undefined,
  limit: number,
): Promise<PersonRow[]> {
  const columns = sql.join(part.order.map((column) => sql.ref(column)));
  const following = after ? sql`and (${columns}) > (${sql.join(part.order.map((column) => after[column]))})` : sql``;
  return sql<PersonRow>`select * from ${sql.table(part.table)}
    where ${sql.ref(part.person)} = ${userId} ${following} order by ${columns} limit ${limit}`
    .execute(db)
    .then(({ rows }) => rows);
}
