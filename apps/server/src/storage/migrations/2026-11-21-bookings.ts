/** Bookings, the rules that propose the next one, and when what happens every so often is due. Frozen: later changes are later files. */
import { sql, type Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  const now = db.schema;

  await now
    .createTable('bookings')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('master_id', 'text', (c) => c.notNull())
    .addColumn('client_id', 'text', (c) => c.notNull())
    .addColumn('service_id', 'text')
    .addColumn('service_name', 'text', (c) => c.notNull())
    .addColumn('starts_at', 'int8')
    .addColumn('time_zone', 'text')
    .addColumn('duration', 'int8')
    .addColumn('price_minor', 'int8')
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('cancelled_by', 'text')
    .addColumn('message_id', 'text', (c) => c.unique())
    .addColumn('created_at', 'int8', (c) => c.notNull())
    .addColumn('updated_at', 'int8', (c) => c.notNull())
    .addColumn('propose_at', 'int8')
    .addColumn('proposed_at', 'int8')
    .execute();
  await now.createIndex('bookings_pair').on('bookings').columns(['master_id', 'client_id', 'starts_at']).execute();
  await now.createIndex('bookings_client').on('bookings').column('client_id').execute();
  // Few bookings wait for a proposal: the last one of each client whose master has a rule.
  await now.createIndex('bookings_propose').on('bookings').column('propose_at').where(sql.ref('propose_at'), 'is not', null).execute();

  await now
    .createTable('auto_booking_rules')
    .addColumn('master_id', 'text', (c) => c.primaryKey())
    .addColumn('weeks', 'int8', (c) => c.notNull())
    .execute();

  await now
    .createTable('scheduled_runs')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('due_at', 'int8', (c) => c.notNull())
    .execute();
}
