/** What one wants to be told of, and how: contract §8, `GET`/`PUT /notifications/preferences`. */
import { z } from 'zod';
import { route } from '../declare.ts';
import { NOTIFICATION_TYPES, NotificationType } from '../notification-types.ts';

/** `push`: in the app, and by push to who is offline. `app`: in the app only. `off`: not at all. */
export const DELIVERIES = ['push', 'app', 'off'] as const;
export type Delivery = (typeof DELIVERIES)[number];

/** The type under which pushes of chat messages are chosen; `app` and `off` are the same for it. */
export const CHAT_MESSAGE = 'chat_message';

/** What a preference may be chosen for, whatever has been raised so far. */
export const KNOWN_TYPES: readonly string[] = [...NOTIFICATION_TYPES, CHAT_MESSAGE];

const Types = z.record(NotificationType, z.enum(DELIVERIES));

const TimeOfDay = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'must be a time of day, 00:00 to 23:59' })
  .meta({ examples: ['22:00'] });

// Names only: an offset would not know of daylight saving time.
const TimeZone = z
  .string()
  .max(64)
  .refine((name) => /^[A-Za-z]/.test(name) && isTimeZone(name), { error: 'must be an IANA time zone' })
  .meta({ examples: ['Europe/Moscow'] });

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format() !== '';
  } catch {
    return false;
  }
}

export const QuietHours = z
  .object({ from: TimeOfDay, to: TimeOfDay, time_zone: TimeZone })
  .refine(({ from, to }) => from !== to, { path: ['to'], error: 'must differ from the beginning' })
  .meta({
    id: 'QuietHours',
    description: 'From one time of day on the wall clock of the zone to another, over midnight too: nothing is pushed.',
  });

export const NotificationPreferences = z
  .object({
    types: z
      .record(z.string(), z.enum(DELIVERIES))
      .meta({ description: '`push`, `app` or `off` for each type; `push` where nothing was chosen.' }),
    quiet_hours: QuietHours.nullable(),
  })
  .meta({ id: 'NotificationPreferences' });
export type NotificationPreferences = z.output<typeof NotificationPreferences>;

export const preferenceRoutes = {
  get: route({
    method: 'GET',
    path: '/api/v2/notifications/preferences',
    summary: "One's own preferences: the known types, and others that were chosen for.",
    tag: 'Notifications',
    access: 'user',
    budget: 'light',
    answer: NotificationPreferences,
    status: 200,
    errors: ['UNAUTHORIZED'],
  }),
  put: route({
    method: 'PUT',
    path: '/api/v2/notifications/preferences',
    summary: 'Changes preferences. Types left out keep theirs; `quiet_hours: null` ends the quiet hours.',
    tag: 'Notifications',
    access: 'user',
    budget: 'write',
    body: z.object({ types: Types.optional(), quiet_hours: QuietHours.nullable().optional() }),
    answer: NotificationPreferences,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
} as const;
