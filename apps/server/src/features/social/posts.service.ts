import { Inject, Injectable } from '@nestjs/common';
import { isUuid, type v2 } from '@majlis/contract';
import { LRUCache } from 'lru-cache';
import { v7 as uuidv7 } from 'uuid';
import { Failure } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { NotificationsService } from '../notifications/notifications.service.ts';
import { excerpt } from '../notifications/wording.ts';
import { UserDirectory } from '../users/user-directory.ts';
import type { UserRecord } from '../users/user-record.ts';
import { userStream } from '../users/user-stream.ts';
import { FollowDirectory } from './follow-directory.ts';
import { MentionsService } from './mentions.service.ts';
import type { CommentRecord, PostRecord } from './post-record.ts';
import {
  addToCount,
  findPlainRepost,
  findPost,
  insertComment,
  insertPost,
  pageComments,
  pagePosts,
  readPost,
  setLike,
  type TimePosition,
} from './posts.repository.ts';
import { socialNotice } from './social-notices.ts';
import {
  POST_COMMENTED,
  POST_LIKED,
  POST_UNLIKED,
  socialStream,
  type PostCommented,
  type PostLiked,
  type PostUnliked,
} from './social-stream.ts';

/** A page of a list by time, and where it ends if there is more. */
export interface TimePage<Item> {
  items: Item[];
  end: TimePosition | undefined;
}

const KNOWN_POSTS = 100_000;

/**
 * Posts, and what people do with them. Whatever changes a count of a post holds the lock of its author's stream, and the count travels in
 * the entry: what sockets are told is what it was at that change.
 */
@Injectable()
export class PostsService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;
  readonly #notifications: NotificationsService;
  readonly #mentions: MentionsService;
  readonly #follows: FollowDirectory;
  /** Whose each post is, which never changes. */
  readonly #authors = new LRUCache<string, string>({ max: KNOWN_POSTS });

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    users: UserDirectory,
    notifications: NotificationsService,
    mentions: MentionsService,
    follows: FollowDirectory,
  ) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
    this.#notifications = notifications;
    this.#mentions = mentions;
    this.#follows = follows;
  }

  /** Publishes a post. @throws Failure UNAVAILABLE */
  async create(author: UserRecord, { content, media_url: mediaUrl = null }: v2.CreatePost): Promise<PostRecord> {
    const id = uuidv7();
    const notices = await this.#mentionNotices(author, content, { post_id: id });
    await this.#queue.run(streamsOf(notices), async (tx) => {
      await insertPost(tx.db, {
        id,
        author_id: author.id,
        content,
        media_url: mediaUrl,
        repost_of: null,
        likes_count: 0,
        comments_count: 0,
        reposts_count: 0,
        created_at: tx.now,
      });
      await this.#notifications.raise(tx, notices);
    });
    return this.get(author.id, id);
  }

  /** A page of posts as a user sees them, the newest first. */
  async list(
    viewerId: string,
    { authorId, before, limit }: { authorId: string | undefined; before: TimePosition | undefined; limit: number },
  ): Promise<TimePage<PostRecord>> {
    return pageOf(await pagePosts(this.#storage.db, viewerId, { authorId, before, limit: limit + 1 }), limit);
  }

  /** A post as a user sees it. @throws Failure NOT_FOUND */
  async get(viewerId: string, postId: string): Promise<PostRecord> {
    const post = isUuid(postId) ? await readPost(this.#storage.db, viewerId, postId) : undefined;
    return post ?? noPost();
  }

  /** Whose a post is. @throws Failure NOT_FOUND */
  async authorOf(postId: string): Promise<string> {
    const known = this.#authors.get(postId);
    if (known !== undefined) return known;
    const post = isUuid(postId) ? await findPost(this.#storage.db, postId) : undefined;
    if (!post) return noPost();
    this.#authors.set(postId, post.author_id);
    return post.author_id;
  }

  /**
   * Sets whether somebody likes a post. Where it was so already nothing happens; the author is told of a person's first like only, so that
   * nobody rings by liking again and again.
   * @returns how many like it @throws Failure NOT_FOUND, UNAVAILABLE
   */
  async setLiked(user: UserRecord, postId: string, liked: boolean): Promise<number> {
    const author = await this.#authorWithFollowers(postId);
    const stream = socialStream(author.id);
    return this.#queue.run([stream, userStream(author.id)], async (tx) => {
      const change = await setLike(tx.db, postId, user.id, liked, tx.now);
      const step = change === 'unchanged' ? 0 : liked ? 1 : -1;
      const likesCount = (await addToCount(tx.db, postId, 'likes_count', step)) ?? noPost();
      if (change === 'unchanged') return likesCount;
      if (liked) tx.append(stream, POST_LIKED, { postId, userId: user.id, userName: user.name, likesCount } satisfies PostLiked);
      else tx.append(stream, POST_UNLIKED, { postId, userId: user.id, likesCount } satisfies PostUnliked);
      if (change === 'first') {
        await this.#notifications.raise(tx, socialNotice('post_liked', { to: author, by: user }, { post_id: postId }));
      }
      return likesCount;
    });
  }

  /** Comments on a post. @throws Failure NOT_FOUND, UNAVAILABLE */
  async comment(user: UserRecord, postId: string, content: string): Promise<CommentRecord> {
    const author = await this.#authorWithFollowers(postId);
    const stream = socialStream(author.id);
    const id = uuidv7();
    const about = { post_id: postId, comment_id: id };
    const notices = [
      ...socialNotice('post_commented', { to: author, by: user, text: excerpt(content) }, about),
      ...(await this.#mentionNotices(user, content, about)),
    ];
    return this.#queue.run([stream, ...streamsOf(notices)], async (tx) => {
      const commentsCount = (await addToCount(tx.db, postId, 'comments_count', 1)) ?? noPost();
      await insertComment(tx.db, { id, post_id: postId, author_id: user.id, content, created_at: tx.now });
      const comment = { id, authorId: user.id, authorName: user.name, authorAvatar: user.avatar, content, createdAt: tx.now };
      tx.append(stream, POST_COMMENTED, { postId, comment, commentsCount } satisfies PostCommented);
      await this.#notifications.raise(tx, notices);
      return comment;
    });
  }

  /** A page of the comments on a post, the oldest first. @throws Failure NOT_FOUND */
  async comments(postId: string, after: TimePosition | undefined, limit: number): Promise<TimePage<CommentRecord>> {
    await this.authorOf(postId);
    return pageOf(await pageComments(this.#storage.db, postId, { after, limit: limit + 1 }), limit);
  }

  /**
   * Passes a post on; where it passes on another without a word of its own, that one. Without a word the second time is a repeat.
   * @throws Failure NOT_FOUND, UNAVAILABLE
   */
  async repost(user: UserRecord, postId: string, content: string): Promise<{ post: PostRecord; repeated: boolean }> {
    const passedOn = isUuid(postId) ? await findPost(this.#storage.db, postId) : undefined;
    if (!passedOn) return noPost();
    const originalId = passedOn.content === '' ? (passedOn.repost_of ?? postId) : postId;
    const author = await this.#author(originalId);
    const id = uuidv7();
    const about = { post_id: originalId, repost_id: id };
    const notices = [
      ...socialNotice('post_reposted', { to: author, by: user }, about),
      ...(await this.#mentionNotices(user, content, { post_id: id })),
    ];
    const madeBefore = await this.#queue.run([socialStream(author.id), ...streamsOf(notices)], async (tx) => {
      const inserted = await insertPost(tx.db, {
        id,
        author_id: user.id,
        content,
        media_url: null,
        repost_of: originalId,
        likes_count: 0,
        comments_count: 0,
        reposts_count: 0,
        created_at: tx.now,
      });
      if (!inserted) return findPlainRepost(tx.db, user.id, originalId);
      if ((await addToCount(tx.db, originalId, 'reposts_count', 1)) === undefined) return noPost();
      await this.#notifications.raise(tx, notices);
      return undefined;
    });
    return { post: await this.get(user.id, madeBefore ?? id), repeated: madeBefore !== undefined };
  }

  /** Who is told of it is in memory before it happens, so that sockets have it before who did it is answered. */
  async #authorWithFollowers(postId: string): Promise<UserRecord> {
    const author = await this.#author(postId);
    await this.#follows.load(author.id);
    return author;
  }

  async #author(postId: string): Promise<UserRecord> {
    return (await this.#users.load(await this.authorOf(postId))) ?? noPost();
  }

  async #mentionNotices(by: UserRecord, content: string, about: Record<string, unknown>) {
    const mentioned = await this.#mentions.mentionedIn(content, by.id);
    return mentioned.flatMap((to) => socialNotice('mention', { to, by, text: excerpt(content) }, about));
  }
}

const streamsOf = (notices: readonly { userId: string }[]) => notices.map(({ userId }) => userStream(userId));

function noPost(): never {
  throw new Failure('NOT_FOUND', { field: 'post_id', problem: 'no such post' });
}

function pageOf<Item extends TimePosition>(found: Item[], limit: number): TimePage<Item> {
  const items = found.slice(0, limit);
  const last = found.length > limit ? items.at(-1) : undefined;
  return { items, end: last && { createdAt: last.createdAt, id: last.id } };
}
