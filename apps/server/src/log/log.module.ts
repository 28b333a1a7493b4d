import { Global, Module } from '@nestjs/common';
import { STORAGE } from '../storage/storage.module.ts';
import type { Storage } from '../storage/storage.ts';
import { Follower } from './follower.ts';
import { Retention } from './retention.ts';
import { StreamLog } from './stream-log.ts';
import { WriteQueue } from './write-queue.ts';

@Global()
@Module({
  providers: [
    StreamLog,
    {
      provide: Follower,
      inject: [StreamLog],
      useFactory: (log: StreamLog) => new Follower((stream, version, limit) => log.entries(stream, version, limit)),
    },
    {
      provide: WriteQueue,
      inject: [STORAGE, Follower],
      useFactory: (storage: Storage, follower: Follower) => new WriteQueue(storage, follower),
    },
    Retention,
  ],
  exports: [Follower, StreamLog, WriteQueue],
})
export class LogModule {}
