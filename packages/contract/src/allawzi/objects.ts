/** Tickets, their messages and notifications in camelCase: contract §6. Keys are always present, `null` where there is nothing. */
import { z } from 'zod';
import { Attachment } from '../attachments.ts';
import { Version } from '../camel.ts';
import { LIMITS } from '../limits.ts';
import { Count, FreeObject, Time, UserId, Uuid } from '../values.ts';
import { ROLES } from '../v2/objects.ts';

export const NotificationV1 = z
  .object({
    id: Uuid,
    type: z.string(),
    title: z.string(),
    body: z.string(),
    data: FreeObject,
    createdAt: Time,
    isRead: z.boolean(),
    version: Version.meta({ description: "The version of the user's stream at this notification's latest change." }),
  })
  .meta({ id: 'NotificationV1' });
export type NotificationV1 = z.output<typeof NotificationV1>;

export const TICKET_STATUSES = ['open', 'pending', 'resolved', 'closed'] as const;
export type TicketStatus = (typeof TICKET_STATUSES)[number];

export const TICKET_PRIORITIES = ['low', 'normal', 'high', 'urgent'] as const;
export type TicketPriority = (typeof TICKET_PRIORITIES)[number];

export const SupportMessage = z
  .object({
    id: Uuid,
    ticketId: Uuid,
    seq: z
      .int()
      .min(1)
      .meta({ description: '1, 2, 3 … in each ticket without gaps, as one’s own side sees it: internal notes count for staff only.' }),
    version: Version.meta({ description: "The version of the ticket's stream at this message, as one's own side sees it." }),
    senderId: UserId,
    senderName: z.string(),
    senderRole: z.enum(ROLES),
    message: z.string(),
    attachments: z.array(Attachment).max(LIMITS.attachments),
    isInternal: z.boolean(),
    createdAt: Time,
  })
  .meta({ id: 'SupportMessage' });
export type SupportMessage = z.output<typeof SupportMessage>;

export const Ticket = z
  .object({
    id: Uuid,
    subject: z.string(),
    status: z.enum(TICKET_STATUSES),
    priority: z.enum(TICKET_PRIORITIES),
    ownerId: UserId,
    ownerName: z.string(),
    assigneeId: UserId.nullable(),
    assigneeName: z.string().nullable(),
    unreadCount: Count.meta({ description: "Messages of the other side that one's own side has not read; staff read together." }),
    lastSeq: Count,
    lastMessage: SupportMessage.nullable().meta({ description: 'Null in events: unchanged.' }),
    createdAt: Time,
    updatedAt: Time,
    firstResponseAt: Time.nullable(),
    resolvedAt: Time.nullable(),
    firstResponseMs: Count.nullable().meta({
      description: 'From the making of the ticket to the first answer of staff that its owner could see.',
    }),
    resolutionMs: Count.nullable().meta({ description: 'From the making of the ticket to its resolution; null while it is not resolved.' }),
    version: Count.meta({ description: "The version of the ticket's stream." }),
  })
  .meta({ id: 'Ticket' });
export type Ticket = z.output<typeof Ticket>;

export const CannedReply = z
  .object({ id: Uuid, title: z.string(), message: z.string(), createdBy: UserId, createdAt: Time })
  .meta({ id: 'CannedReply' });
export type CannedReply = z.output<typeof CannedReply>;
