/**
 * How `/support` shows what the log says of tickets. Pure: the same entry gives the same event, live and in `sync`. A socket in the
 * ticket has the view `support-joined` of it, any other the dialect's own, and so none gets both events of a message.
 */
import type { LogEntry } from '../../log/log-entry.ts';
import type { Projections } from '../../realtime/publisher.ts';
import type { SupportMessageRecord, TicketRecord } from './ticket-record.ts';
import { toV1SupportMessage, toV1Ticket } from './v1-shapes.ts';

/** The view of a socket that has joined the ticket. */
export const JOINED_VIEW = 'support-joined';
/** That of one which has not. */
export const LIST_VIEW = 'support';

const changed = ({ data, version }: LogEntry<TicketRecord>) => ({ event: 'ticket:updated', data: toV1Ticket(data, version) });

export const SUPPORT_PROJECTIONS: Readonly<Record<string, Projections>> = {
  'ticket.changed': { [JOINED_VIEW]: changed, [LIST_VIEW]: changed },
  'ticket.message': {
    [JOINED_VIEW]: ({ data }: LogEntry<SupportMessageRecord>) => ({ event: 'message:new', data: toV1SupportMessage(data) }),
    [LIST_VIEW]: ({ data, version }: LogEntry<SupportMessageRecord>) => ({
      event: 'support:new-message',
      data: { ticketId: data.ticketId, message: toV1SupportMessage(data), version },
    }),
  },
};
