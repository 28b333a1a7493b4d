/** Users, sign-in, chats, messages and the log. Frozen: later changes are later files. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const now = db.schema;

  await now
    .createTable('users')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('avatar', 'text')
    .addColumn('role', 'text', (c) => c.notNull())
    .addColumn('email', 'text', (c) => c.unique())
    .addColumn('password_hash', 'text')
    .addColumn('locale', 'text')
    .addColumn('is_master', 'int2', (c) => c.notNull().defaultTo(0))
    .addColumn('disabled', 'int2', (c) => c.notNull().defaultTo(0))
    .addColumn('erased_at', 'int8')
    .addColumn('last_seen', 'int8')
    .addColumn('search_key', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addColumn('updated_at', 'int8', (c) => c.notNull())
    .execute();
  await now.createIndex('users_search').on('users').columns(['search_key', 'id']).execute();

  await now
    .createTable('refresh_tokens')
    .addColumn('hash', 'text', (c) => c.primaryKey())
    .addColumn('family', 'text', (c) => c.notNull())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'int8', (c) => c.notNull())
    .addColumn('used_at', 'int8')
    .execute();
  await now.createIndex('refresh_tokens_family').on('refresh_tokens').column('family').execute();
  await now.createIndex('refresh_tokens_user').on('refresh_tokens').column('user_id').execute();

  await now
    .createTable('devices')
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('device', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('token_hash', 'text', (c) => c.notNull())
    .addColumn('expires_at', 'int8', (c) => c.notNull())
    .addColumn('updated_at', 'int8', (c) => c.notNull())
    .addPrimaryKeyConstraint('devices_pk', ['user_id', 'device'])
    .execute();

  await now
    .createTable('chats')
    .addColumn('id', 'text', (c) => c.primaryKey())
    // The chat's name in the indexes of its messages: there a text of 36 letters would cost each message two microseconds.
    .addColumn('key', 'int8', (c) => c.notNull().unique())
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('title', 'text')
    .addColumn('direct_key', 'text', (c) => c.unique())
    .addColumn('created_by', 'text', (c) => c.notNull())
    .addColumn('member_count', 'int8', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .execute();

  await now
    .createTable('chat_members')
    .addColumn('chat_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('joined_at', 'int8', (c) => c.notNull())
    .addColumn('delivered_seq', 'int8', (c) => c.notNull())
    .addColumn('delivered_ahead', 'text')
    .addColumn('read_seq', 'int8', (c) => c.notNull())
    .addColumn('read_at', 'int8')
    .addColumn('muted_until', 'int8')
    .addPrimaryKeyConstraint('chat_members_pk', ['chat_id', 'user_id'])
    .execute();
  await now.createIndex('chat_members_user').on('chat_members').columns(['user_id', 'chat_id']).execute();

  await now
    .createTable('messages')
    .addColumn('id', 'text', (c) => c.notNull().unique())
    .addColumn('chat_id', 'text', (c) => c.notNull())
    .addColumn('chat_key', 'int8', (c) => c.notNull())
    .addColumn('seq', 'int8', (c) => c.notNull())
    .addColumn('version', 'int8', (c) => c.notNull())
    .addColumn('created_version', 'int8', (c) => c.notNull())
    .addColumn('content_version', 'int8', (c) => c.notNull())
    .addColumn('sender_id', 'text', (c) => c.notNull())
    .addColumn('sender_name', 'text', (c) => c.notNull())
    .addColumn('sender_avatar', 'text')
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('content', 'text', (c) => c.notNull())
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('client_message_id', 'text')
    .addColumn('reply_to', 'text')
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addColumn('edited_at', 'int8')
    .addColumn('deleted_at', 'int8')
    .execute();
  // Each index whose entries lie scattered costs a message 5 µs, since a commit writes whole pages; so there are two, and each serves
  // twice. The sender in the first lets own messages be told from unread ones without reading rows.
  await now.createIndex('messages_place').unique().on('messages').columns(['chat_key', 'seq', 'sender_id']).execute();
  // What makes a repeated send harmless: the database refuses it, whichever node it comes to. Also export and erasure of a person.
  await now
    .createIndex('messages_client_message_id')
    .unique()
    .on('messages')
    .columns(['sender_id', 'chat_key', 'client_message_id'])
    .execute();

  await now
    .createTable('message_reactions')
    .addColumn('message_id', 'text', (c) => c.notNull())
    .addColumn('user_id', 'text', (c) => c.notNull())
    .addColumn('emoji', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addPrimaryKeyConstraint('message_reactions_pk', ['message_id', 'emoji', 'user_id'])
    .execute();
  await now.createIndex('message_reactions_user').on('message_reactions').column('user_id').execute();

  await now
    .createTable('streams')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('version', 'int8', (c) => c.notNull())
    .addColumn('seq', 'int8', (c) => c.notNull())
    .addColumn('forgotten', 'int8', (c) => c.notNull().defaultTo(0))
    .execute();

  await now
    .createTable('stream_log')
    .addColumn('stream', 'text', (c) => c.notNull())
    .addColumn('version', 'int8', (c) => c.notNull())
    .addColumn('seq', 'int8', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('data', 'text', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addPrimaryKeyConstraint('stream_log_pk', ['stream', 'version'])
    .execute();
  await now.createIndex('stream_log_age').on('stream_log').column('created_at').execute();

  await now
    .createTable('application_state')
    .addColumn('key', 'text', (c) => c.primaryKey())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute();
}
