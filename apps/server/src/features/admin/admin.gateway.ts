import { depth, type PayloadOf } from '@majlis/contract';
import { z } from 'zod';
import { cursorsOf } from '../../http/cursor.ts';
import { isoTime } from '../../iso-time.ts';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { AdminService } from './admin.service.ts';

const { adminClientEvents: events } = depth;

const cursors = cursorsOf('sockets', z.object({ node: z.string(), nth: z.int() }));

/** `/admin`: monitoring and control, in Depth's words. */
@Gateway('/admin')
export class AdminGateway {
  constructor(private readonly admin: AdminService) {}

  @On(events.events)
  async events(session: Session, { on }: PayloadOf<typeof events.events>) {
    await this.admin.watchEvents(session, on);
    return { data: { on } };
  }

  @On(events.sockets)
  async sockets({ userId: actorId }: Session, payload: PayloadOf<typeof events.sockets>) {
    const { userId, namespace, cursor } = payload ?? {};
    const { sockets, end } = await this.admin.sockets(actorId, { userId, namespace, after: cursors.decode(cursor) });
    return {
      data: {
        sockets: sockets.map(({ connectedAt, nth: _, ...socket }) => ({ ...socket, connectedAt: isoTime(connectedAt) })),
        nextCursor: cursors.encode(end),
      },
    };
  }

  @On(events.disconnect)
  async disconnect({ userId, id: askedBy }: Session, payload: PayloadOf<typeof events.disconnect>) {
    const { blockedUntil, ...done } = await this.admin.disconnect(userId, { ...payload, askedBy });
    return { data: { ...done, blockedUntil: blockedUntil === null ? null : isoTime(blockedUntil) } };
  }

  @On(events.announce)
  async announce({ userId }: Session, { message, namespaces, userIds }: PayloadOf<typeof events.announce>) {
    const at = await this.admin.announce(userId, { message, namespaces, userIds });
    return { data: { message, timestamp: isoTime(at) } };
  }

  @On(events.rateLimit)
  async rateLimit({ userId: actorId }: Session, { userId }: PayloadOf<typeof events.rateLimit>) {
    return { data: { userId, ...(await this.admin.rateLimit(actorId, userId)) } };
  }
}
