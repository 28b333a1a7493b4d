import { Injectable } from '@nestjs/common';
import type { v2 } from '@majlis/contract';
import { v7 as uuidv7 } from 'uuid';
import { invalid } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { NotificationsService } from '../notifications/notifications.service.ts';
import { UserDirectory } from '../users/user-directory.ts';
import type { UserRecord } from '../users/user-record.ts';
import { userStream } from '../users/user-stream.ts';
import { findReview, putReview } from './people.repository.ts';
import type { Authorship } from './post-record.ts';
import { socialNotice } from './social-notices.ts';

/** Times are milliseconds. */
export interface ReviewRecord extends Authorship {
  id: string;
  userId: string;
  rating: number;
  content: string;
  createdAt: number;
}

/** What people think of each other's work. */
@Injectable()
export class ReviewsService {
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;
  readonly #notifications: NotificationsService;

  constructor(queue: WriteQueue, users: UserDirectory, notifications: NotificationsService) {
    this.#queue = queue;
    this.#users = users;
    this.#notifications = notifications;
  }

  /**
   * Reviews a user. One has one review of another: a different one takes its place, the same one again changes nothing.
   * @returns it, and whether it is the first @throws Failure NOT_FOUND, INVALID_DATA (oneself), UNAVAILABLE
   */
  async create(
    author: UserRecord,
    { user_id: userId, rating, content }: v2.CreateReview,
  ): Promise<{ review: ReviewRecord; created: boolean }> {
    if (userId === author.id) throw invalid('user_id', 'nobody reviews themselves');
    const to = await this.#users.person(userId, 'user_id');
    return this.#queue.run([userStream(userId)], async (tx) => {
      const before = await findReview(tx.db, author.id, userId);
      const draft = { id: uuidv7(), user_id: userId, author_id: author.id, rating, content, created_at: tx.now };
      const isSame = before?.rating === rating && before.content === content;
      const row = isSame ? before : await putReview(tx.db, draft);
      if (!isSame) {
        await this.#notifications.raise(tx, socialNotice('review_received', { to, by: author, rating }, { review_id: row.id, rating }));
      }
      const written = { authorId: author.id, authorName: author.name, authorAvatar: author.avatar };
      return { review: { id: row.id, userId, ...written, rating, content, createdAt: row.created_at }, created: before === undefined };
    });
  }
}
