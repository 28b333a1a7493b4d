/** Which message a notification quotes, so that the quotation goes when the message is deleted. Frozen: later changes are later files. */
import { sql, type Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('notifications').addColumn('quoted_message_id', 'text').execute();
  // What a mention in a chat has had as its data until now: two ids of 36 characters, at fixed places.
  await sql`update notifications set quoted_message_id = substr(data, 65, 36)
    where type = 'mention' and data like '{"chat_id":"%","message_id":"%","user_id":"%"}'`.execute(db);
  await db.schema
    .createIndex('notifications_quoted')
    .on('notifications')
    .column('quoted_message_id')
    .where(sql.ref('quoted_message_id'), 'is not', null)
    .execute();
}
