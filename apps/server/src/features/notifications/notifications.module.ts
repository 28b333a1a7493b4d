import { Module, type OnModuleInit } from '@nestjs/common';
import { PreferencesModule } from '../preferences/preferences.module.ts';
import { PushModule } from '../push/push.module.ts';
import { UserSocketsModule } from '../users/user-sockets.module.ts';
import { UsersService } from '../users/users.service.ts';
import { CamelNotificationsGateway } from './camel-notifications.gateway.ts';
import { DepthNotificationsGateway } from './depth-notifications.gateway.ts';
import { NotificationsEmitter } from './notifications.emitter.ts';
import { NotificationsService } from './notifications.service.ts';
import { V1NotificationsController } from './v1-notifications.controller.ts';
import { V2NotificationsController } from './v2-notifications.controller.ts';
import { V2NotificationsGateway } from './v2-notifications.gateway.ts';

@Module({
  imports: [UserSocketsModule, PreferencesModule, PushModule],
  providers: [NotificationsService, NotificationsEmitter, V2NotificationsGateway, CamelNotificationsGateway, DepthNotificationsGateway],
  controllers: [V2NotificationsController, V1NotificationsController],
  exports: [NotificationsService],
})
export class NotificationsModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly notifications: NotificationsService,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.notifications.erase(userId));
    this.users.registerEraser((userId) => this.notifications.eraseActor(userId));
    this.users.registerPart({ table: 'notifications', person: 'user_id', order: ['id'], json: ['data'] });
  }
}
