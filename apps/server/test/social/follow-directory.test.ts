import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FollowDirectory } from '../../src/features/social/follow-directory.ts';
import { socialStream } from '../../src/features/social/social-stream.ts';
import { Follower } from '../../src/log/follower.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ENGINES, openMigrated, type OpenEngine } from '../support/engines.ts';
import { freshId } from '../support/server.ts';

describe('who follows whom, in memory', () => {
  let opened: OpenEngine;
  beforeAll(async () => {
    opened = await openMigrated(ENGINES[0]!);
  });
  afterAll(() => opened.close());

  /** A node whose reads are each followed by `afterRead`, before they are known here. */
  function nodeWith(afterRead: () => Promise<unknown>) {
    const { storage } = opened;
    const follower = new Follower(async () => []);
    const queue = new WriteQueue(storage, follower);
    const reading = Object.assign(Object.create(storage) as Storage, {
      async snapshot(work: Parameters<Storage['snapshot']>[0]) {
        const answer = await storage.snapshot(work);
        await afterRead();
        return answer;
      },
    });
    return { queue, follower, directory: new FollowDirectory(reading, follower) };
  }

  test('what happens while an author is read is taken in, and does not put off the reading', async () => {
    const author = freshId('author');
    const stream = socialStream(author);
    let reads = 0;
    const { queue, directory } = nodeWith(async () => {
      reads++;
      await queue.run([stream], async (tx) => void tx.append(stream, 'post.liked', { postId: 'p' }));
      await queue.run([stream], async (tx) => void tx.append(stream, 'follow.changed', { userId: 'late', on: true }));
    });
    await queue.run([stream], async (tx) => {
      for (const userId of ['one', 'two']) {
        await tx.db.insertInto('follows').values({ author_id: author, user_id: userId, created_at: 0 }).execute();
        tx.append(stream, 'follow.changed', { userId, on: true });
      }
    });
    await directory.load(author);
    const known = () => [...(directory.audienceOf(author)?.keys() ?? [])];
    expect([reads, known()]).toEqual([1, [author, 'one', 'two', 'late']]);
    await queue.run([stream], async (tx) => void tx.append(stream, 'follow.changed', { userId: 'one', on: false }));
    expect(known()).toEqual([author, 'two', 'late']);
  });

  test('after an entry that was not heard it knows nothing, and reads anew', async () => {
    const author = freshId('author');
    const stream = socialStream(author);
    const { directory, queue, follower } = nodeWith(async () => undefined);
    const like = (on: WriteQueue) => on.run([stream], async (tx) => void tx.append(stream, 'post.liked', { postId: 'p' }));
    await directory.load(author);
    await like(queue);
    expect(directory.audienceOf(author)?.size).toBe(1);
    const { queue: elsewhere } = nodeWith(async () => undefined);
    await elsewhere.run([stream], async (tx) => {
      await tx.db.insertInto('follows').values({ author_id: author, user_id: 'unheard', created_at: 0 }).execute();
      tx.append(stream, 'follow.changed', { userId: 'unheard', on: true });
    });
    expect(directory.audienceOf(author)?.size).toBe(1);
    // As a node does that listens again, from what the database says.
    follower.follow(stream, 2);
    await like(queue);
    expect(directory.audienceOf(author)).toBeUndefined();
    await directory.load(author);
    expect([...directory.audienceOf(author)!.keys()]).toEqual([author, 'unheard']);
  });
});
