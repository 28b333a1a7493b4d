/** Orders, their stream, and the keys that make repeating a POST harmless. Frozen: later changes are later files. */
import { sql, type Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const now = db.schema;

  await now
    .createTable('orders')
    .addColumn('id', 'int8', (c) => c.primaryKey())
    .addColumn('number', 'text', (c) => c.notNull().unique())
    .addColumn('number_year', 'int8')
    .addColumn('number_index', 'int8')
    .addColumn('customer_name', 'text', (c) => c.notNull())
    .addColumn('customer_phone', 'text', (c) => c.notNull())
    .addColumn('total_minor', 'int8', (c) => c.notNull())
    .addColumn('final_minor', 'int8', (c) => c.notNull())
    .addColumn('delivery_type', 'text', (c) => c.notNull())
    .addColumn('items_count', 'int8', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('created_by', 'text')
    .addColumn('customer_id', 'text')
    .addColumn('acknowledged_by', 'text')
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addColumn('created_version', 'int8', (c) => c.notNull().unique())
    .addColumn('version', 'int8', (c) => c.notNull())
    .addColumn('escalate_at', 'int8')
    .execute();
  await now.createIndex('orders_number_index').unique().on('orders').columns(['number_year', 'number_index']).execute();
  await now.createIndex('orders_created').on('orders').columns(['created_at', 'id']).execute();
  await now.createIndex('orders_status').on('orders').columns(['status', 'created_at', 'id']).execute();
  // Few orders wait to be acknowledged, and few users order for themselves.
  await now.createIndex('orders_escalate').on('orders').column('escalate_at').where(sql.ref('escalate_at'), 'is not', null).execute();
  await now.createIndex('orders_customer').on('orders').column('customer_id').where(sql.ref('customer_id'), 'is not', null).execute();

  await now
    .createTable('order_keys')
    .addColumn('caller', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('body_hash', 'text', (c) => c.notNull())
    .addColumn('order_id', 'int8', (c) => c.notNull())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addPrimaryKeyConstraint('order_keys_pk', ['caller', 'key'])
    .execute();
  await now.createIndex('order_keys_age').on('order_keys').column('created_at').execute();

  // There from the start, so that its row can be locked before the first order: ids and numbers are counted under that lock.
  await sql`insert into streams (id, version, seq) values ('orders', 0, 0)`.execute(db);
}
