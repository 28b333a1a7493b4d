import { Module } from '@nestjs/common';
import { UserSessions } from './user-sessions.ts';
import { UserStreams } from './user-streams.ts';

/** Apart from UsersModule, on which the sockets themselves depend: who connects is a user. */
@Module({ providers: [UserSessions, UserStreams], exports: [UserStreams] })
export class UserSocketsModule {}
