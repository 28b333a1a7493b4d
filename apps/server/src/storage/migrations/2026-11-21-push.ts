/** Where people are pushed, and what waits to be. Frozen: later changes are later files. */
import { sql, type Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const now = db.schema;

  await now
    .createTable('push_subscriptions')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('endpoint', 'text', (c) => c.notNull().unique())
    .addColumn('p256dh', 'text', (c) => c.notNull())
    .addColumn('auth', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'int8')
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .execute();
  await now.createIndex('push_subscriptions_user').on('push_subscriptions').columns(['user_id', 'id']).execute();

  await now
    .createTable('pushes')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('subscription_id', 'text', (c) => c.notNull())
    .addColumn('tag', 'text', (c) => c.notNull())
    .addColumn('position', 'int8', (c) => c.notNull())
    .addColumn('payload', 'text', (c) => c.notNull())
    .addColumn('due_at', 'int8')
    .addColumn('attempts', 'int8', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .execute();
  await now.createIndex('pushes_tag').unique().on('pushes').columns(['subscription_id', 'tag']).execute();
  // Few wait.
  await now.createIndex('pushes_due').on('pushes').column('due_at').where(sql.ref('due_at'), 'is not', null).execute();
  await now.createIndex('pushes_age').on('pushes').column('created_at').execute();
}
