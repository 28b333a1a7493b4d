import { Module, type OnModuleInit } from '@nestjs/common';
import { UsersService } from '../users/users.service.ts';
import { PreferencesController } from './preferences.controller.ts';
import { PreferencesService } from './preferences.service.ts';

@Module({ providers: [PreferencesService], controllers: [PreferencesController], exports: [PreferencesService] })
export class PreferencesModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly preferences: PreferencesService,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.preferences.erase(userId));
    this.users.registerPart({ table: 'notification_preferences', person: 'user_id', order: ['user_id'], json: ['types'] });
  }
}
