import { v2, type PayloadOf } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { PresenceService } from './presence.service.ts';

const { presenceGet } = v2.clientEvents;

/** What a v2 client asks of presence. */
@Gateway('/')
export class V2PresenceGateway {
  constructor(private readonly presence: PresenceService) {}

  @On(presenceGet)
  async get(_session: Session, { user_ids }: PayloadOf<typeof presenceGet>) {
    const users = await this.presence.states(user_ids);
    return {
      users: users.map(({ userId, online, lastSeen }) => ({
        user_id: userId,
        online,
        last_seen: lastSeen === null ? null : isoTime(lastSeen),
      })),
    };
  }
}
