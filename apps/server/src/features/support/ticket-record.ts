/** Tickets and their messages as one side sees them: what the log holds, in no dialect. Times are milliseconds. */
import type { allawzi, v2 } from '@majlis/contract';

export interface SupportMessageRecord {
  id: string;
  ticketId: string;
  /** Both of the side's stream. */
  seq: number;
  version: number;
  senderId: string;
  senderName: string;
  senderRole: v2.Role;
  message: string;
  attachments: allawzi.SupportMessage['attachments'];
  isInternal: boolean;
  createdAt: number;
}

export interface TicketRecord {
  id: string;
  subject: string;
  status: allawzi.TicketStatus;
  priority: allawzi.TicketPriority;
  ownerId: string;
  ownerName: string;
  assigneeId: string | null;
  assigneeName: string | null;
  /** Of the side's own. */
  unreadCount: number;
  lastSeq: number;
  createdAt: number;
  updatedAt: number;
  firstResponseAt: number | null;
  resolvedAt: number | null;
}

/** The kinds of log entries that tickets write. */
export const TICKET_CHANGED = 'ticket.changed';
export const TICKET_MESSAGE = 'ticket.message';
