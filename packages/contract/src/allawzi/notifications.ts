/** The namespace `/notifications`, which Allawzi and Depth share: contract §§5 and 6. */
import { z } from 'zod';
import { Version, camelClientEvents, camelServerEvents } from '../camel.ts';
import { clientEvent, serverEvent, type Namespace } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Count, Reference, Time, UserId, Uuid } from '../values.ts';
import { NotificationV1 } from './objects.ts';

const Unread = z.object({ count: Count });
const Read = z.object({ notificationId: Uuid, isRead: z.literal(true), readAt: Time });
const Whose = z.object({ userId: UserId });

export const notificationClientEvents = {
  getUnreadCount: clientEvent({
    name: 'get-unread-count',
    summary: 'Answered with the event unread-count, to this socket.',
    budget: 'light',
    payload: z.unknown(),
    ack: Unread,
  }),
  markAsRead: clientEvent({
    name: 'mark-as-read',
    summary: "Marks notifications as read; what is not one's own is passed over.",
    budget: 'light',
    payload: z.object({ notificationIds: z.array(Reference).max(LIMITS.pageMax) }),
    ack: Unread,
  }),
  markAllAsRead: clientEvent({
    name: 'mark-all-as-read',
    summary: 'Marks all notifications as read.',
    budget: 'light',
    payload: z.unknown(),
    ack: Unread,
  }),
  read: clientEvent({
    name: 'notification:read',
    summary: 'Marks a notification as read (Depth).',
    budget: 'light',
    payload: z.object({ notificationId: Reference }),
    ack: Read,
  }),
  subscribe: clientEvent({
    name: 'notifications:subscribe',
    summary: "This socket gets a user's notifications: one's own, as from connection on; an administrator's anyone's (Depth).",
    budget: 'light',
    payload: Whose,
    ack: z.object({ data: Whose }),
  }),
  unsubscribe: clientEvent({
    name: 'notifications:unsubscribe',
    summary: "This socket gets a user's notifications no more (Depth).",
    budget: 'light',
    payload: Whose,
    ack: z.object({ data: Whose }),
  }),
  ...camelClientEvents,
} as const;

export const notificationServerEvents = {
  ...camelServerEvents,
  unreadCount: serverEvent({
    name: 'unread-count',
    summary: 'After connected, and after every new or read notification, on whatever surface.',
    payload: Unread,
  }),
  notificationNew: serverEvent({ name: 'notification:new', summary: 'A new notification.', payload: NotificationV1 }),
  notificationRead: serverEvent({
    name: 'notification:read',
    summary: "A notification was read, on any surface; to the user's sockets.",
    payload: Read.extend({ version: Version }),
  }),
  notificationReadAll: serverEvent({
    name: 'notification:read-all',
    summary: "All notifications were read; to the user's sockets.",
    payload: z.object({ readAt: Time, version: Version }),
  }),
  chatCreated: serverEvent({
    name: 'chat:created',
    summary:
      "The user is in a chat now. Here so that the user's stream has no gaps; what there is to know of the chat is on the namespaces of chats.",
    payload: z.object({ chatId: Uuid, version: Version }),
  }),
  chatRemoved: serverEvent({
    name: 'chat:removed',
    summary: 'The user is no longer in a chat.',
    payload: z.object({ chatId: Uuid, version: Version }),
  }),
} as const;

export const notificationsNamespace: Namespace = {
  name: '/notifications',
  description: 'Allawzi and Depth: notifications, camelCase. Its stream is `user`.',
  receives: notificationClientEvents,
  sends: notificationServerEvents,
};
