import { v2, type PayloadOf } from '@majlis/contract';
import { Connections } from '../../realtime/connections.ts';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';

const { clientEvents, serverEvents } = v2;

/** What a v2 client says of the connection itself. */
@Gateway('/')
export class V2ConnectionGateway {
  constructor(private readonly connections: Connections) {}

  @On(clientEvents.ping)
  ping(session: Session) {
    session.send(serverEvents.pong.name, { timestamp: new Date().toISOString() });
    return { status: 'ok' as const };
  }

  @On(clientEvents.authRefresh)
  async refresh(session: Session, { token }: PayloadOf<typeof clientEvents.authRefresh>) {
    const { expiresAt } = await this.connections.refresh(session, token);
    return { status: 'ok' as const, expires_at: new Date(expiresAt).toISOString() };
  }
}
