/** The live order feed, a raw WebSocket: contract §7. */
import { z } from 'zod';
import { clientEvent, serverEvent, type Namespace } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Count, Time, UserId } from '../values.ts';
import { ErrorBody } from '../v2/events.ts';
import { FeedOrder, OrderId } from './objects.ts';

// There are no acknowledgements on a raw WebSocket.
const none = z.void();

export const clientEvents = {
  ping: clientEvent({
    name: 'ping',
    summary: 'Answered with pong. The bare text `ping` and `{"type":"ping"}` do as well.',
    budget: 'ping',
    payload: z.unknown().optional(),
    ack: none,
  }),
  orderAck: clientEvent({
    name: 'order_ack',
    summary: 'Stops an order ringing for everybody, who hear of it by order_updated. Where somebody was faster, nothing happens.',
    budget: 'write',
    payload: z.object({ order_id: OrderId }),
    ack: none,
  }),
} as const;

export const serverEvents = {
  connected: serverEvent({
    name: 'connected',
    summary:
      "The first frame. `connections` counts this node's sockets of the feed, this one too; `version` is the stream's: what follows it is news.",
    payload: z.object({ user_id: UserId, connections: Count, version: Count }),
  }),
  orderCreated: serverEvent({ name: 'order_created', summary: 'A new order.', versioned: true, payload: FeedOrder }),
  orderUpdated: serverEvent({
    name: 'order_updated',
    summary: 'An order was acknowledged, or its status changed.',
    versioned: true,
    payload: FeedOrder,
  }),
  pong: serverEvent({ name: 'pong', summary: 'The answer to ping.', payload: z.object({ timestamp: Time }) }),
  error: serverEvent({
    name: 'error',
    summary:
      'What was received, or asked for by `since` or `since_version`, cannot be done; the socket stays. NOT_FOUND naming `since_version`: ' +
      'it is older than what is kept (the orders created since follow as they are now) or not of this store; reload by GET /api/orders.',
    payload: ErrorBody,
  }),
} as const;

/** Why the feed closes a socket that should not come back as it is. */
export const CLOSE_CODES = {
  UNAUTHORIZED: { code: 4401, reason: 'unauthorized' },
  FORBIDDEN: { code: 4403, reason: 'forbidden' },
  RATE_LIMIT: { code: 4429, reason: 'rate limit' },
} as const;

/** The live order feed. */
export const feed: Namespace = {
  name: '/api/ws/orders',
  protocol: 'websocket',
  description:
    'Khawam: the live order feed, for staff. Text frames of JSON, `{"event","data"}`; changes of orders have `version` beside `event`. The token is the query ' +
    'parameter `token`, the header `Authorization`, or the subprotocols `bearer, <token>`. `?since=<order_id>` first replays the orders created after that ' +
    'one, as they are now, `?since_version=<n>` every change after that version; then it goes on live, without gap or repeat. Close codes: 4401 ' +
    `unauthorized, 4403 forbidden, 4429 rate limit. A protocol-level ping comes every ${LIMITS.feedPingIntervalMs / 1000} s; a peer that misses two is closed.`,
  receives: clientEvents,
  sends: serverEvents,
};
