import { Inject, Injectable } from '@nestjs/common';
import { invalid } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { followedBy, setFollow } from './people.repository.ts';
import { FOLLOWING_CHANGED, FOLLOW_CHANGED, socialStream, type FollowChanged, type FollowingChanged } from './social-stream.ts';

/** Who follows whose posts. */
@Injectable()
export class FollowsService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, users: UserDirectory) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
  }

  /** Begins a follow; a second time changes nothing. @throws Failure NOT_FOUND, INVALID_DATA (oneself), UNAVAILABLE */
  async follow(userId: string, authorId: string): Promise<void> {
    if (userId === authorId) throw invalid('id', 'nobody follows themselves');
    await this.#users.person(authorId, 'id');
    await this.#set(userId, authorId, true);
  }

  /** Ends a follow, where there is one. @throws Failure UNAVAILABLE */
  unfollow(userId: string, authorId: string): Promise<void> {
    return this.#set(userId, authorId, false);
  }

  /** Whom a user follows. */
  followedBy(userId: string): Promise<string[]> {
    return followedBy(this.#storage.db, userId);
  }

  #set(userId: string, authorId: string, on: boolean): Promise<void> {
    const [ofAuthor, ofFollower] = [socialStream(authorId), socialStream(userId)];
    return this.#queue.run([ofAuthor, ofFollower], async (tx) => {
      if (!(await setFollow(tx.db, authorId, userId, on, tx.now))) return;
      const version = tx.append(ofAuthor, FOLLOW_CHANGED, { userId, on } satisfies FollowChanged);
      tx.append(ofFollower, FOLLOWING_CHANGED, { authorId, on, version } satisfies FollowingChanged);
    });
  }
}
