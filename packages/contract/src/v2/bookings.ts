/** Bookings: contract §§4 and 8. A booking is asked for by a client and confirmed by the master; either cancels it. */
import { z } from 'zod';
import { route } from '../declare.ts';
import { Amount } from '../khawam/money.ts';
import { LIMITS } from '../limits.ts';
import { Reference, Time, UserId, Uuid, text } from '../values.ts';

export const BOOKING_STATUSES = ['requested', 'confirmed', 'cancelled'] as const;
export type BookingStatus = (typeof BOOKING_STATUSES)[number];

const StartsAt = z.iso.datetime({ offset: true });
const Minutes = z.int().min(1).max(LIMITS.bookingMinutes).meta({ description: 'Minutes.' });

export const Booking = z
  .object({
    id: Uuid,
    master_id: UserId,
    master_name: z.string(),
    client_id: UserId,
    client_name: z.string(),
    service_id: z.string().nullable(),
    service_name: z.string(),
    starts_at: Time.nullable().meta({ description: 'Null where an accepted proposal named no time.' }),
    duration: z.int().nullable().meta({ description: 'Minutes.' }),
    price: z.number().nullable(),
    status: z.enum(BOOKING_STATUSES),
    cancelled_by: UserId.nullable(),
    message_id: Uuid.nullable().meta({ description: 'The booking_proposal that it came of.' }),
    created_at: Time,
    updated_at: Time,
  })
  .meta({ id: 'Booking' });
export type Booking = z.output<typeof Booking>;

export const CreateBooking = z.object({
  master_id: UserId,
  service_name: text(1, LIMITS.titleCharacters),
  starts_at: StartsAt,
  duration: Minutes,
  price: Amount,
});
export type CreateBooking = z.output<typeof CreateBooking>;

const BookingPath = z.object({ id: Reference });

export const bookingRoutes = {
  create: route({
    method: 'POST',
    path: '/api/v2/bookings',
    summary: 'Asks a master for a booking.',
    tag: 'Bookings',
    access: 'user',
    budget: 'write',
    body: CreateBooking,
    answer: Booking,
    status: 201,
    errors: ['INVALID_DATA', 'NOT_FOUND'],
  }),
  confirm: route({
    method: 'POST',
    path: '/api/v2/bookings/:id/confirm',
    summary: 'Confirms a booking: its master. Again changes nothing.',
    tag: 'Bookings',
    access: 'user',
    budget: 'write',
    params: BookingPath,
    answer: Booking,
    status: 200,
    errors: ['NOT_FOUND', 'FORBIDDEN', 'CONFLICT'],
  }),
  cancel: route({
    method: 'POST',
    path: '/api/v2/bookings/:id/cancel',
    summary: 'Cancels a booking: its master or its client. Again changes nothing.',
    tag: 'Bookings',
    access: 'user',
    budget: 'write',
    params: BookingPath,
    answer: Booking,
    status: 200,
    errors: ['NOT_FOUND', 'FORBIDDEN'],
  }),
  autoRule: route({
    method: 'PUT',
    path: '/api/v2/bookings/auto-rule',
    summary: 'From now on each of one’s clients is proposed the next booking so many weeks after the last one; null ends it.',
    tag: 'Bookings',
    access: 'user',
    budget: 'write',
    body: z.object({ weeks: z.int().min(1).max(LIMITS.autoRuleWeeks).nullable() }),
    answer: z.object({ weeks: z.int().nullable() }),
    status: 200,
    errors: ['INVALID_DATA'],
  }),
  accept: route({
    method: 'POST',
    path: '/api/v2/chats/:id/messages/:message_id/accept',
    summary: 'Accepts a booking_proposal: whoever of its chat did not send it. It makes the booking, confirmed, once.',
    tag: 'Bookings',
    access: 'user',
    budget: 'write',
    params: z.object({ id: Reference, message_id: Reference }),
    body: z
      .object({ starts_at: StartsAt.nullish() })
      .optional()
      .meta({ description: 'When, where that was agreed on; else `starts_at` of the proposal’s metadata, if it has one.' }),
    answer: Booking,
    status: 201,
    errors: ['INVALID_DATA', 'CHAT_NOT_FOUND', 'FORBIDDEN', 'NOT_FOUND', 'CONFLICT'],
  }),
} as const;
