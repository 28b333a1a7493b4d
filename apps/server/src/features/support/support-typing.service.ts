import { Injectable } from '@nestjs/common';
import { OngoingTyping } from '../../realtime/ongoing-typing.ts';
import { SupportService } from './support.service.ts';

/** Somebody types in a ticket, or stopped. */
export interface TicketTyping {
  ticketId: string;
  userId: string;
  isTyping: boolean;
  /** The socket that types, which is not told itself. */
  sessionId: string;
}

/** Who is typing in which ticket. */
@Injectable()
export class SupportTypingService {
  readonly #support: SupportService;
  readonly #listeners: ((typing: TicketTyping) => void)[] = [];
  readonly #ongoing = new OngoingTyping<TicketTyping>((typing) => this.#tell({ ...typing, isTyping: false }));

  constructor(support: SupportService) {
    this.#support = support;
  }

  /** Calls `listener` with what the others in a ticket are to be told. */
  onTyping(listener: (typing: TicketTyping) => void): void {
    this.#listeners.push(listener);
  }

  /** A socket of one of the sides says that it types, or stopped. @throws Failure NOT_FOUND, FORBIDDEN */
  async set(session: { id: string; userId: string }, ticketId: string, isTyping: boolean): Promise<void> {
    await this.#support.sideOf(session.userId, ticketId);
    const wasTyping = this.#ongoing.end(session.id, ticketId) !== undefined;
    if (!isTyping && !wasTyping) return;
    const typing: TicketTyping = { ticketId, userId: session.userId, isTyping, sessionId: session.id };
    if (isTyping) this.#ongoing.begin(session.id, ticketId, typing);
    this.#tell(typing);
  }

  /** Ends whatever a socket was typing: it is gone. */
  disconnected(sessionId: string): void {
    this.#ongoing.disconnected(sessionId);
  }

  #tell(typing: TicketTyping): void {
    for (const listener of this.#listeners) listener(typing);
  }
}
