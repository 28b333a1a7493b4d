/** Bookings in the v2 document's shape. Pure. */
import { khawam, type v2 } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { BookingRecord } from './booking-record.ts';

export function toV2Booking(booking: BookingRecord): v2.Booking {
  return {
    id: booking.id,
    master_id: booking.masterId,
    master_name: booking.masterName,
    client_id: booking.clientId,
    client_name: booking.clientName,
    service_id: booking.serviceId,
    service_name: booking.serviceName,
    starts_at: booking.startsAt === null ? null : isoTime(booking.startsAt),
    duration: booking.duration,
    price: booking.priceMinor === null ? null : khawam.amountOf(booking.priceMinor),
    status: booking.status,
    cancelled_by: booking.cancelledBy,
    message_id: booking.messageId,
    created_at: isoTime(booking.createdAt),
    updated_at: isoTime(booking.updatedAt),
  };
}
