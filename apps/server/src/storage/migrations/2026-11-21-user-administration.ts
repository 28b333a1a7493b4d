/** What administrators and people do about others: audit, blocks, reports, keys. Frozen: later changes are later files. */
import { sql, type Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const now = db.schema;

  await now.alterTable('users').addColumn('blocked_until', 'int8').execute();

  await now
    .createTable('audit_log')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('actor_kind', 'text', (c) => c.notNull())
    .addColumn('actor_id', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('subject', 'text')
    .addColumn('details', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .execute();
  await now.createIndex('audit_log_actor').on('audit_log').columns(['actor_id', 'id']).execute();
  await now.createIndex('audit_log_subject').on('audit_log').columns(['subject', 'id']).execute();

  await now
    .createTable('user_blocks')
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('blocked_id', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addPrimaryKeyConstraint('user_blocks_pk', ['user_id', 'blocked_id'])
    .execute();
  // By the other side, when a person is erased.
  await now.createIndex('user_blocks_blocked').on('user_blocks').column('blocked_id').execute();

  await now
    .createTable('reports')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('reporter_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('chat_id', 'text')
    .addColumn('message_id', 'text')
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addColumn('resolved_at', 'int8')
    .addColumn('resolved_by', 'text')
    .addColumn('resolution', 'text')
    .execute();
  // The queue.
  await now.createIndex('reports_open').on('reports').column('id').where(sql.ref('resolved_at'), 'is', null).execute();
  await now.createIndex('reports_reporter').on('reports').columns(['reporter_id', 'id']).execute();

  await now
    .createTable('api_keys')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    // SHA-256, hex. The key itself is nowhere.
    .addColumn('hash', 'text', (c) => c.notNull().unique())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addColumn('revoked_at', 'int8')
    .execute();
}
