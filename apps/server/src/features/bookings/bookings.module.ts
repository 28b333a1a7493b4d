import { Module, type OnModuleInit } from '@nestjs/common';
import { ChatsModule } from '../chats/chats.module.ts';
import { NotificationsModule } from '../notifications/notifications.module.ts';
import { UsersService } from '../users/users.service.ts';
import { AutoProposals } from './auto-proposals.service.ts';
import { BookingsController } from './bookings.controller.ts';
import { BookingsService } from './bookings.service.ts';

@Module({
  imports: [ChatsModule, NotificationsModule],
  providers: [AutoProposals, BookingsService],
  controllers: [BookingsController],
  exports: [BookingsService],
})
export class BookingsModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly proposals: AutoProposals,
    private readonly bookings: BookingsService,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.proposals.setRule(userId, null));
    this.users.registerEraser((userId) => this.bookings.erase(userId));
    this.users.registerPart({ table: 'bookings', person: 'client_id', order: ['id'] });
    this.users.registerPart({ table: 'bookings', person: 'master_id', order: ['id'] });
    this.users.registerPart({ table: 'auto_booking_rules', person: 'master_id', order: ['master_id'] });
  }
}
