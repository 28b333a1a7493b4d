import { Inject, Injectable } from '@nestjs/common';
import { khawam } from '@majlis/contract';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import { Failure } from '../../errors.ts';
import { readCounters, rewriteEntry } from '../../log/stream-log.repository.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import type { OrdersTable } from '../../storage/schema.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Database, Storage } from '../../storage/storage.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { isActive, isStaff } from '../users/user-record.ts';
import { numberParts, orderNumber } from './order-number.ts';
import { ORDERS_STREAM, ORDER_CREATED, ORDER_UPDATED, type OrderChange, type OrderDraft, type OrderRecord } from './order-record.ts';
import {
  deleteKeysBefore,
  findKey,
  findOrder,
  hasNumber,
  highestOf,
  insertKey,
  insertOrder,
  ordersCreatedBetween,
  ordersOfCustomer,
  pageOrders,
  recordOf,
  updateOrder,
  type ListPosition,
} from './orders.repository.ts';

/** Who asks: a signed-in user, or the customer's backend with a key, for a user or in its own name. */
export interface OrderCaller {
  /** Tells callers apart. */
  id: string;
  userId: string | null;
  isKey: boolean;
}

/** What makes repeating a POST harmless. */
export interface Idempotency {
  key: string;
  /** Of the body: another one under the same key is a conflict. */
  bodyHash: string;
}

/** An order, with the version of its stream in the same snapshot. */
export interface OrderView {
  order: OrderRecord;
  version: number;
}

/** How far the stream of orders has come, and up to where it may have been forgotten. */
export interface StreamState {
  version: number;
  forgotten: number;
}

const KEYS_KEPT_MS = 24 * 3_600_000;
/** What only the customer's backend may choose, by the names that clients know. */
const CHOSEN = { id: 'order_id', number: 'order_number', createdAt: 'created_at' } as const;

/** Orders: making them, taking them from step to step, stopping them ringing, and reading them. */
@Injectable()
export class OrdersService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;
  readonly #escalateAfterMs: number;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, users: UserDirectory, @Inject(SETTINGS) settings: Settings) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
    this.#escalateAfterMs = settings.ORDER_ESCALATE_AFTER_S * 1000;
  }

  /** Whether the store says, now, that the user is staff. */
  async isStaff(userId: string): Promise<boolean> {
    const user = this.#users.get(userId) ?? (await this.#users.load(userId));
    return user !== undefined && isActive(user) && isStaff(user);
  }

  /**
   * Makes an order. A repetition of an idempotency key within 24 hours makes nothing and gives the first order, as it is now.
   * @throws Failure FORBIDDEN (choosing what only a key may), CONFLICT (a taken id or number, another body), UNAVAILABLE
   */
  async create(caller: OrderCaller, draft: OrderDraft, idempotency?: Idempotency): Promise<OrderView & { created: boolean }> {
    for (const [key, field] of Object.entries(CHOSEN)) {
      if (caller.isKey || draft[key as keyof typeof CHOSEN] === undefined) continue;
      throw new Failure('FORBIDDEN', { field, problem: 'only an API key may choose it' });
    }
    const customerId = caller.userId !== null && !(await this.isStaff(caller.userId)) ? caller.userId : null;
    return this.#queue.run([ORDERS_STREAM], async (tx) => {
      const createdAt = draft.createdAt ?? tx.now;
      const year = new Date(createdAt).getUTCFullYear();
      const highest = await highestOf(tx.db, year);
      const id = draft.id ?? highest.id + 1;
      const before = idempotency && (await madeBefore(tx, caller.id, idempotency, id));
      if (before) return { order: before, version: tx.stream(ORDERS_STREAM).version, created: false };
      if (draft.id !== undefined && (await findOrder(tx.db, id))) throw new Failure('CONFLICT', { field: CHOSEN.id, problem: 'is taken' });
      const number = draft.number ?? orderNumber({ year, index: highest.index + 1 });
      if (draft.number !== undefined && (await hasNumber(tx.db, number)))
        throw new Failure('CONFLICT', { field: CHOSEN.number, problem: 'is taken' });
      const parts = numberParts(number);
      const order: OrderRecord = { ...draft, id, number, createdAt, status: 'new', acknowledgedBy: null };
      const version = tx.append(ORDERS_STREAM, ORDER_CREATED, { ...order, previous: null } satisfies OrderChange);
      await insertOrder(tx.connection, {
        id,
        number,
        number_year: parts?.year ?? null,
        number_index: parts?.index ?? null,
        customer_name: order.customerName,
        customer_phone: order.customerPhone,
        total_minor: order.totalMinor,
        final_minor: order.finalMinor,
        delivery_type: order.deliveryType,
        items_count: order.itemsCount,
        status: order.status,
        created_by: caller.userId,
        customer_id: customerId,
        created_at: createdAt,
        created_version: version,
        version,
        // It rings from when it came, whatever time it gives itself.
        escalate_at: tx.now + this.#escalateAfterMs,
      });
      return { order, version, created: true };
    });
  }

  /** A page of orders, the latest first, with the stream's version. @throws Failure FORBIDDEN for anybody but staff and keys */
  async list(
    caller: OrderCaller,
    page: { status?: khawam.OrderStatus | undefined; before?: ListPosition | undefined; limit: number },
  ): Promise<{ orders: OrderRecord[]; version: number }> {
    await this.#requireStaff(caller);
    return this.#storage.snapshot(async (db) => ({
      orders: (await pageOrders(db, page)).map(recordOf),
      version: (await streamState(db)).version,
    }));
  }

  /** An order: for staff, keys, and who made it. @throws Failure NOT_FOUND, FORBIDDEN */
  async get(caller: OrderCaller, id: number): Promise<OrderView> {
    const { row, version } = await this.#storage.snapshot(async (db) => ({
      row: await findOrder(db, id),
      version: (await streamState(db)).version,
    }));
    if (!row) throw new Failure('NOT_FOUND');
    if (caller.userId === null || row.created_by !== caller.userId) await this.#requireStaff(caller);
    return { order: recordOf(row), version };
  }

  /** Takes an order to another status. @throws Failure FORBIDDEN, NOT_FOUND, CONFLICT where that is no step from where it is */
  async setStatus(caller: OrderCaller, id: number, status: khawam.OrderStatus): Promise<OrderView> {
    await this.#requireStaff(caller);
    return this.#change(id, (row) => {
      const steps: readonly khawam.OrderStatus[] = khawam.ORDER_STEPS[row.status];
      if (!steps.includes(status)) throw new Failure('CONFLICT', { field: 'status', problem: `is no step from ${row.status}` });
      // Somebody has it in hand.
      return { status, escalate_at: null };
    });
  }

  /** Stops an order ringing. Where somebody did so before, that one stands and nothing happens. @throws Failure FORBIDDEN, NOT_FOUND */
  async acknowledge(userId: string, id: number): Promise<OrderView> {
    if (!(await this.isStaff(userId))) throw new Failure('FORBIDDEN');
    return this.#change(id, (row) => (row.acknowledged_by === null ? { acknowledged_by: userId, escalate_at: null } : undefined));
  }

  /** Takes the name and phone of a person who ordered for themselves out of the orders and out of the log. */
  async eraseCustomer(userId: string): Promise<void> {
    // In portions, so that no commit holds up everybody else's writes.
    const PORTION = 50;
    const erasePortion = () =>
      this.#queue.run([ORDERS_STREAM], async (tx) => {
        const rows = await ordersOfCustomer(tx.db, userId, PORTION);
        for (const row of rows) await eraseContact(tx, row);
        return rows.length;
      });
    while ((await erasePortion()) === PORTION);
  }

  /** How far the stream of orders has come. */
  streamState(): Promise<StreamState> {
    return streamState(this.#storage.db);
  }

  /** The stream's version at which an order was made; undefined where there is none. */
  async createdVersion(id: number): Promise<number | undefined> {
    return (await findOrder(this.#storage.db, id))?.created_version;
  }

  /** Orders as they are now, each with the version at which it was made, by that version. */
  async createdBetween(after: number, upTo: number, limit: number): Promise<OrderView[]> {
    const rows = await ordersCreatedBetween(this.#storage.db, after, upTo, limit);
    return rows.map((row) => ({ order: recordOf(row), version: row.created_version }));
  }

  async #requireStaff({ userId, isKey }: OrderCaller): Promise<void> {
    if (!isKey && (userId === null || !(await this.isStaff(userId)))) throw new Failure('FORBIDDEN');
  }

  /** Changes an order by what `decide` says of it as it is; undefined: not at all. */
  #change(id: number, decide: (row: OrdersTable) => Partial<OrdersTable> | undefined): Promise<OrderView> {
    return this.#queue.run([ORDERS_STREAM], async (tx) => {
      const row = await findOrder(tx.db, id);
      if (!row) throw new Failure('NOT_FOUND');
      const set = decide(row);
      if (!set) return { order: recordOf(row), version: tx.stream(ORDERS_STREAM).version };
      return update(tx, row, set);
    });
  }
}

async function streamState(db: Database): Promise<StreamState> {
  return (await readCounters(db, [ORDERS_STREAM])).get(ORDERS_STREAM)!;
}

/** The order that was made under the key before; where there is none, the key is from now on this order's. @throws Failure CONFLICT */
async function madeBefore(
  tx: WriteTransaction,
  caller: string,
  { key, bodyHash }: Idempotency,
  orderId: number,
): Promise<OrderRecord | undefined> {
  await deleteKeysBefore(tx.db, tx.now - KEYS_KEPT_MS);
  if (await insertKey(tx.db, { caller, key, body_hash: bodyHash, order_id: orderId, created_at: tx.now })) return undefined;
  const before = (await findKey(tx.db, caller, key))!;
  if (before.body_hash !== bodyHash) throw new Failure('CONFLICT', { field: 'Idempotency-Key', problem: 'was used for another order' });
  return recordOf((await findOrder(tx.db, before.order_id))!);
}

/** Changes an order's row and appends the change. */
async function update(tx: WriteTransaction, row: OrdersTable, set: Partial<OrdersTable>): Promise<OrderView> {
  const order = recordOf({ ...row, ...set });
  const version = tx.append(ORDERS_STREAM, ORDER_UPDATED, { ...order, previous: row.version } satisfies OrderChange);
  await updateOrder(tx.db, row.id, { ...set, version });
  return { order, version };
}

/** Empties an order's contact, in its row and in every entry of the log that carried it. */
async function eraseContact(tx: WriteTransaction, row: OrdersTable): Promise<void> {
  for (let at: number | null = row.version; at !== null;) {
    const found = await tx.entry(ORDERS_STREAM, at);
    // What is older has been forgotten.
    if (!found) break;
    const data = found.data as OrderChange;
    await rewriteEntry(tx.db, ORDERS_STREAM, at, { ...data, customerName: '', customerPhone: '' });
    at = data.previous;
  }
  await update(tx, row, { customer_name: '', customer_phone: '', customer_id: null });
}
