/** The namespace `/support`: contract §6. */
import { z } from 'zod';
import { Ok, Version, camelClientEvents, camelServerEvents } from '../camel.ts';
import { clientEvent, serverEvent, type Namespace } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Reference, UserId, Uuid } from '../values.ts';
import { SupportMessage, Ticket } from './objects.ts';

const OfTicket = z.object({ ticketId: Reference });
const TicketPlace = z.object({ ticketId: Uuid });

export const supportClientEvents = {
  joinTicket: clientEvent({
    name: 'join-ticket',
    summary: "Answered with joined-ticket; from then on this socket gets message:new of the ticket. The ticket's owner and staff only.",
    budget: 'light',
    payload: OfTicket,
    ack: Ok.extend({ ticketId: Uuid }),
  }),
  leaveTicket: clientEvent({
    name: 'leave-ticket',
    summary: "Answered with left-ticket; this socket gets support:new-message again instead of message:new. The user's other sockets stay.",
    budget: 'light',
    payload: OfTicket,
    ack: Ok.extend({ ticketId: Uuid }),
  }),
  typing: clientEvent({
    name: 'typing',
    summary: `Typing; ends by itself after ${LIMITS.typingTtlMs / 1000} s without renewal.`,
    budget: 'light',
    dropsSilently: { status: 'ok' },
    payload: OfTicket.extend({ isTyping: z.boolean() }),
    ack: Ok,
  }),
  ...camelClientEvents,
} as const;

export const supportServerEvents = {
  ...camelServerEvents,
  joinedTicket: serverEvent({ name: 'joined-ticket', summary: 'The answer to join-ticket.', payload: TicketPlace }),
  leftTicket: serverEvent({ name: 'left-ticket', summary: 'The answer to leave-ticket.', payload: TicketPlace }),
  messageNew: serverEvent({
    name: 'message:new',
    summary: 'A new message, to sockets in the ticket. Internal notes: staff only.',
    payload: SupportMessage,
  }),
  newMessage: serverEvent({
    name: 'support:new-message',
    summary: "A new message, to sockets of the ticket's owner and of staff that are not in the ticket. Internal notes: staff only.",
    payload: z.object({ ticketId: Uuid, message: SupportMessage, version: Version }),
  }),
  userTyping: serverEvent({
    name: 'user-typing',
    summary: 'Somebody types or stopped typing, to the others in the ticket.',
    payload: z.object({ ticketId: Uuid, userId: UserId, isTyping: z.boolean() }),
  }),
  ticketUpdated: serverEvent({
    name: 'ticket:updated',
    summary: "A ticket was made, changed, or read by one's own side.",
    payload: Ticket,
  }),
} as const;

export const supportNamespace: Namespace = {
  name: '/support',
  description: 'Allawzi: support tickets, camelCase. Its streams are `ticket:<id>`.',
  receives: supportClientEvents,
  sends: supportServerEvents,
};
