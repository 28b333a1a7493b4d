import { Module, type OnModuleInit } from '@nestjs/common';
import { NotificationsModule } from '../notifications/notifications.module.ts';
import { UsersService } from '../users/users.service.ts';
import { EscalationNotices } from './escalation-notices.ts';
import { EscalationService } from './escalation.service.ts';
import { OrderFeedGateway } from './order-feed.gateway.ts';
import { OrderFeedServer } from './order-feed.server.ts';
import { OrderFeed } from './order-feed.ts';
import { OrdersController } from './orders.controller.ts';
import { OrdersService } from './orders.service.ts';

@Module({
  imports: [NotificationsModule],
  providers: [OrdersService, EscalationService, EscalationNotices, OrderFeed, OrderFeedGateway, OrderFeedServer],
  controllers: [OrdersController],
  exports: [OrdersService, EscalationService],
})
export class OrdersModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly orders: OrdersService,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.orders.eraseCustomer(userId));
    this.users.registerPart({ table: 'orders', person: 'created_by', order: ['id'] });
  }
}
