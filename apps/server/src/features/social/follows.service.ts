import { Injectable } from '@nestjs/common';
import { Failure, invalid } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { setFollow } from './people.repository.ts';
import { FOLLOW_CHANGED, socialStream, type FollowChanged } from './social-stream.ts';

/** Who follows whose posts. */
@Injectable()
export class FollowsService {
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;

  constructor(queue: WriteQueue, users: UserDirectory) {
    this.#queue = queue;
    this.#users = users;
  }

  /** Begins a follow; a second time changes nothing. @throws Failure NOT_FOUND, INVALID_DATA (oneself), UNAVAILABLE */
  async follow(userId: string, authorId: string): Promise<void> {
    if (userId === authorId) throw invalid('id', 'nobody follows themselves');
    const author = await this.#users.load(authorId);
    if (!author || author.erased) throw new Failure('NOT_FOUND', { field: 'id', problem: 'no such user' });
    await this.#set(userId, authorId, true);
  }

  /** Ends a follow, where there is one. @throws Failure UNAVAILABLE */
  unfollow(userId: string, authorId: string): Promise<void> {
    return this.#set(userId, authorId, false);
  }

  #set(userId: string, authorId: string, on: boolean): Promise<void> {
    const stream = socialStream(authorId);
    return this.#queue.run([stream], async (tx) => {
      if (await setFollow(tx.db, authorId, userId, on, tx.now)) tx.append(stream, FOLLOW_CHANGED, { userId, on } satisfies FollowChanged);
    });
  }
}
