/** Tickets and their messages in Allawzi's shapes. Pure. */
import type { allawzi } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { CannedReplyRecord } from './canned-replies.service.ts';
import type { SupportMessageRecord, TicketRecord } from './ticket-record.ts';

const timeOrNull = (ms: number | null) => (ms === null ? null : isoTime(ms));
const since = (from: number, to: number | null) => (to === null ? null : to - from);

export function toV1SupportMessage(record: SupportMessageRecord): allawzi.SupportMessage {
  return {
    id: record.id,
    ticketId: record.ticketId,
    seq: record.seq,
    version: record.version,
    senderId: record.senderId,
    senderName: record.senderName,
    senderRole: record.senderRole,
    message: record.message,
    attachments: record.attachments,
    isInternal: record.isInternal,
    createdAt: isoTime(record.createdAt),
  };
}

/** A ticket. `version` is of its stream; events have no `lastMessage`. */
export function toV1Ticket(ticket: TicketRecord, version: number, lastMessage: SupportMessageRecord | null = null): allawzi.Ticket {
  return {
    id: ticket.id,
    subject: ticket.subject,
    status: ticket.status,
    priority: ticket.priority,
    ownerId: ticket.ownerId,
    ownerName: ticket.ownerName,
    assigneeId: ticket.assigneeId,
    assigneeName: ticket.assigneeName,
    unreadCount: ticket.unreadCount,
    lastSeq: ticket.lastSeq,
    lastMessage: lastMessage && toV1SupportMessage(lastMessage),
    createdAt: isoTime(ticket.createdAt),
    updatedAt: isoTime(ticket.updatedAt),
    firstResponseAt: timeOrNull(ticket.firstResponseAt),
    resolvedAt: timeOrNull(ticket.resolvedAt),
    firstResponseMs: since(ticket.createdAt, ticket.firstResponseAt),
    resolutionMs: since(ticket.createdAt, ticket.resolvedAt),
    version,
  };
}

export function toV1CannedReply({ id, title, message, createdBy, createdAt }: CannedReplyRecord): allawzi.CannedReply {
  return { id, title, message, createdBy, createdAt: isoTime(createdAt) };
}
