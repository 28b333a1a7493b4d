import { camelClientEvents, camelServerEvents, type PayloadOf } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import { Connections } from '../../realtime/connections.ts';
import { DEPTH_ON_ROOT, Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';

/** What a client of a camelCase namespace says of the connection itself. */
@Gateway('/notifications', '/support', '/chat', '/projects', '/admin', DEPTH_ON_ROOT)
export class CamelConnectionGateway {
  constructor(private readonly connections: Connections) {}

  @On(camelClientEvents.ping)
  ping(session: Session) {
    session.send(camelServerEvents.pong.name, { timestamp: isoTime(Date.now()) });
    return { status: 'ok' as const };
  }

  @On(camelClientEvents.authRefresh)
  async refresh(session: Session, { token }: PayloadOf<typeof camelClientEvents.authRefresh>) {
    const { expiresAt } = await this.connections.refresh(session, token);
    return { status: 'ok' as const, expiresAt: isoTime(expiresAt) };
  }
}
