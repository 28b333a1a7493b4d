/** Notifications, tickets and what is said in them. Frozen: later changes are later files. */
import { sql, type Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const now = db.schema;

  await now
    .createTable('notifications')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('created_version', 'int8', (c) => c.notNull())
    .addColumn('version', 'int8', (c) => c.notNull())
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('title', 'text', (c) => c.notNull())
    .addColumn('body', 'text', (c) => c.notNull())
    .addColumn('data', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addColumn('read_at', 'int8')
    .execute();
  // The order of lists.
  await now.createIndex('notifications_place').unique().on('notifications').columns(['user_id', 'created_version']).execute();
  // Counted with every new or read notification.
  await now
    .createIndex('notifications_unread')
    .on('notifications')
    .columns(['user_id', 'created_version'])
    .where(sql.ref('read_at'), 'is', null)
    .execute();

  await now
    .createTable('tickets')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('priority', 'text', (c) => c.notNull())
    .addColumn('owner_id', 'text', (c) => c.notNull())
    .addColumn('assignee_id', 'text')
    .addColumn('owner_unread', 'int8', (c) => c.notNull())
    .addColumn('staff_unread', 'int8', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addColumn('updated_at', 'int8', (c) => c.notNull())
    .addColumn('first_response_at', 'int8')
    .addColumn('resolved_at', 'int8')
    .execute();
  await now.createIndex('tickets_owner').on('tickets').columns(['owner_id', 'updated_at', 'id']).execute();
  await now.createIndex('tickets_updated').on('tickets').columns(['updated_at', 'id']).execute();
  await now.createIndex('tickets_status').on('tickets').columns(['status', 'updated_at', 'id']).execute();

  await now
    .createTable('ticket_messages')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('ticket_id', 'text', (c) => c.notNull())
    .addColumn('owner_seq', 'int8')
    .addColumn('owner_version', 'int8')
    .addColumn('staff_seq', 'int8', (c) => c.notNull())
    .addColumn('staff_version', 'int8', (c) => c.notNull())
    .addColumn('sender_id', 'text', (c) => c.notNull())
    .addColumn('sender_name', 'text', (c) => c.notNull())
    .addColumn('sender_role', 'text', (c) => c.notNull())
    .addColumn('message', 'text', (c) => c.notNull())
    .addColumn('attachments', 'text', (c) => c.notNull())
    .addColumn('client_message_id', 'text')
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .execute();
  await now.createIndex('ticket_messages_staff').unique().on('ticket_messages').columns(['ticket_id', 'staff_seq']).execute();
  // Internal notes have no place in the owner's order.
  await now.createIndex('ticket_messages_owner').unique().on('ticket_messages').columns(['ticket_id', 'owner_seq']).execute();
  await now
    .createIndex('ticket_messages_client_message_id')
    .unique()
    .on('ticket_messages')
    .columns(['sender_id', 'ticket_id', 'client_message_id'])
    .execute();

  await now
    .createTable('canned_replies')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('title', 'text', (c) => c.notNull())
    .addColumn('message', 'text', (c) => c.notNull())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .execute();
}
