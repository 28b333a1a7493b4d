import { allawzi, type PayloadOf } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import { DEPTH_ON_ROOT, Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { UserStreams } from '../users/user-streams.ts';
import { NotificationsService } from './notifications.service.ts';

const events = allawzi.notificationClientEvents;

/** Notifications in the words of Depth's document, on `/notifications` beside Allawzi's. */
@Gateway('/notifications', DEPTH_ON_ROOT)
export class DepthNotificationsGateway {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly userStreams: UserStreams,
  ) {}

  @On(events.read)
  async read({ userId }: Session, { notificationId }: PayloadOf<typeof events.read>) {
    const readAt = await this.notifications.readOne(userId, notificationId);
    return { notificationId, isRead: true as const, readAt: isoTime(readAt) };
  }

  @On(events.subscribe)
  async subscribe(session: Session, { userId }: PayloadOf<typeof events.subscribe>) {
    await this.userStreams.subscribe(session, userId);
    return { data: { userId } };
  }

  @On(events.unsubscribe)
  async unsubscribe(session: Session, { userId }: PayloadOf<typeof events.unsubscribe>) {
    await this.userStreams.unsubscribe(session, userId);
    return { data: { userId } };
  }
}
