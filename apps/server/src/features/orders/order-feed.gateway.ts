import { khawam, type PayloadOf } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { OrdersService } from './orders.service.ts';

const { clientEvents, serverEvents } = khawam;

/** What a client of the feed may say. */
@Gateway(khawam.feed.name)
export class OrderFeedGateway {
  constructor(private readonly orders: OrdersService) {}

  @On(clientEvents.ping)
  ping(session: Session): void {
    session.send(serverEvents.pong.name, { timestamp: isoTime(Date.now()) });
  }

  @On(clientEvents.orderAck)
  async acknowledge(session: Session, { order_id }: PayloadOf<typeof clientEvents.orderAck>): Promise<void> {
    await this.orders.acknowledge(session.userId, order_id);
  }
}
