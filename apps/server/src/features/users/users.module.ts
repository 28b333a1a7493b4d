import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { BlocksController } from './blocks.controller.ts';
import { BlocksService } from './blocks.service.ts';
import { Topics } from '../../log/topics.ts';
import { PersonDataService } from './person-data.service.ts';
import { Presence } from './presence.ts';
import { StaffDirectory } from './staff-directory.ts';
import { DIRECTORY_STREAM, UserDirectory } from './user-directory.ts';
import { UsersController } from './users.controller.ts';
import { UsersService } from './users.service.ts';

/** Global: everything that people do needs to know who they are. */
@Global()
@Module({
  providers: [UserDirectory, StaffDirectory, UsersService, BlocksService, PersonDataService, Presence],
  controllers: [UsersController, BlocksController],
  exports: [UserDirectory, StaffDirectory, UsersService, BlocksService, Presence],
})
export class UsersModule implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly blocks: BlocksService,
    private readonly topics: Topics,
  ) {}

  async onModuleInit(): Promise<void> {
    this.users.registerEraser((userId) => this.blocks.erase(userId));
    // Before anybody is loaded: what other nodes change from here on is heard of.
    await this.topics.follow([DIRECTORY_STREAM]);
    this.users.registerPart({ table: 'users', person: 'id', order: ['id'], omit: ['password_hash', 'search_key'] });
    this.users.registerPart({ table: 'devices', person: 'user_id', order: ['device'], omit: ['token_hash'] });
    this.users.registerPart({ table: 'user_blocks', person: 'user_id', order: ['blocked_id'] });
  }
}
