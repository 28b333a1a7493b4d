import type { v2 } from '@majlis/contract';

/** A booking with the names of both, as they are now; an erased person has none. Times are milliseconds. */
export interface BookingRecord {
  id: string;
  masterId: string;
  masterName: string;
  clientId: string;
  clientName: string;
  serviceId: string | null;
  serviceName: string;
  startsAt: number | null;
  /** In which it was asked for: an offset such as `+03:00`, or `UTC`. Null where there is no time. */
  timeZone: string | null;
  /** Minutes. */
  duration: number | null;
  /** Hundredths. */
  priceMinor: number | null;
  status: v2.BookingStatus;
  cancelledBy: string | null;
  /** The proposal that it came of. */
  messageId: string | null;
  createdAt: number;
  updatedAt: number;
}

/** A point in time as clients write it, with the offset that they wrote it in. */
export function startOf(time: string): Pick<BookingRecord, 'startsAt'> & { timeZone: string } {
  const offset = /([+-]\d\d):?(\d\d)$/.exec(time);
  const isUtc = !offset || Number(offset[1]) + Number(offset[2]) === 0;
  return { startsAt: Date.parse(time), timeZone: isUtc ? 'UTC' : `${offset[1]}:${offset[2]}` };
}
