import { Global, Module } from '@nestjs/common';
import { Presence } from './presence.ts';
import { StaffDirectory } from './staff-directory.ts';
import { UserDirectory } from './user-directory.ts';
import { UsersController } from './users.controller.ts';
import { UsersService } from './users.service.ts';

/** Global: everything that people do needs to know who they are. */
@Global()
@Module({
  providers: [UserDirectory, StaffDirectory, UsersService, Presence],
  controllers: [UsersController],
  exports: [UserDirectory, StaffDirectory, UsersService, Presence],
})
export class UsersModule {}
