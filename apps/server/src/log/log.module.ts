import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { REDIS_LINK } from '../cluster/cluster.module.ts';
import type { RedisLink } from '../cluster/redis-link.ts';
import { LOGGER } from '../logger.ts';
import { STORAGE } from '../storage/storage.module.ts';
import type { Storage } from '../storage/storage.ts';
import { Follower } from './follower.ts';
import { Retention } from './retention.ts';
import { StreamLog } from './stream-log.ts';
import { Topics } from './topics.ts';
import { WriteQueue } from './write-queue.ts';

@Global()
@Module({
  providers: [
    StreamLog,
    {
      provide: Topics,
      inject: [REDIS_LINK, STORAGE, LOGGER],
      useFactory: (link: RedisLink | undefined, storage: Storage, logger: Logger) => new Topics(link, storage, logger),
    },
    {
      provide: Follower,
      inject: [StreamLog, Topics],
      useFactory(log: StreamLog, topics: Topics) {
        const follower = new Follower(
          (stream, version, limit) => log.entries(stream, version, limit),
          topics.clustered ? topics : undefined,
        );
        topics.start(follower);
        return follower;
      },
    },
    {
      provide: WriteQueue,
      inject: [STORAGE, Follower],
      useFactory: (storage: Storage, follower: Follower) => new WriteQueue(storage, follower),
    },
    Retention,
  ],
  exports: [Follower, StreamLog, Topics, WriteQueue],
})
export class LogModule implements OnApplicationShutdown {
  constructor(private readonly topics: Topics) {}

  // Until here sockets that are being drained hear the other nodes.
  onApplicationShutdown(): void {
    this.topics.stop();
  }
}
