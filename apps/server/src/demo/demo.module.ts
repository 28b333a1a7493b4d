import { Module } from '@nestjs/common';
import { ChatsModule } from '../features/chats/chats.module.ts';
import { NotificationsModule } from '../features/notifications/notifications.module.ts';
import { OrdersModule } from '../features/orders/orders.module.ts';
import { ProjectsModule } from '../features/projects/projects.module.ts';
import { SupportModule } from '../features/support/support.module.ts';
import { DemoData } from './demo-data.ts';

@Module({ imports: [ChatsModule, SupportModule, NotificationsModule, OrdersModule, ProjectsModule], providers: [DemoData] })
export class DemoModule {}
