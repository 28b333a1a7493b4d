/** SQL over posts, their likes and comments. */
import type { PostCommentsTable, PostsTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';
import type { CommentRecord, PostRecord } from './post-record.ts';

/** Where a page of a list by time ends. */
export interface TimePosition {
  createdAt: number;
  id: string;
}

function postsAsSeenBy(db: Database, viewerId: string) {
  return db
    .selectFrom('posts as p')
    .innerJoin('users as u', 'u.id', 'p.author_id')
    .leftJoin('post_likes as l', (join) => join.onRef('l.post_id', '=', 'p.id').on('l.user_id', '=', viewerId))
    .leftJoin('posts as o', 'o.id', 'p.repost_of')
    .leftJoin('users as w', 'w.id', 'o.author_id')
    .selectAll('p')
    .select([
      'u.name as author_name',
      'u.avatar as author_avatar',
      'l.liked',
      'o.id as original_id',
      'o.author_id as original_author_id',
      'o.content as original_content',
      'o.media_url as original_media_url',
      'o.created_at as original_created_at',
      'w.name as original_author_name',
      'w.avatar as original_author_avatar',
    ]);
}

type SeenRow = Awaited<ReturnType<ReturnType<typeof postsAsSeenBy>['execute']>>[number];

function recordOf(row: SeenRow): PostRecord {
  return {
    id: row.id,
    authorId: row.author_id,
    authorName: row.author_name,
    authorAvatar: row.author_avatar,
    content: row.content,
    mediaUrl: row.media_url,
    createdAt: row.created_at,
    repostOf:
      row.original_id === null
        ? null
        : {
            id: row.original_id,
            authorId: row.original_author_id!,
            authorName: row.original_author_name ?? '',
            authorAvatar: row.original_author_avatar,
            content: row.original_content!,
            mediaUrl: row.original_media_url,
            createdAt: row.original_created_at!,
          },
    likesCount: row.likes_count,
    commentsCount: row.comments_count,
    repostsCount: row.reposts_count,
    isLiked: row.liked === 1,
  };
}

/** A post as a user sees it. */
export async function readPost(db: Database, viewerId: string, postId: string): Promise<PostRecord | undefined> {
  const row = await postsAsSeenBy(db, viewerId).where('p.id', '=', postId).executeTakeFirst();
  return row && recordOf(row);
}

/** Posts as a user sees them, the newest first. */
export async function pagePosts(
  db: Database,
  viewerId: string,
  { authorId, before, limit }: { authorId?: string | undefined; before?: TimePosition | undefined; limit: number },
): Promise<PostRecord[]> {
  let query = postsAsSeenBy(db, viewerId);
  if (authorId !== undefined) query = query.where('p.author_id', '=', authorId);
  if (before) {
    query = query.where((eb) =>
      eb.or([eb('p.created_at', '<', before.createdAt), eb.and([eb('p.created_at', '=', before.createdAt), eb('p.id', '<', before.id)])]),
    );
  }
  const rows = await query.orderBy('p.created_at', 'desc').orderBy('p.id', 'desc').limit(limit).execute();
  return rows.map(recordOf);
}

/** The row of a post. */
export function findPost(db: Database, postId: string): Promise<PostsTable | undefined> {
  return db.selectFrom('posts').selectAll().where('id', '=', postId).executeTakeFirst();
}

/** Adds a post. @returns false where that person has passed on the same post without a word before */
export async function insertPost(db: Database, row: PostsTable): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('posts')
    .values(row)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** The id of the post by which somebody passed on another without a word. */
export async function findPlainRepost(db: Database, authorId: string, originalId: string): Promise<string | undefined> {
  const query = db.selectFrom('posts').select('id').where('author_id', '=', authorId).where('repost_of', '=', originalId);
  return (await query.where('content', '=', '').executeTakeFirst())?.id;
}

/** The counts that a post keeps of what hangs on it. */
export type PostCount = 'likes_count' | 'comments_count' | 'reposts_count';

/** Changes a count of a post. @returns what it is now; undefined where there is no such post */
export async function addToCount(db: Database, postId: string, count: PostCount, change: number): Promise<number | undefined> {
  const row = await db
    .updateTable('posts')
    .set((eb) => ({ [count]: eb(count, '+', change) }))
    .where('id', '=', postId)
    .returning([count])
    .executeTakeFirst();
  return row?.[count];
}

/** What setting a like came to: it is the first of that person, it is there or gone again, or it was so already. */
export type LikeChange = 'first' | 'changed' | 'unchanged';

/** Sets whether somebody likes a post. */
export async function setLike(db: Database, postId: string, userId: string, liked: boolean, now: number): Promise<LikeChange> {
  if (liked) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('post_likes')
      .values({ post_id: postId, user_id: userId, liked: 1, created_at: now })
      .onConflict((oc) => oc.doNothing())
      .executeTakeFirst();
    if (numInsertedOrUpdatedRows === 1n) return 'first';
  }
  const { numUpdatedRows } = await db
    .updateTable('post_likes')
    .set({ liked: liked ? 1 : 0 })
    .where('post_id', '=', postId)
    .where('user_id', '=', userId)
    .where('liked', '=', liked ? 0 : 1)
    .executeTakeFirst();
  return numUpdatedRows === 1n ? 'changed' : 'unchanged';
}

export async function insertComment(db: Database, row: PostCommentsTable): Promise<void> {
  await db.insertInto('post_comments').values(row).execute();
}

/** Comments on a post, the oldest first, from after a place. */
export async function pageComments(
  db: Database,
  postId: string,
  { after, limit }: { after?: TimePosition | undefined; limit: number },
): Promise<CommentRecord[]> {
  let query = db
    .selectFrom('post_comments as c')
    .innerJoin('users as u', 'u.id', 'c.author_id')
    .select(['c.id', 'c.author_id', 'u.name', 'u.avatar', 'c.content', 'c.created_at'])
    .where('c.post_id', '=', postId);
  if (after) {
    query = query.where((eb) =>
      eb.or([eb('c.created_at', '>', after.createdAt), eb.and([eb('c.created_at', '=', after.createdAt), eb('c.id', '>', after.id)])]),
    );
  }
  const rows = await query.orderBy('c.created_at').orderBy('c.id').limit(limit).execute();
  return rows.map((row) => ({
    id: row.id,
    authorId: row.author_id,
    authorName: row.name,
    authorAvatar: row.avatar,
    content: row.content,
    createdAt: row.created_at,
  }));
}

/** Something of a person's on a post, and whose post it is. */
export interface Trace {
  id: string;
  post_id: string;
  post_author_id: string;
}

/** Some likes of a person, those taken back included. */
export async function likesOf(db: Database, userId: string, limit: number): Promise<(Trace & { liked: number })[]> {
  return db
    .selectFrom('post_likes as l')
    .innerJoin('posts as p', 'p.id', 'l.post_id')
    .select(['l.user_id as id', 'l.post_id', 'l.liked', 'p.author_id as post_author_id'])
    .where('l.user_id', '=', userId)
    .limit(limit)
    .execute();
}

/** Some comments of a person. */
export function commentsOf(db: Database, userId: string, limit: number): Promise<Trace[]> {
  return db
    .selectFrom('post_comments as c')
    .innerJoin('posts as p', 'p.id', 'c.post_id')
    .select(['c.id', 'c.post_id', 'p.author_id as post_author_id'])
    .where('c.author_id', '=', userId)
    .limit(limit)
    .execute();
}

/** Some posts of a person. */
export function postsOf(db: Database, userId: string, limit: number): Promise<PostsTable[]> {
  return db.selectFrom('posts').selectAll().where('author_id', '=', userId).limit(limit).execute();
}

/** Removes a like. @returns false where it was gone already, or taken back */
export async function deleteLike(db: Database, postId: string, userId: string): Promise<boolean> {
  const row = await db
    .deleteFrom('post_likes')
    .where('post_id', '=', postId)
    .where('user_id', '=', userId)
    .returning('liked')
    .executeTakeFirst();
  return row?.liked === 1;
}

/** Removes a comment. @returns false where it was gone already */
export async function deleteComment(db: Database, commentId: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('post_comments').where('id', '=', commentId).executeTakeFirst();
  return numDeletedRows === 1n;
}

/** Removes a post with what hangs on it, and the posts that pass it on without a word. @returns false where it was gone already */
export async function deletePost(db: Database, postId: string): Promise<boolean> {
  const plain = await db.selectFrom('posts').select('id').where('repost_of', '=', postId).where('content', '=', '').execute();
  const ids = [postId, ...plain.map(({ id }) => id)];
  // Far below what either engine binds in one statement.
  const AT_ONCE = 500;
  let removed = 0n;
  for (let i = 0; i < ids.length; i += AT_ONCE) {
    const part = ids.slice(i, i + AT_ONCE);
    await db.deleteFrom('post_likes').where('post_id', 'in', part).execute();
    await db.deleteFrom('post_comments').where('post_id', 'in', part).execute();
    removed += (await db.deleteFrom('posts').where('id', 'in', part).executeTakeFirst()).numDeletedRows;
  }
  return removed > 0n;
}
