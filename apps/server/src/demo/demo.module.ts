import { Module } from '@nestjs/common';
import { BookingsModule } from '../features/bookings/bookings.module.ts';
import { ChatsModule } from '../features/chats/chats.module.ts';
import { OrdersModule } from '../features/orders/orders.module.ts';
import { ProjectsModule } from '../features/projects/projects.module.ts';
import { SocialModule } from '../features/social/social.module.ts';
import { SupportModule } from '../features/support/support.module.ts';
import { DemoData } from './demo-data.ts';
import { SocialDemo } from './social-demo.ts';

@Module({
  imports: [ChatsModule, SupportModule, OrdersModule, ProjectsModule, SocialModule, BookingsModule],
  providers: [DemoData, SocialDemo],
})
export class DemoModule {}
