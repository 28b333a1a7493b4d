/** Projects, who is in them, and what happened in them, comments included. Frozen: later changes are later files. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const now = db.schema;

  await now
    .createTable('projects')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('progress', 'float8', (c) => c.notNull())
    .addColumn('milestone', 'text')
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addColumn('updated_at', 'int8', (c) => c.notNull())
    .execute();

  await now
    .createTable('project_members')
    .addColumn('project_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('joined_at', 'int8', (c) => c.notNull())
    .addColumn('left_at', 'int8')
    .addPrimaryKeyConstraint('project_members_pk', ['project_id', 'user_id'])
    .execute();
  await now.createIndex('project_members_user').on('project_members').columns(['user_id', 'project_id']).execute();

  await now
    .createTable('project_changes')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('project_id', 'text', (c) => c.notNull())
    .addColumn('version', 'int8', (c) => c.notNull())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('status', 'text')
    .addColumn('progress', 'float8')
    .addColumn('milestone', 'text')
    .addColumn('comment', 'text')
    .addColumn('attachments', 'text')
    .addColumn('member_ids', 'text')
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .execute();
  // The order of the history.
  await now.createIndex('project_changes_place').unique().on('project_changes').columns(['project_id', 'version']).execute();
  await now.createIndex('project_changes_user').on('project_changes').columns(['user_id', 'project_id']).execute();
}
