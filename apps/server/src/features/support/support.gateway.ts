import { allawzi, type PayloadOf } from '@majlis/contract';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { SupportTypingService } from './support-typing.service.ts';
import { SupportService } from './support.service.ts';
import { clientStream } from './ticket-streams.ts';

const { supportClientEvents: events, supportServerEvents } = allawzi;

/** `/support`, as the Allawzi document's client speaks. */
@Gateway('/support')
export class SupportGateway {
  constructor(
    private readonly support: SupportService,
    private readonly typists: SupportTypingService,
    private readonly sessions: SessionRegistry,
  ) {}

  @On(events.joinTicket)
  async join(session: Session, { ticketId }: PayloadOf<typeof events.joinTicket>) {
    await this.support.sideOf(session.userId, ticketId);
    (session.joined ??= new Set()).add(clientStream(ticketId));
    this.sessions.changed(session);
    session.send(supportServerEvents.joinedTicket.name, { ticketId });
    return { status: 'ok' as const, ticketId };
  }

  @On(events.leaveTicket)
  async leave(session: Session, { ticketId }: PayloadOf<typeof events.leaveTicket>) {
    await this.support.sideOf(session.userId, ticketId);
    session.joined?.delete(clientStream(ticketId));
    this.sessions.changed(session);
    session.send(supportServerEvents.leftTicket.name, { ticketId });
    return { status: 'ok' as const, ticketId };
  }

  @On(events.typing)
  async typing(session: Session, { ticketId, isTyping }: PayloadOf<typeof events.typing>) {
    await this.typists.set(session, ticketId, isTyping);
    return { status: 'ok' as const };
  }
}
