/** SQL over orders. */
import type { khawam } from '@majlis/contract';
import { bulkInsert } from '../../storage/bulk.ts';
import type { OrderKeysTable, OrdersTable } from '../../storage/schema.ts';
import type { Database, WriteConnection } from '../../storage/storage.ts';
import type { OrderRecord } from './order-record.ts';

/** An order as the domain knows it. */
export function recordOf(row: OrdersTable): OrderRecord {
  return {
    id: row.id,
    number: row.number,
    customerName: row.customer_name,
    customerPhone: row.customer_phone,
    totalMinor: row.total_minor,
    finalMinor: row.final_minor,
    deliveryType: row.delivery_type,
    itemsCount: row.items_count,
    createdAt: row.created_at,
    status: row.status,
    acknowledgedBy: row.acknowledged_by,
  };
}

/** The order of that id. */
export function findOrder(db: Database, id: number): Promise<OrdersTable | undefined> {
  return db.selectFrom('orders').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Whether an order has that number. */
export async function hasNumber(db: Database, number: string): Promise<boolean> {
  return (await db.selectFrom('orders').select('id').where('number', '=', number).executeTakeFirst()) !== undefined;
}

/**
 * The highest id of all orders, and the highest index that a number of our own form has in a year; 0 where there is none. Orders are
 * never deleted, so nothing above them has been used.
 */
export async function highestOf(db: Database, year: number): Promise<{ id: number; index: number }> {
  const { id, index } = await db
    .selectNoFrom((eb) => [
      eb.selectFrom('orders').select('id').orderBy('id', 'desc').limit(1).as('id'),
      eb.selectFrom('orders').select('number_index').where('number_year', '=', year).orderBy('number_index', 'desc').limit(1).as('index'),
    ])
    .executeTakeFirstOrThrow();
  return { id: id ?? 0, index: index ?? 0 };
}

const INSERT = bulkInsert('orders', {
  id: 'int8',
  number: 'text',
  number_year: 'int8',
  number_index: 'int8',
  customer_name: 'text',
  customer_phone: 'text',
  total_minor: 'int8',
  final_minor: 'int8',
  delivery_type: 'text',
  items_count: 'int8',
  status: 'text',
  created_by: 'text',
  customer_id: 'text',
  created_at: 'int8',
  created_version: 'int8',
  version: 'int8',
  escalate_at: 'int8',
});

/** Adds an order that nobody has acknowledged. */
export async function insertOrder(connection: WriteConnection, row: Omit<OrdersTable, 'acknowledged_by'>): Promise<void> {
  await connection.insertMany(INSERT, [
    [
      row.id,
      row.number,
      row.number_year,
      row.number_index,
      row.customer_name,
      row.customer_phone,
      row.total_minor,
      row.final_minor,
      row.delivery_type,
      row.items_count,
      row.status,
      row.created_by,
      row.customer_id,
      row.created_at,
      row.created_version,
      row.version,
      row.escalate_at,
    ],
  ]);
}

/** Changes an order. */
export async function updateOrder(db: Database, id: number, set: Partial<OrdersTable>): Promise<void> {
  await db.updateTable('orders').set(set).where('id', '=', id).execute();
}

/** Where a page of the list ends. */
export interface ListPosition {
  createdAt: number;
  id: number;
}

/** Orders, the latest first. @param filter.before the last one of the page before */
export function pageOrders(
  db: Database,
  filter: { status?: khawam.OrderStatus | undefined; before?: ListPosition | undefined; limit: number },
): Promise<OrdersTable[]> {
  const { status, before } = filter;
  let query = db.selectFrom('orders').selectAll();
  if (status !== undefined) query = query.where('status', '=', status);
  if (before) {
    query = query.where((eb) =>
      eb.or([eb('created_at', '<', before.createdAt), eb.and([eb('created_at', '=', before.createdAt), eb('id', '<', before.id)])]),
    );
  }
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(filter.limit).execute();
}

/** The orders made after one version of the stream and up to another, as they are now, in the order in which they came. */
export function ordersCreatedBetween(db: Database, after: number, upTo: number, limit: number): Promise<OrdersTable[]> {
  return db
    .selectFrom('orders')
    .selectAll()
    .where('created_version', '>', after)
    .where('created_version', '<=', upTo)
    .orderBy('created_version')
    .limit(limit)
    .execute();
}

/** Some orders that a person made for themselves: what erasing the person works off. */
export function ordersOfCustomer(db: Database, userId: string, limit: number): Promise<OrdersTable[]> {
  return db.selectFrom('orders').selectAll().where('customer_id', '=', userId).limit(limit).execute();
}

/** When the next order is to be escalated (ms); undefined where none waits. */
export async function nextEscalation(db: Database): Promise<number | undefined> {
  const row = await db
    .selectFrom('orders')
    .select('escalate_at')
    .where('escalate_at', 'is not', null)
    .orderBy('escalate_at')
    .limit(1)
    .executeTakeFirst();
  return row?.escalate_at ?? undefined;
}

/** Takes at most `limit` orders that are due at `now` (ms) for being escalated: of all nodes that ask, one gets each of them, once. */
export async function claimEscalations(db: Database, now: number, limit: number): Promise<OrdersTable[]> {
  const due = db.selectFrom('orders').select('id').where('escalate_at', '<=', now).orderBy('escalate_at').limit(limit);
  return (
    db
      .updateTable('orders')
      .set({ escalate_at: null })
      .where('id', 'in', due)
      // Looked at again under the row's lock: another node may have been faster, or somebody has acknowledged it.
      .where('escalate_at', '<=', now)
      .returningAll()
      .execute()
  );
}

/** Remembers what was made under a key. @returns false where that key of that caller is remembered already */
export async function insertKey(db: Database, row: OrderKeysTable): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('order_keys')
    .values(row)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** What was made under a key. */
export function findKey(db: Database, caller: string, key: string): Promise<OrderKeysTable | undefined> {
  return db.selectFrom('order_keys').selectAll().where('caller', '=', caller).where('key', '=', key).executeTakeFirst();
}

/** Forgets the keys from before `time` (ms). */
export async function deleteKeysBefore(db: Database, time: number): Promise<void> {
  await db.deleteFrom('order_keys').where('created_at', '<', time).execute();
}
