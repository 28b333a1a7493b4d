import { Module, type OnModuleInit } from '@nestjs/common';
import { Drain } from '../../http/drain.ts';
import { PreferencesModule } from '../preferences/preferences.module.ts';
import { UsersService } from '../users/users.service.ts';
import { MessagePushes } from './message-pushes.service.ts';
import { PushController } from './push.controller.ts';
import { PushEndpoints } from './push-endpoint.ts';
import { PushQueue } from './push-queue.service.ts';
import { PushSender } from './push-sender.service.ts';
import { PushSubscriptionsService } from './push-subscriptions.service.ts';

@Module({
  imports: [PreferencesModule],
  providers: [PushEndpoints, PushSubscriptionsService, PushQueue, PushSender, MessagePushes],
  controllers: [PushController],
  exports: [PushQueue],
})
export class PushModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly subscriptions: PushSubscriptionsService,
    private readonly messages: MessagePushes,
    private readonly queue: PushQueue,
    private readonly drain: Drain,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.subscriptions.erase(userId));
    this.users.registerEraser((userId) => this.queue.drop(userId));
    this.users.registerPart({ table: 'push_subscriptions', person: 'user_id', order: ['id'], omit: ['p256dh', 'auth'] });
    this.drain.onDrain(() => this.messages.flush());
  }
}
