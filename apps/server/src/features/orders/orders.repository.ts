/** SQL over orders. */
import type { khawam } from '@majlis/contract';
import type { OrderKeysTable, OrdersTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';
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

/** The highest id that an order has; 0 where there is none. Orders are never deleted, so no id above it has been used. */
export async function highestId(db: Database): Promise<number> {
  const row = await db.selectFrom('orders').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
  return row?.id ?? 0;
}

/** The highest index that a number of our own form has in a year; 0 where there is none. */
export async function highestIndex(db: Database, year: number): Promise<number> {
  const row = await db
    .selectFrom('orders')
    .select('number_index')
    .where('number_year', '=', year)
    .orderBy('number_index', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.number_index ?? 0;
}

/** Adds an order. */
export async function insertOrder(db: Database, row: OrdersTable): Promise<void> {
  await db.insertInto('orders').values(row).execute();
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
