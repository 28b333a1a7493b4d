/** How the log's entries of orders look on the wire. Pure: the same entry gives the same event, live and replayed. */
import { khawam } from '@majlis/contract';
import type { LogEntry } from '../../log/log-entry.ts';
import type { Projections, WireEvent } from '../../realtime/publisher.ts';
import { toKhawamOrder } from './khawam-shapes.ts';
import type { OrderChange } from './order-record.ts';

const { orderCreated, orderUpdated } = khawam.serverEvents;

/** In the feed the version stands beside the event, in `sync` on Socket.IO it is a key of the payload. */
function projectionsAs(event: string): Projections {
  return {
    khawam: ({ data }: LogEntry<OrderChange>): WireEvent => ({ event, data: toKhawamOrder(data) }),
    v2: ({ data, version }: LogEntry<OrderChange>): WireEvent => ({ event, data: { ...toKhawamOrder(data), version } }),
  };
}

/** The kinds of log entries that orders write, and their events. */
export const ORDER_PROJECTIONS: Readonly<Record<string, Projections>> = {
  'order.created': projectionsAs(orderCreated.name),
  'order.updated': projectionsAs(orderUpdated.name),
};
