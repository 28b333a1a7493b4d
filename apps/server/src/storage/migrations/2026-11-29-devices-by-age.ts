/** Which devices are old enough to be forgotten. Frozen: later changes are later files. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createIndex('devices_by_age').on('devices').column('updated_at').execute();
}
