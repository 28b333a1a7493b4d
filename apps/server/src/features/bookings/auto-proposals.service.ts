import { Inject, Injectable } from '@nestjs/common';
import { WriteQueue } from '../../log/write-queue.ts';
import { Scheduler, type LookAt } from '../../scheduling/scheduler.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { NotificationsService } from '../notifications/notifications.service.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { isActive } from '../users/user-record.ts';
import { userStream } from '../users/user-stream.ts';
import { bookingNotice } from './booking-notices.ts';
import type { BookingRecord } from './booking-record.ts';
import { claimProposals, dueProposals, nextProposal, planProposals, putRule } from './bookings.repository.ts';

const PORTION = 50;

/** Proposes the next booking so many weeks after a client's last, by the master's rule: each once, on whatever node it comes due. */
@Injectable()
export class AutoProposals {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;
  readonly #notifications: NotificationsService;
  readonly #lookAt: LookAt;

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    users: UserDirectory,
    notifications: NotificationsService,
    scheduler: Scheduler,
  ) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
    this.#notifications = notifications;
    this.#lookAt = scheduler.add({
      name: 'auto-booking-proposals',
      next: () => nextProposal(this.#storage.db),
      doSome: () => this.#proposeSome(),
    });
  }

  /** Sets after how many weeks a master's clients are proposed the next booking; null: never. @throws Failure UNAVAILABLE */
  async setRule(masterId: string, weeks: number | null): Promise<void> {
    this.due(
      await this.#queue.run([userStream(masterId)], async (tx) => {
        await putRule(tx.db, masterId, weeks);
        return planProposals(tx.db, masterId);
      }),
    );
  }

  /** Some proposal comes due at `time` (ms). */
  due(time: number | undefined): void {
    if (time !== undefined) this.#lookAt(time);
  }

  async #proposeSome(): Promise<void> {
    const due = await dueProposals(this.#storage.db, Date.now(), PORTION);
    if (due.length === 0) return;
    const streams = new Set(due.flatMap(({ masterId, clientId }) => [userStream(masterId), userStream(clientId)]));
    const users = await this.#users.loadMany(due.flatMap(({ masterId, clientId }) => [masterId, clientId]));
    const isThere = (userId: string) => users.has(userId) && isActive(users.get(userId)!);
    await this.#queue.run([...streams], async (tx) => {
      const claimed = new Set(
        await claimProposals(
          tx.db,
          due.map(({ id }) => id),
          tx.now,
        ),
      );
      // Who is away for good neither proposes nor is proposed to.
      const told = due.filter(({ id, masterId, clientId }) => claimed.has(id) && isThere(masterId) && isThere(clientId));
      await this.#notifications.raise(
        tx,
        told.map((booking) => bookingNotice('auto_booking_proposal', users.get(booking.clientId)!, booking, aboutNext(booking))),
      );
    });
  }
}

const aboutNext = ({ masterId, serviceName }: BookingRecord) => ({ master_id: masterId, service_name: serviceName });
