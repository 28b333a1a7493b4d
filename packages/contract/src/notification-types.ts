/** What every surface says of notifications: contract §4 "Notifications". */
import { z } from 'zod';
import { LIMITS } from './limits.ts';
import { FreeObject } from './values.ts';

/** The types of the v2 document. Any other of the form is allowed too, and every surface gets every type. */
export const NOTIFICATION_TYPES = [
  'booking_request',
  'booking_confirmed',
  'booking_cancelled',
  'friend_request',
  'friend_accepted',
  'post_liked',
  'post_commented',
  'post_reposted',
  'mention',
  'review_received',
  'auto_booking_proposal',
] as const;

const FORM = /^[a-z][a-z0-9_]{0,63}$/;

export const NotificationType = z
  .string()
  .regex(FORM, { error: `must match ${FORM.source}` })
  .meta({ examples: [...NOTIFICATION_TYPES] });

/** What comes with a notification, in the sender's own words; bounded as a message's metadata is. */
export const NotificationData = FreeObject.superRefine((data, context) => {
  if (new TextEncoder().encode(JSON.stringify(data)).length <= LIMITS.metadataBytes) return;
  context.addIssue({
    code: 'custom',
    message: `must be at most ${LIMITS.metadataBytes} bytes of JSON`,
    params: { code: 'MESSAGE_TOO_LARGE' },
  });
});
