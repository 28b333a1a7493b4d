/** Notifications as the v2 surface shows them, and what a customer's backend may raise: contract §§4 and 8. */
import { z } from 'zod';
import { route } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { NotificationData, NotificationType } from '../notification-types.ts';
import { Count, Flag, FreeObject, Reference, Time, UserId, Uuid, text } from '../values.ts';
import { Page, listOf } from './routes.ts';

export const Notification = z
  .object({
    id: Uuid,
    type: z.string(),
    title: z.string(),
    body: z.string(),
    data: FreeObject,
    created_at: Time,
    is_read: z.boolean(),
    version: z.int().min(1).meta({ description: "The version of the user's stream at this notification's latest change." }),
  })
  .meta({ id: 'Notification' });
export type Notification = z.output<typeof Notification>;

const draft = {
  type: NotificationType,
  title: text(1, LIMITS.titleCharacters),
  body: text(0, LIMITS.messageCharacters).default(''),
  data: NotificationData.default({}),
};

export const CreateNotification = z
  .object({
    user_id: UserId.optional(),
    user_ids: z.array(UserId).min(1).max(LIMITS.notificationRecipients).optional(),
    ...draft,
  })
  .refine(({ user_id, user_ids }) => (user_id === undefined) !== (user_ids === undefined), {
    path: ['user_id'],
    error: 'either user_id or user_ids must name who is notified',
  });

export const notificationRoutes = {
  list: route({
    method: 'GET',
    path: '/api/v2/notifications',
    summary: "One's own notifications, the newest first. `version` is that of the user's stream as of this answer.",
    tag: 'Notifications',
    access: 'user',
    budget: 'light',
    query: Page.extend({ is_read: Flag.optional() }),
    answer: listOf(Notification).extend({ version: Count }),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
  create: route({
    method: 'POST',
    path: '/api/v2/notifications',
    summary:
      'Notifies a user, or each of several (the answer is then a list). Who has turned the type off gets none: it is left out of the list, and where nothing was made the answer is 200 with an empty one.',
    tag: 'Notifications',
    access: 'key-or-admin',
    budget: 'write',
    body: CreateNotification,
    answer: z.union([Notification, z.object({ data: z.array(Notification) })]),
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND', 'MESSAGE_TOO_LARGE'],
  }),
  read: route({
    method: 'POST',
    path: '/api/v2/notifications/read',
    summary: "Marks notifications as read; what is not one's own is passed over.",
    tag: 'Notifications',
    access: 'user',
    budget: 'light',
    body: z.object({ notification_ids: z.array(Reference).max(LIMITS.pageMax) }),
    answer: z.object({ read_at: Time, unread_count: Count }),
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
  readAll: route({
    method: 'POST',
    path: '/api/v2/notifications/read-all',
    summary: 'Marks all notifications as read.',
    tag: 'Notifications',
    access: 'user',
    budget: 'light',
    answer: z.object({ read_at: Time, unread_count: Count }),
    status: 200,
    errors: ['UNAUTHORIZED'],
  }),
  unreadCount: route({
    method: 'GET',
    path: '/api/v2/notifications/unread-count',
    summary: 'How many notifications are unread.',
    tag: 'Notifications',
    access: 'user',
    budget: 'light',
    answer: z.object({ count: Count }),
    status: 200,
    errors: ['UNAUTHORIZED'],
  }),
} as const;
