/** What people are told of bookings. Pure. */
import type { Locale } from '@majlis/contract';
import { inWords, type Wording } from '../notifications/wording.ts';
import type { Notice } from '../notifications/notifications.service.ts';
import type { UserRecord } from '../users/user-record.ts';
import type { BookingRecord } from './booking-record.ts';

interface Facts {
  master: string;
  client: string;
  service: string;
  /** Day and time, with what goes before them in a sentence; empty where no time is known. */
  on: string;
}

const WORDS = {
  booking_request: {
    en: { title: 'New booking request', body: ({ client, service, on }) => `${client}: ${service}${on}` },
    ar: { title: 'طلب حجز جديد', body: ({ client, service, on }) => `${client}: ${service}${on}` },
    ru: { title: 'Новая заявка на запись', body: ({ client, service, on }) => `${client}: ${service}${on}` },
  },
  booking_confirmed: {
    en: { title: 'Booking confirmed', body: ({ master, service, on }) => `${service} with ${master}${on} is confirmed` },
    ar: { title: 'تم تأكيد الحجز', body: ({ master, service, on }) => `تم تأكيد حجز ${service} لدى ${master}${on}` },
    ru: { title: 'Запись подтверждена', body: ({ master, service, on }) => `${service}, мастер ${master}: запись${on} подтверждена` },
  },
  booking_cancelled: {
    en: { title: 'Booking cancelled', body: ({ service, on }) => `${service}${on} is cancelled` },
    ar: { title: 'تم إلغاء الحجز', body: ({ service, on }) => `تم إلغاء حجز ${service}${on}` },
    ru: { title: 'Запись отменена', body: ({ service, on }) => `${service}: запись${on} отменена` },
  },
  auto_booking_proposal: {
    en: { title: 'Time for the next booking?', body: ({ service, master }) => `${service} with ${master}: book again` },
    ar: { title: 'هل حان موعد الحجز التالي؟', body: ({ service, master }) => `${service} لدى ${master}: احجز من جديد` },
    ru: { title: 'Пора записаться снова?', body: ({ service, master }) => `${service}, мастер ${master}: запишитесь снова` },
  },
} satisfies Record<string, Wording<Facts>>;

const ON: Record<Locale, (time: string) => string> = {
  en: (time) => ` on ${time}`,
  ar: (time) => ` في ${time}`,
  ru: (time) => ` на ${time}`,
};

function when({ startsAt, timeZone }: BookingRecord, locale: Locale): string {
  if (startsAt === null || timeZone === null) return '';
  // The time zone is said only where it is none that the client chose.
  const zone = timeZone === 'UTC' ? ({ timeZoneName: 'short' } as const) : {};
  const format = new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'long',
    hour: '2-digit',
    minute: '2-digit',
    timeZone,
    ...zone,
  });
  return ON[locale](format.format(startsAt));
}

/** Tells `to` what became of a booking, in the language of `to`. */
export function bookingNotice(type: keyof typeof WORDS, to: UserRecord, booking: BookingRecord, data: Record<string, unknown>): Notice {
  const facts = {
    master: booking.masterName,
    client: booking.clientName,
    service: booking.serviceName,
    on: when(booking, to.locale ?? 'en'),
  };
  return { userId: to.id, draft: { type, ...inWords(WORDS[type], to.locale, facts), data: { booking_id: booking.id, ...data } } };
}
