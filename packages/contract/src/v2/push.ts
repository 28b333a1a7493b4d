/** Web Push for who is offline: contract §8, `POST`/`DELETE /push/subscriptions`. */
import { z } from 'zod';
import { route } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Time, Uuid } from '../values.ts';

const Endpoint = z
  .string()
  .max(LIMITS.urlCharacters)
  .refine((value) => URL.canParse(value), { error: 'must be a URL' })
  .meta({ format: 'uri' });

// Padded or not, in either alphabet: browsers and libraries differ.
const base64 = (bytes: number) =>
  z.string().refine((value) => /^[\w+/-]+={0,2}$/.test(value) && Math.floor((value.replace(/=+$/, '').length * 3) / 4) === bytes, {
    error: `must be ${bytes} bytes in base64url`,
  });

/** What a browser's `PushSubscription.toJSON()` gives. */
export const PushSubscriptionBody = z.object({
  endpoint: Endpoint,
  keys: z.object({ p256dh: base64(65), auth: base64(16) }),
  expirationTime: z
    .int()
    .min(0)
    .max(LIMITS.latestTimeMs)
    .nullish()
    .meta({ description: 'Milliseconds since the epoch, as browsers give it.' }),
});
export type PushSubscriptionBody = z.output<typeof PushSubscriptionBody>;

export const PushSubscription = z.object({ id: Uuid, endpoint: z.string(), created_at: Time }).meta({ id: 'PushSubscription' });
export type PushSubscription = z.output<typeof PushSubscription>;

/** What a push says once it is decrypted: at most some 3,900 bytes of JSON. */
export const PushMessage = z
  .object({
    type: z.string().meta({ description: 'Of the notification, or `chat_message`.' }),
    id: Uuid.meta({ description: 'Of the notification or message.' }),
    title: z.string(),
    body: z.string().meta({ description: 'At most 300 characters.' }),
    tag: z.string().meta({ description: 'The same for pushes of one chat: a newer one replaces an older.' }),
    lang: z.string(),
    data: z
      .record(z.string(), z.unknown())
      .nullable()
      .meta({ description: "The notification's; null where it would not fit. Of a message `{chat_id, sender_id}`." }),
  })
  .meta({ id: 'PushMessage' });
export type PushMessage = z.output<typeof PushMessage>;

export const pushRoutes = {
  publicKey: route({
    method: 'GET',
    path: '/api/v2/push/public-key',
    summary: "The server's VAPID key: `applicationServerKey` of `pushManager.subscribe`. It never changes.",
    tag: 'Push',
    access: 'user',
    budget: 'light',
    answer: z.object({ public_key: z.string().meta({ description: 'base64url' }) }),
    status: 200,
    errors: ['UNAUTHORIZED'],
  }),
  subscribe: route({
    method: 'POST',
    path: '/api/v2/push/subscriptions',
    summary:
      'Notifications, and chat messages, are pushed there while one is offline; what arrives is a PushMessage. A browser has one subscription: another user of it takes it over.',
    tag: 'Push',
    access: 'user',
    budget: 'write',
    body: PushSubscriptionBody,
    answer: PushSubscription,
    status: 201,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
  unsubscribe: route({
    method: 'DELETE',
    path: '/api/v2/push/subscriptions',
    summary: "Ends one's own subscription; again does nothing.",
    tag: 'Push',
    access: 'user',
    budget: 'write',
    body: z.object({ endpoint: Endpoint }),
    status: 204,
    errors: ['INVALID_DATA', 'UNAUTHORIZED'],
  }),
} as const;
