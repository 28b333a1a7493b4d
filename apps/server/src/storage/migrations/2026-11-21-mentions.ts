/** Messages of which nobody has looked yet whom they mention. Frozen: later changes are later files. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('pending_mentions')
    .addColumn('message_id', 'text', (c) => c.primaryKey())
    .execute();
}
