/** Orders as the Khawam document shows them (contract §7). Keys are always present, `null` where there is nothing. */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { Count, Time, UserId, text } from '../values.ts';
import { Amount } from './money.ts';

/** The status machine: from each status the steps that lead on. */
export const ORDER_STEPS = {
  new: ['accepted', 'cancelled'],
  accepted: ['preparing', 'cancelled'],
  preparing: ['ready', 'cancelled'],
  ready: ['delivered', 'cancelled'],
  delivered: [],
  cancelled: [],
} as const satisfies Record<string, readonly string[]>;

export type OrderStatus = keyof typeof ORDER_STEPS;
export const OrderStatus = z.enum(Object.keys(ORDER_STEPS) as [OrderStatus, ...OrderStatus[]]);

export const OrderId = z.int().min(1).max(LIMITS.orderId);

const DELIVERY_TYPE = /^[a-z_]{1,32}$/;

/** What whoever makes an order says of it. */
const said = {
  customer_name: text(1, LIMITS.nameCharacters),
  customer_phone: text(1, LIMITS.phoneCharacters),
  total_amount: Amount,
  final_amount: Amount,
  delivery_type: z.string().regex(DELIVERY_TYPE, { error: `must match ${DELIVERY_TYPE.source}` }),
  items_count: z.int().min(1),
};

/** An order as the feed shows it; there, the stream's version stands beside the event. */
export const FeedOrder = z
  .object({
    order_id: OrderId,
    order_number: z.string().meta({ description: 'To be read out: `KH-2026-000123`, unless the key that made the order gave another.' }),
    ...said,
    // An erased customer's are empty.
    customer_name: z.string(),
    customer_phone: z.string(),
    created_at: Time,
    status: OrderStatus,
    acknowledged_by: UserId.nullable().meta({ description: 'The member of staff who stopped it ringing.' }),
  })
  .meta({ id: 'FeedOrder' });
export type FeedOrder = z.output<typeof FeedOrder>;

const Version = Count.meta({
  description: 'The version of the stream `orders` in the snapshot that this was read from: what follows it is news.',
});

export const Order = FeedOrder.extend({ version: Version }).meta({ id: 'Order' });
export type Order = z.output<typeof Order>;

/** A page of orders, with the version of the snapshot that it was read from. */
export const OrderList = z.object({ data: z.array(Order), next_cursor: z.string().nullable(), version: Version });

// The document's own broadcast gives a time without an offset.
const IsoTime = z.iso.datetime({ offset: true, local: true });

/** A new order. What only an API key may give is refused with FORBIDDEN from anybody else. */
export const CreateOrder = z.object({
  ...said,
  order_id: OrderId.optional().meta({ description: 'Only with an API key. Left out: the server makes one.' }),
  order_number: text(1, LIMITS.orderNumberCharacters)
    .optional()
    .meta({ description: 'Only with an API key. Left out: the server makes one.' }),
  created_at: z
    .string()
    .refine((time) => IsoTime.safeParse(time).success, { error: 'must be an ISO 8601 time' })
    .optional()
    .meta({ format: 'date-time', description: 'Only with an API key; without an offset it is UTC. Left out: now.' }),
});
export type CreateOrder = z.output<typeof CreateOrder>;
