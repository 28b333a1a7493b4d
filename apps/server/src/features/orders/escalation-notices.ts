import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Locale } from '@majlis/contract';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import { NotificationsService } from '../notifications/notifications.service.ts';
import { StaffDirectory } from '../users/staff-directory.ts';
import { UserDirectory } from '../users/user-directory.ts';
import type { UserRecord } from '../users/user-record.ts';
import { userStream } from '../users/user-stream.ts';
import { EscalationService, type EscalationListener } from './escalation.service.ts';
import type { OrderRecord } from './order-record.ts';

const TITLES: Record<Locale, (number: string) => string> = {
  en: (number) => `Nobody has acknowledged order ${number}`,
  ar: (number) => `لم يؤكد أحد استلام الطلب ${number}`,
  ru: (number) => `Заказ ${number} никто не принял`,
};
// The language of the order feed's own document.
const FALLBACK: Locale = 'ar';

/** Brings an order that nobody acknowledged to the managers, as the notification `order_unacknowledged`, each in their language: contract §7. */
@Injectable()
export class EscalationNotices implements OnModuleInit, EscalationListener {
  constructor(
    private readonly escalation: EscalationService,
    private readonly notifications: NotificationsService,
    private readonly staff: StaffDirectory,
    private readonly users: UserDirectory,
  ) {}

  onModuleInit(): void {
    this.escalation.use(this);
  }

  async streams(): Promise<readonly string[]> {
    return (await this.#managers()).map(({ id }) => userStream(id));
  }

  async escalated(tx: WriteTransaction, orders: readonly OrderRecord[]): Promise<void> {
    const managers = await this.#managers();
    // Who became a manager since the streams were named; that one hears of the next order.
    await tx.lock(managers.map(({ id }) => userStream(id)));
    for (const { id, number } of orders) {
      const notices = managers.map((manager) => ({
        userId: manager.id,
        draft: {
          type: 'order_unacknowledged',
          title: TITLES[manager.locale ?? FALLBACK](number),
          body: '',
          data: { order_id: id, order_number: number },
        },
      }));
      await this.notifications.raise(tx, notices);
    }
  }

  async #managers(): Promise<UserRecord[]> {
    await this.staff.load();
    const users = await this.users.loadMany(this.staff.known() ?? []);
    return [...users.values()].filter(({ role }) => role === 'manager');
  }
}
