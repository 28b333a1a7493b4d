import { Global, Module } from '@nestjs/common';
import { STORAGE } from '../storage/storage.module.ts';
import type { Storage } from '../storage/storage.ts';
import { Follower } from './follower.ts';
import { Retention } from './retention.ts';
import { readEntries } from './stream-log.repository.ts';
import { WriteQueue } from './write-queue.ts';

@Global()
@Module({
  providers: [
    {
      provide: Follower,
      inject: [STORAGE],
      useFactory: (storage: Storage) =>
        new Follower(async (stream, version, limit) => (await readEntries(storage.db, stream, version, limit)).map(({ entry }) => entry)),
    },
    { provide: WriteQueue, inject: [STORAGE, Follower], useFactory: (storage: Storage, follower: Follower) => new WriteQueue(storage, follower) },
    Retention,
  ],
  exports: [Follower, WriteQueue],
})
export class LogModule {}
