import { Module, type OnModuleInit } from '@nestjs/common';
import { ChatContacts } from './chat-contacts.ts';
import { ChatDirectory } from './chat-directory.ts';
import { ChatsController } from './chats.controller.ts';
import { ChatsEmitter } from './chats.emitter.ts';
import { ChatsService } from './chats.service.ts';
import { DepthChatsGateway } from './depth-chats.gateway.ts';
import { MessagesController } from './messages.controller.ts';
import { MessagesService } from './messages.service.ts';
import { ReadingService } from './reading.service.ts';
import { ReceiptsCatchUp } from './receipts-catch-up.ts';
import { ReceiptsService } from './receipts.service.ts';
import { TypingService } from './typing.service.ts';
import { V2ChatsGateway } from './v2-chats.gateway.ts';
import { UserSocketsModule } from '../users/user-sockets.module.ts';
import { UsersService } from '../users/users.service.ts';

@Module({
  imports: [UserSocketsModule],
  providers: [
    ChatContacts,
    ChatDirectory,
    ChatsService,
    MessagesService,
    ReadingService,
    ReceiptsCatchUp,
    ReceiptsService,
    TypingService,
    ChatsEmitter,
    V2ChatsGateway,
    DepthChatsGateway,
  ],
  controllers: [ChatsController, MessagesController],
  exports: [ChatsService, MessagesService],
})
export class ChatsModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly messages: MessagesService,
    private readonly chats: ChatsService,
  ) {}

  onModuleInit(): void {
    this.users.registerEraser((userId) => this.messages.eraseSender(userId));
    this.users.registerEraser((userId) => this.chats.eraseMember(userId));
    this.users.registerPart({ table: 'messages', person: 'sender_id', order: ['id'], json: ['metadata'] });
    this.users.registerPart({ table: 'chat_members', person: 'user_id', order: ['chat_id'], json: ['delivered_ahead'] });
    this.users.registerPart({ table: 'message_reactions', person: 'user_id', order: ['message_id', 'emoji'] });
  }
}
