/** REST `/api/v1` (camelCase): contract §6. */
import { z } from 'zod';
import { AttachmentsDraft, checkWritten } from '../attachments.ts';
import { route } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Count, Flag, PageSize, Reference, Time, UserId, text } from '../values.ts';
import { CannedReply, NotificationV1, SupportMessage, TICKET_PRIORITIES, TICKET_STATUSES, Ticket } from './objects.ts';

const Page = z.object({ cursor: z.string().optional(), limit: PageSize });

function listOf<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), nextCursor: z.string().nullable() });
}

const TicketPath = z.object({ id: Reference });

const content = { message: z.string(), attachments: AttachmentsDraft };

export const SupportMessageDraft = z
  .object({ ...content, clientMessageId: text(1, LIMITS.clientMessageIdCharacters).nullish(), isInternal: z.boolean().default(false) })
  .superRefine(checkWritten('message'));
export type SupportMessageDraft = z.output<typeof SupportMessageDraft>;

export const CreateTicket = z
  .object({ subject: text(1, LIMITS.titleCharacters), priority: z.enum(TICKET_PRIORITIES).default('normal'), ...content })
  .superRefine(checkWritten('message'));
export type CreateTicket = z.output<typeof CreateTicket>;

export const PatchTicket = z.object({
  status: z.enum(TICKET_STATUSES).optional(),
  priority: z.enum(TICKET_PRIORITIES).optional(),
  assigneeId: UserId.nullable().optional(),
});
export type PatchTicket = z.output<typeof PatchTicket>;

export const supportRoutes = {
  list: route({
    method: 'GET',
    path: '/api/v1/support/tickets',
    summary: "One's own tickets; for staff, everybody's. The latest change first.",
    tag: 'Support',
    access: 'user',
    budget: 'light',
    query: Page.extend({
      status: z.enum(TICKET_STATUSES).optional(),
      priority: z.enum(TICKET_PRIORITIES).optional(),
      assigneeId: UserId.optional(),
    }),
    answer: listOf(Ticket),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
  create: route({
    method: 'POST',
    path: '/api/v1/support/tickets',
    summary: 'Makes a ticket with its first message.',
    tag: 'Support',
    access: 'user',
    budget: 'write',
    body: CreateTicket,
    answer: Ticket,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'MESSAGE_TOO_LARGE'],
  }),
  get: route({
    method: 'GET',
    path: '/api/v1/support/tickets/:id',
    summary: 'A ticket: its owner and staff.',
    tag: 'Support',
    access: 'user',
    budget: 'light',
    params: TicketPath,
    answer: Ticket,
    status: 200,
    errors: ['UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  patch: route({
    method: 'PATCH',
    path: '/api/v1/support/tickets/:id',
    summary: 'Changes status, priority or assignee: staff.',
    tag: 'Support',
    access: 'user',
    budget: 'write',
    params: TicketPath,
    body: PatchTicket,
    answer: Ticket,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  messages: route({
    method: 'GET',
    path: '/api/v1/support/tickets/:id/messages',
    summary: 'Messages, ascending; the first page is the newest, the cursor leads to older ones.',
    tag: 'Support',
    access: 'user',
    budget: 'light',
    params: TicketPath,
    query: Page,
    answer: listOf(SupportMessage).extend({ version: Count }),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  send: route({
    method: 'POST',
    path: '/api/v1/support/tickets/:id/messages',
    tag: 'Support',
    access: 'user',
    budget: 'write',
    summary:
      'Sends a message, live to both sides; isInternal (staff): a note that the owner never sees. A repeated clientMessageId returns the first.',
    params: TicketPath,
    body: SupportMessageDraft,
    answer: SupportMessage,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN', 'CONFLICT', 'MESSAGE_TOO_LARGE'],
  }),
  read: route({
    method: 'POST',
    path: '/api/v1/support/tickets/:id/read',
    summary: "One's own side has read everything.",
    tag: 'Support',
    access: 'user',
    budget: 'light',
    params: TicketPath,
    answer: z.object({ readAt: Time, unreadCount: Count }),
    status: 200,
    errors: ['UNAUTHORIZED', 'NOT_FOUND', 'FORBIDDEN'],
  }),
} as const;

export const cannedReplyRoutes = {
  list: route({
    method: 'GET',
    path: '/api/v1/support/canned-replies',
    summary: 'Ready-made answers: staff.',
    tag: 'Support',
    access: 'user',
    budget: 'light',
    query: Page,
    answer: listOf(CannedReply),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN'],
  }),
  create: route({
    method: 'POST',
    path: '/api/v1/support/canned-replies',
    summary: 'Adds a ready-made answer: staff.',
    tag: 'Support',
    access: 'user',
    budget: 'write',
    body: z.object({ title: text(1, LIMITS.titleCharacters), message: text(1, LIMITS.messageCharacters) }),
    answer: CannedReply,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN'],
  }),
  remove: route({
    method: 'DELETE',
    path: '/api/v1/support/canned-replies/:id',
    summary: 'Removes a ready-made answer: staff.',
    tag: 'Support',
    access: 'user',
    budget: 'write',
    params: TicketPath,
    status: 204,
    errors: ['UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND'],
  }),
} as const;

const Marked = z.object({ readAt: Time, unreadCount: Count });

export const notificationRoutes = {
  list: route({
    method: 'GET',
    path: '/api/v1/notifications',
    summary: "One's own notifications, the newest first. `version` is that of the user's stream as of this answer.",
    tag: 'Notifications',
    access: 'user',
    budget: 'light',
    query: Page.extend({ isRead: Flag.optional() }),
    answer: listOf(NotificationV1).extend({ version: Count }),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
  unreadCount: route({
    method: 'GET',
    path: '/api/v1/notifications/unread-count',
    summary: 'How many notifications are unread.',
    tag: 'Notifications',
    access: 'user',
    budget: 'light',
    answer: z.object({ count: Count }),
    status: 200,
    errors: ['UNAUTHORIZED'],
  }),
  markAsRead: route({
    method: 'POST',
    path: '/api/v1/notifications/mark-as-read',
    summary: "Marks notifications as read; what is not one's own is passed over.",
    tag: 'Notifications',
    access: 'user',
    budget: 'light',
    body: z.object({ notificationIds: z.array(Reference).max(LIMITS.pageMax) }),
    answer: Marked,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
  markAllAsRead: route({
    method: 'POST',
    path: '/api/v1/notifications/mark-all-as-read',
    summary: 'Marks all notifications as read.',
    tag: 'Notifications',
    access: 'user',
    budget: 'light',
    answer: Marked,
    status: 200,
    errors: ['UNAUTHORIZED'],
  }),
} as const;
