import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Failure } from '../../errors.ts';
import { Publisher, type StreamKind } from '../../realtime/publisher.ts';
import { SyncService } from '../sync/sync.service.ts';

/** What concerns a user alone has a stream of its own, `user:<id>`; every socket of the user gets it. */
@Injectable()
export class UserStreams implements OnModuleInit, StreamKind {
  readonly prefix = 'user';

  constructor(
    private readonly publisher: Publisher,
    private readonly syncing: SyncService,
  ) {}

  onModuleInit(): void {
    this.publisher.register(this);
    this.syncing.register({
      prefix: 'user',
      authorize: async (userId, id) => {
        if (id !== userId) throw new Failure('FORBIDDEN', undefined, 'Access denied');
        return null;
      },
      streamsOf: async (userId) => [`user:${userId}`],
    });
  }

  members(userId: string) {
    return new Map([[userId, undefined]]);
  }

  async load(): Promise<void> {
    // The member is in the stream's name.
  }

  interest() {
    return 'full' as const;
  }

  changesMembers(): boolean {
    return false;
  }
}
