/** SQL over bookings and the rules that propose the next one. */
import { sql } from 'kysely';
import type { BookingsTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';
import type { BookingRecord } from './booking-record.ts';

function withNames(db: Database) {
  return db
    .selectFrom('bookings as b')
    .leftJoin('users as m', 'm.id', 'b.master_id')
    .leftJoin('users as c', 'c.id', 'b.client_id')
    .selectAll('b')
    .select(['m.name as master_name', 'c.name as client_name']);
}

type NamedRow = Awaited<ReturnType<ReturnType<typeof withNames>['execute']>>[number];

function recordOf(row: NamedRow): BookingRecord {
  return {
    id: row.id,
    masterId: row.master_id,
    masterName: row.master_name ?? '',
    clientId: row.client_id,
    clientName: row.client_name ?? '',
    serviceId: row.service_id,
    serviceName: row.service_name,
    startsAt: row.starts_at,
    timeZone: row.time_zone,
    duration: row.duration,
    priceMinor: row.price_minor,
    status: row.status,
    cancelledBy: row.cancelled_by,
    messageId: row.message_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** The booking of that id. */
export async function findBooking(db: Database, id: string): Promise<BookingRecord | undefined> {
  const row = await withNames(db).where('b.id', '=', id).executeTakeFirst();
  return row && recordOf(row);
}

/** The booking that an accepted proposal made. */
export async function findBookingOfMessage(db: Database, messageId: string): Promise<BookingRecord | undefined> {
  const row = await withNames(db).where('b.message_id', '=', messageId).executeTakeFirst();
  return row && recordOf(row);
}

/** Adds a booking. @returns false where its proposal has made one before */
export async function insertBooking(db: Database, row: BookingsTable): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('bookings')
    .values(row)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** Changes a booking. */
export async function updateBooking(db: Database, id: string, set: Partial<BookingsTable>): Promise<void> {
  await db.updateTable('bookings').set(set).where('id', '=', id).execute();
}

/** Some bookings of a person that are neither past nor cancelled: what erasing the person cancels. */
export async function openBookingIdsOf(db: Database, userId: string, now: number, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom('bookings')
    .select('id')
    .where((eb) => eb.or([eb('master_id', '=', userId), eb('client_id', '=', userId)]))
    .where('status', '!=', 'cancelled')
    .where((eb) => eb.or([eb('starts_at', 'is', null), eb('starts_at', '>', now)]))
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Sets after how many weeks a master's clients are proposed the next booking; null: never. */
export async function putRule(db: Database, masterId: string, weeks: number | null): Promise<void> {
  if (weeks === null) await db.deleteFrom('auto_booking_rules').where('master_id', '=', masterId).execute();
  else {
    await db
      .insertInto('auto_booking_rules')
      .values({ master_id: masterId, weeks })
      .onConflict((oc) => oc.column('master_id').doUpdateSet({ weeks }))
      .execute();
  }
}

const WEEK_MS = 7 * 86_400_000;

/**
 * Makes the last booking of each client of a master (or of one client) the one that a proposal follows, by the rule as it is now: where it
 * is confirmed and none has followed it yet. While a later one waits for the master's answer, none is due.
 * @returns when the first of them is due (ms)
 */
export async function planProposals(db: Database, masterId: string, clientId?: string): Promise<number | undefined> {
  const theirs = clientId === undefined ? sql`master_id = ${masterId}` : sql`master_id = ${masterId} and client_id = ${clientId}`;
  const { rows } = await sql<{ propose_at: number | null }>`
    update bookings set propose_at = case when status = 'confirmed' and proposed_at is null and id in (
      select id from (
        select id, row_number() over (partition by client_id order by coalesce(starts_at, created_at) desc, id desc) as nth
        from bookings where ${theirs} and status != 'cancelled'
      ) ranked where nth = 1
    ) then coalesce(starts_at, created_at) + ${sql.lit(WEEK_MS)} * (select weeks from auto_booking_rules r where r.master_id = ${masterId})
    else null end
    where ${theirs} and (propose_at is not null or status = 'confirmed')
    returning propose_at`.execute(db);
  const due = rows.flatMap(({ propose_at }) => propose_at ?? []);
  return due.length === 0 ? undefined : Math.min(...due);
}

/** When the next proposal is due (ms). */
export async function nextProposal(db: Database): Promise<number | undefined> {
  const first = db.selectFrom('bookings').select('propose_at').where('propose_at', 'is not', null).orderBy('propose_at').limit(1);
  return (await first.executeTakeFirst())?.propose_at ?? undefined;
}

/** Bookings after which a proposal is due at `now` (ms), at most `limit`. */
export async function dueProposals(db: Database, now: number, limit: number): Promise<BookingRecord[]> {
  const rows = await withNames(db).where('b.propose_at', '<=', now).orderBy('b.propose_at').limit(limit).execute();
  return rows.map(recordOf);
}

/** Takes those of `ids` after which a proposal is still due at `now` (ms): of all nodes that ask, one gets each, once. @returns their ids */
export async function claimProposals(db: Database, ids: readonly string[], now: number): Promise<string[]> {
  const due = db.updateTable('bookings').set({ propose_at: null, proposed_at: now }).where('id', 'in', ids).where('propose_at', '<=', now);
  return (await due.returning('id').execute()).map(({ id }) => id);
}
