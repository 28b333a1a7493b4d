import { Module, type OnModuleInit } from '@nestjs/common';
import { UsersService } from '../users/users.service.ts';
import { CannedRepliesController } from './canned-replies.controller.ts';
import { CannedRepliesService } from './canned-replies.service.ts';
import { SupportController } from './support.controller.ts';
import { SupportEmitter } from './support.emitter.ts';
import { SupportGateway } from './support.gateway.ts';
import { SupportTypingService } from './support-typing.service.ts';
import { SupportService } from './support.service.ts';
import { TicketDirectory } from './ticket-directory.ts';

@Module({
  providers: [TicketDirectory, SupportService, SupportTypingService, CannedRepliesService, SupportEmitter, SupportGateway],
  controllers: [SupportController, CannedRepliesController],
  exports: [SupportService, CannedRepliesService],
})
export class SupportModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly support: SupportService,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.support.erase(userId));
    this.users.registerPart({ table: 'tickets', person: 'owner_id', order: ['id'] });
    this.users.registerPart({ table: 'ticket_messages', person: 'sender_id', order: ['id'], json: ['attachments'] });
    this.users.registerPart({ table: 'canned_replies', person: 'created_by', order: ['id'] });
  }
}
