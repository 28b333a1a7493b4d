/** Orders as the Khawam document shows them. Pure. */
import { khawam } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { OrderRecord } from './order-record.ts';

/** An order on the wire: the document's numbers, ISO times, every key present. */
export function toKhawamOrder(order: OrderRecord): khawam.FeedOrder {
  return {
    order_id: order.id,
    order_number: order.number,
    customer_name: order.customerName,
    customer_phone: order.customerPhone,
    total_amount: khawam.amountOf(order.totalMinor),
    final_amount: khawam.amountOf(order.finalMinor),
    delivery_type: order.deliveryType,
    items_count: order.itemsCount,
    created_at: isoTime(order.createdAt),
    status: order.status,
    acknowledged_by: order.acknowledgedBy,
  };
}
