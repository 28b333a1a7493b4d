/** The namespace `/admin`: what administrators see of the server and do to it. Contract §5. */
import { z } from 'zod';
import { camelClientEvents, camelServerEvents } from '../camel.ts';
import { clientEvent, serverEvent, type Budget, type Namespace } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Count, Time, UserId, text } from '../values.ts';

const Reason = text(1, LIMITS.reasonCharacters);
const Rate = z.number().min(0);
const PerName = z.record(z.string(), Count);

export const AdminSocket = z
  .object({
    id: z.string(),
    userId: UserId,
    namespace: z.string().meta({ description: 'A Socket.IO namespace, or the path of a raw WebSocket.' }),
    node: z.string(),
    connectedAt: Time,
    transport: z.string(),
    ip: z.string(),
  })
  .meta({ id: 'AdminSocket' });
export type AdminSocket = z.output<typeof AdminSocket>;

export const AdminStats = z
  .object({
    timestamp: Time,
    connections: Count.meta({ description: 'Sockets: the sum by namespace, and by node.' }),
    connectionsByNamespace: PerName,
    connectionsByNode: PerName,
    usersOnline: Count,
    eventsPerSecond: Rate.meta({ description: 'Inbound events since the figures before these.' }),
    deliveriesPerSecond: Rate.meta({ description: 'Events given to sockets since the figures before these.' }),
    latencyP50Ms: Rate.nullable().meta({
      description: 'From an event’s arrival to its acknowledgement, in the same time; null where there was none.',
    }),
    latencyP99Ms: Rate.nullable(),
    errorsByCode: PerName.meta({ description: 'Events refused, since the nodes started.' }),
    rateLimited: Count.meta({ description: 'Events refused or dropped because of a rate limit, since the nodes started.' }),
    memoryBytes: Count.meta({ description: 'Resident memory of all nodes together.' }),
    eventLoopDelayP99Ms: Rate.meta({ description: 'Of the node where it is worst, since the figures before these.' }),
  })
  .meta({ id: 'AdminStats' });
export type AdminStats = z.output<typeof AdminStats>;

export const AdminEvent = z
  .object({
    timestamp: Time,
    userId: UserId,
    namespace: z.string(),
    event: z.string().meta({ description: '`unknown` where the contract has no such name.' }),
    status: z.enum(['ok', 'error']),
    durationMs: Rate,
    ip: z.string(),
  })
  .meta({ id: 'AdminEvent' });
export type AdminEvent = z.output<typeof AdminEvent>;

/** The Socket.IO namespaces that an announcement can be made in. */
export const ANNOUNCEMENT_NAMESPACES = ['/', '/chat', '/projects', '/notifications', '/support', '/admin'] as const;

const Used = z.object({
  limit: Count,
  used: Count,
  retryAfterMs: Count.meta({ description: '0 while more is allowed.' }),
});

export const adminClientEvents = {
  events: clientEvent({
    name: 'admin:events',
    summary: `Whether this socket is told of each inbound event, by admin:event; at most ${LIMITS.watchedEventsPerSecond} a second of each node.`,
    budget: 'light',
    payload: z.object({ on: z.boolean() }),
    ack: z.object({ data: z.object({ on: z.boolean() }) }),
  }),
  sockets: clientEvent({
    name: 'admin:sockets',
    summary: 'Who is connected: a page of sockets, those of a node in the order in which they came.',
    budget: 'light',
    payload: z.object({ userId: UserId.optional(), namespace: z.string().optional(), cursor: z.string().optional() }).nullish(),
    ack: z.object({ data: z.object({ sockets: z.array(AdminSocket), nextCursor: z.string().nullable() }) }),
  }),
  disconnect: clientEvent({
    name: 'admin:disconnect',
    summary:
      'Ends a user’s sockets, or one socket, but not the one that asks. With blockForS its user is refused for so long, as one who is disabled: connecting, signing in, refreshing a token and calling REST; 0 ends that. Audited.',
    budget: 'write',
    payload: z
      .object({
        userId: UserId.optional(),
        socketId: z.string().max(LIMITS.socketIdCharacters).optional(),
        reason: Reason,
        blockForS: z.int().min(0).max(LIMITS.blockSeconds).optional(),
      })
      .refine(({ userId, socketId }) => (userId === undefined) !== (socketId === undefined), {
        path: ['userId'],
        error: 'either userId or socketId must say who is disconnected',
      }),
    ack: z.object({
      data: z.object({
        userId: UserId,
        disconnected: Count.meta({ description: 'Sockets that were ended.' }),
        blockedUntil: Time.nullable().meta({ description: 'Null where the user is not blocked.' }),
      }),
    }),
  }),
  announce: clientEvent({
    name: 'admin:announce',
    summary: 'Sends announcement to everybody who is connected, or to these namespaces and users. Audited.',
    budget: 'write',
    payload: z.object({
      message: text(1, LIMITS.messageCharacters),
      namespaces: z.array(z.enum(ANNOUNCEMENT_NAMESPACES)).min(1).max(ANNOUNCEMENT_NAMESPACES.length).optional(),
      userIds: z.array(UserId).min(1).max(LIMITS.notificationRecipients).optional(),
    }),
    ack: z.object({ data: z.object({ message: z.string(), timestamp: Time }) }),
  }),
  rateLimit: clientEvent({
    name: 'admin:rate-limit',
    summary: 'How much of each budget a user has used in the window that ends now.',
    budget: 'light',
    payload: z.object({ userId: UserId }),
    ack: z.object({
      data: z.object({
        userId: UserId,
        windowMs: Count,
        budgets: z.object({ write: Used, light: Used, ping: Used } satisfies Record<Budget, typeof Used>),
      }),
    }),
  }),
  authRefresh: camelClientEvents.authRefresh,
  ping: camelClientEvents.ping,
} as const;

export const adminServerEvents = {
  ...camelServerEvents,
  stats: serverEvent({ name: 'admin:stats', summary: 'The server’s figures, every 2 s.', payload: AdminStats }),
  event: serverEvent({
    name: 'admin:event',
    summary: 'An inbound event of anybody, never its content; to sockets that asked for it.',
    payload: AdminEvent,
  }),
} as const;

export const adminNamespace: Namespace = {
  name: '/admin',
  description: 'Depth: monitoring and control, for the role `admin` alone. It has no streams.',
  receives: adminClientEvents,
  sends: adminServerEvents,
};
