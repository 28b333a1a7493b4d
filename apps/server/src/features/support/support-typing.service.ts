import { Injectable } from '@nestjs/common';
import { busKind, NodeBus } from '../../cluster/node-bus.ts';
import { OngoingTyping, type SocketTyping } from '../../realtime/ongoing-typing.ts';
import { SupportService } from './support.service.ts';

/** Somebody types in a ticket, or stopped. */
export interface TicketTyping extends SocketTyping {
  ticketId: string;
}

/** Who is typing in which ticket. */
@Injectable()
export class SupportTypingService {
  readonly #support: SupportService;
  readonly #ongoing: OngoingTyping<TicketTyping>;

  constructor(support: SupportService, bus: NodeBus) {
    this.#support = support;
    this.#ongoing = new OngoingTyping(bus, busKind<TicketTyping>('support.typing'), ({ ticketId }) => ticketId);
  }

  /** Calls `listener` with what the others in a ticket are to be told. */
  onTyping(listener: (typing: TicketTyping) => void): void {
    this.#ongoing.onTyping(listener);
  }

  /** A socket of one of the sides says that it types, or stopped. @throws Failure NOT_FOUND, FORBIDDEN */
  async set(session: { id: string; userId: string }, ticketId: string, isTyping: boolean): Promise<void> {
    await this.#support.sideOf(session.userId, ticketId);
    this.#ongoing.set({ ticketId, userId: session.userId, isTyping, sessionId: session.id });
  }

  /** Ends whatever a socket was typing: it is gone. */
  disconnected(sessionId: string): void {
    this.#ongoing.disconnected(sessionId);
  }
}
