import type { khawam } from '@majlis/contract';

/** The one stream of all orders. */
export const ORDERS_STREAM = 'orders';
/** The kinds of its entries; the data of both is an `OrderChange`. */
export const ORDER_CREATED = 'order.created';
export const ORDER_UPDATED = 'order.updated';

/** What whoever makes an order says of it. */
export interface OrderDraft {
  customerName: string;
  customerPhone: string;
  /** Minor units (hundredths), as all amounts inside. */
  totalMinor: number;
  finalMinor: number;
  deliveryType: string;
  itemsCount: number;
  /** What only the customer's backend may choose; undefined: the server does. */
  id?: number | undefined;
  number?: string | undefined;
  /** Milliseconds. */
  createdAt?: number | undefined;
}

/** An order as the domain and the log know it, in no dialect. */
export interface OrderRecord extends Required<Omit<OrderDraft, 'id' | 'number' | 'createdAt'>> {
  id: number;
  /** What people read out. */
  number: string;
  createdAt: number;
  status: khawam.OrderStatus;
  /** The member of staff who stopped it ringing. */
  acknowledgedBy: string | null;
}

/** An order as of one entry of the log. */
export type OrderChange = OrderRecord & {
  /** The version of the order's entry before this one, so that its contents can be followed back through the log; null of its first. */
  previous: number | null;
};
