import { Inject, Injectable } from '@nestjs/common';
import { isUuid, khawam, LIMITS, v2 } from '@majlis/contract';
import { v7 as uuidv7 } from 'uuid';
import { Failure, invalid } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import type { MessageRecord } from '../chats/message-record.ts';
import { MessagesService } from '../chats/messages.service.ts';
import { NotificationsService } from '../notifications/notifications.service.ts';
import { UserDirectory } from '../users/user-directory.ts';
import type { UserRecord } from '../users/user-record.ts';
import { userStream } from '../users/user-stream.ts';
import { AutoProposals } from './auto-proposals.service.ts';
import { bookingNotice } from './booking-notices.ts';
import { startOf, type BookingRecord } from './booking-record.ts';
import { findBooking, findBookingOfMessage, insertBooking, openBookingIdsOf, planProposals, updateBooking } from './bookings.repository.ts';

type Draft = Pick<BookingRecord, 'serviceId' | 'serviceName' | 'startsAt' | 'timeZone' | 'duration' | 'priceMinor' | 'messageId'>;

/** What may be done to a booking, by whom, and from where it leads whereto. */
const ACTIONS = {
  confirm: { to: 'confirmed', from: ['requested'], mayDo: ({ masterId }, userId) => userId === masterId },
  cancel: {
    to: 'cancelled',
    from: ['requested', 'confirmed'],
    mayDo: ({ masterId, clientId }, userId) => userId === masterId || userId === clientId,
  },
} as const satisfies Record<
  string,
  { to: v2.BookingStatus; from: readonly v2.BookingStatus[]; mayDo: (booking: BookingRecord, userId: string) => boolean }
>;

/** Bookings between a client and a master. Whatever changes one holds the locks of both their streams. */
@Injectable()
export class BookingsService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;
  readonly #notifications: NotificationsService;
  readonly #messages: MessagesService;
  readonly #proposals: AutoProposals;

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    users: UserDirectory,
    notifications: NotificationsService,
    messages: MessagesService,
    proposals: AutoProposals,
  ) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
    this.#notifications = notifications;
    this.#messages = messages;
    this.#proposals = proposals;
  }

  /** Asks a master for a booking. @throws Failure NOT_FOUND, INVALID_DATA (oneself), UNAVAILABLE */
  async request(client: UserRecord, { master_id: masterId, ...draft }: v2.CreateBooking): Promise<BookingRecord> {
    if (masterId === client.id) throw invalid('master_id', 'nobody books themselves');
    const master = await this.#users.person(masterId, 'master_id');
    return this.#queue.run(streamsOf(masterId, client.id), async (tx) => {
      const booking = await add(tx, master, client, 'requested', {
        serviceId: null,
        serviceName: draft.service_name,
        ...startOf(draft.starts_at),
        duration: draft.duration,
        priceMinor: khawam.minorUnits(draft.price),
        messageId: null,
      });
      await planProposals(tx.db, masterId, client.id);
      await this.#notifications.raise(tx, [bookingNotice('booking_request', master, booking!, { client_id: client.id })]);
      return booking!;
    });
  }

  /** Confirms a booking: its master. Again changes nothing. @throws Failure NOT_FOUND, FORBIDDEN, CONFLICT where it is cancelled */
  confirm(user: UserRecord, id: string): Promise<BookingRecord> {
    return this.#act(user, id, 'confirm');
  }

  /** Cancels a booking: either of both. Again changes nothing. @throws Failure NOT_FOUND, FORBIDDEN */
  cancel(user: UserRecord, id: string): Promise<BookingRecord> {
    return this.#act(user, id, 'cancel');
  }

  /**
   * Accepts a `booking_proposal`: whoever of the chat did not send it. Who proposes is the master, so the booking is confirmed from the
   * start. Again changes nothing.
   * @returns the one booking of that proposal @throws Failure CHAT_NOT_FOUND, FORBIDDEN, NOT_FOUND, INVALID_DATA, CONFLICT where another has accepted it
   */
  async accept(
    client: UserRecord,
    chatId: string,
    messageId: string,
    startsAt: string | undefined,
  ): Promise<{ booking: BookingRecord; created: boolean }> {
    const { message } = await this.#messages.one(client.id, chatId, messageId);
    if (message.type !== 'booking_proposal') throw invalid('message_id', 'is no booking_proposal');
    if (message.senderId === client.id) throw new Failure('FORBIDDEN', { field: 'message_id', problem: 'it is for the other to accept' });
    const master = await this.#users.load(message.senderId);
    const outcome = await this.#queue.run(streamsOf(message.senderId, client.id), async (tx) => {
      // At this commit: somebody may have left or deleted it since.
      await this.#messages.ofMember(tx, client.id, chatId, messageId);
      const booking = await add(tx, master!, client, 'confirmed', proposed(message, startsAt));
      if (!booking) {
        const before = (await findBookingOfMessage(tx.db, messageId))!;
        if (before.clientId !== client.id) throw new Failure('CONFLICT', { field: 'message_id', problem: 'somebody else has accepted it' });
        return { booking: before, created: false, due: undefined };
      }
      const due = await planProposals(tx.db, booking.masterId, booking.clientId);
      const about = { master_id: booking.masterId, client_id: client.id };
      await this.#notifications.raise(tx, [bookingNotice('booking_confirmed', master!, booking, about)]);
      return { booking, created: true, due };
    });
    this.#proposals.due(outcome.due);
    return outcome;
  }

  /** Cancels what a person had still booked, or was booked for: the other one is told. */
  async erase(userId: string): Promise<void> {
    const PORTION = 50;
    const person = await this.#users.load(userId);
    const find = () => openBookingIdsOf(this.#storage.db, userId, Date.now(), PORTION);
    for (let ids = await find(); ids.length > 0; ids = await find()) for (const id of ids) await this.cancel(person!, id);
  }

  async #act(user: UserRecord, id: string, action: keyof typeof ACTIONS): Promise<BookingRecord> {
    const { to, from, mayDo } = ACTIONS[action];
    const found = isUuid(id) ? await findBooking(this.#storage.db, id) : undefined;
    if (!found) throw new Failure('NOT_FOUND', { field: 'id', problem: 'no such booking' });
    if (!mayDo(found, user.id)) throw new Failure('FORBIDDEN');
    const other = await this.#users.load(user.id === found.masterId ? found.clientId : found.masterId);
    const { booking, due } = await this.#queue.run(streamsOf(found.masterId, found.clientId), async (tx) => {
      const { status } = (await findBooking(tx.db, id))!;
      if (status !== to) {
        if (!(from as readonly string[]).includes(status)) throw new Failure('CONFLICT', { field: 'status', problem: `it is ${status}` });
        await updateBooking(tx.db, id, { status: to, cancelled_by: to === 'cancelled' ? user.id : null, updated_at: tx.now });
      }
      const changed = (await findBooking(tx.db, id))!;
      if (status === to) return { booking: changed, due: undefined };
      const proposalDue = await planProposals(tx.db, changed.masterId, changed.clientId);
      const about = to === 'confirmed' ? { master_id: changed.masterId } : { cancelled_by: user.id };
      if (other && !other.erased) await this.#notifications.raise(tx, [bookingNotice(`booking_${to}`, other, changed, about)]);
      return { booking: changed, due: proposalDue };
    });
    this.#proposals.due(due);
    return booking;
  }
}

const streamsOf = (...userIds: string[]) => userIds.map(userStream);

/** Adds a booking; undefined where its proposal has made one before. */
async function add(
  tx: WriteTransaction,
  master: UserRecord,
  client: UserRecord,
  status: v2.BookingStatus,
  draft: Draft,
): Promise<BookingRecord | undefined> {
  const id = uuidv7();
  const inserted = await insertBooking(tx.db, {
    id,
    master_id: master.id,
    client_id: client.id,
    service_id: draft.serviceId,
    service_name: draft.serviceName,
    starts_at: draft.startsAt,
    time_zone: draft.timeZone,
    duration: draft.duration,
    price_minor: draft.priceMinor,
    status,
    cancelled_by: null,
    message_id: draft.messageId,
    created_at: tx.now,
    updated_at: tx.now,
    propose_at: null,
    proposed_at: null,
  });
  return inserted ? findBooking(tx.db, id) : undefined;
}

/** What a proposal proposes. Its metadata was checked for kinds when it was sent; all of it is optional. */
function proposed({ id, content, metadata }: MessageRecord, startsAt: string | undefined): Draft {
  const { service_id, service_name, duration, price } = metadata as {
    service_id?: string;
    service_name?: string;
    duration?: number;
    price?: number;
  };
  const named = v2.CreateBooking.shape.starts_at.safeParse(startsAt ?? metadata['starts_at']);
  return {
    serviceId: service_id ?? null,
    serviceName: Array.from(service_name || content)
      .slice(0, LIMITS.titleCharacters)
      .join(''),
    ...(named.success ? startOf(named.data) : { startsAt: null, timeZone: null }),
    duration: duration === undefined ? null : Math.min(Math.round(duration), LIMITS.bookingMinutes),
    priceMinor: price === undefined ? null : khawam.minorUnits(Math.min(price, LIMITS.amount)),
    messageId: id,
  };
}
