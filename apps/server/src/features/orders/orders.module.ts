import { Module, type OnModuleInit } from '@nestjs/common';
import { UsersService } from '../users/users.service.ts';
import { EscalationService } from './escalation.service.ts';
import { OrderFeedGateway } from './order-feed.gateway.ts';
import { OrderFeedServer } from './order-feed.server.ts';
import { OrderFeed } from './order-feed.ts';
import { OrdersController } from './orders.controller.ts';
import { OrdersService } from './orders.service.ts';

@Module({
  providers: [OrdersService, EscalationService, OrderFeed, OrderFeedGateway, OrderFeedServer],
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
  }
}
