import { Module, type OnModuleInit } from '@nestjs/common';
import { ChatsModule } from '../chats/chats.module.ts';
import { UsersService } from '../users/users.service.ts';
import { ReportsController } from './reports.controller.ts';
import { ReportsService } from './reports.service.ts';

@Module({ imports: [ChatsModule], providers: [ReportsService], controllers: [ReportsController] })
export class ReportsModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly reports: ReportsService,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.reports.erase(userId));
    this.users.registerPart({ table: 'reports', person: 'reporter_id', order: ['id'], omit: ['resolved_by', 'resolution'] });
  }
}
