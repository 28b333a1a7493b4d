import { Inject, Injectable } from '@nestjs/common';
import { forgetEntries } from '../../log/stream-log.repository.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Database, Storage } from '../../storage/storage.ts';
import { deleteFollowers, deleteFriendships, deleteReviews, followedBy, setFollow } from './people.repository.ts';
import {
  addToCount,
  commentsOf,
  deleteComment,
  deleteLike,
  deletePost,
  likesOf,
  postsOf,
  type PostCount,
  type Trace,
} from './posts.repository.ts';
import { FOLLOW_CHANGED, socialStream, type FollowChanged } from './social-stream.ts';

// In portions, so that no commit holds up everybody else's writes.
const PORTION = 50;

/** Takes a person out of posts and of other people's ties; the counts of what stays follow. */
@Injectable()
export class SocialErasure {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue) {
    this.#storage = storage;
    this.#queue = queue;
  }

  /** Removes all that a person posted, said of posts and of others, and whom they knew, from the log as well. */
  async erase(userId: string): Promise<void> {
    await this.#eraseTraces(
      (db) => likesOf(db, userId, PORTION),
      'likes_count',
      (tx, { post_id }) => deleteLike(tx.db, post_id, userId),
    );
    await this.#eraseTraces(
      (db) => commentsOf(db, userId, PORTION),
      'comments_count',
      (tx, { id }) => deleteComment(tx.db, id),
    );
    await this.#erasePosts(userId);
    await this.#eraseFollows(userId);
    await this.#queue.run([socialStream(userId)], async (tx) => {
      await deleteFollowers(tx.db, userId);
      await deleteFriendships(tx.db, userId);
      await deleteReviews(tx.db, userId);
      await forgetEntries(tx.db, socialStream(userId));
    });
  }

  async #eraseTraces(
    find: (db: Database) => Promise<Trace[]>,
    count: PostCount,
    remove: (tx: WriteTransaction, trace: Trace) => Promise<boolean>,
  ): Promise<void> {
    for (let traces = await find(this.#storage.db); traces.length > 0; traces = await find(this.#storage.db)) {
      const streams = [...new Set(traces.map((trace) => socialStream(trace.post_author_id)))];
      await this.#queue.run(streams, async (tx) => {
        for (const trace of traces) {
          if (await remove(tx, trace)) await addToCount(tx.db, trace.post_id, count, -1);
        }
        // No client is given these streams; what other nodes have not had yet, they do without.
        for (const stream of streams) await forgetEntries(tx.db, stream);
      });
    }
  }

  async #erasePosts(userId: string): Promise<void> {
    const find = () => postsOf(this.#storage.db, userId, PORTION);
    for (let posts = await find(); posts.length > 0; posts = await find()) {
      await this.#queue.run([socialStream(userId)], async (tx) => {
        for (const { id, repost_of: originalId } of posts) {
          if ((await deletePost(tx.db, id)) && originalId !== null) await addToCount(tx.db, originalId, 'reposts_count', -1);
        }
      });
    }
  }

  async #eraseFollows(userId: string): Promise<void> {
    const find = () => followedBy(this.#storage.db, userId, PORTION);
    for (let authors = await find(); authors.length > 0; authors = await find()) {
      await this.#queue.run(authors.map(socialStream), async (tx) => {
        for (const author of authors) {
          if (!(await setFollow(tx.db, author, userId, false, tx.now))) continue;
          tx.append(socialStream(author), FOLLOW_CHANGED, { userId, on: false } satisfies FollowChanged);
        }
      });
    }
  }
}
