/** SQL over follows, friendships and reviews. */
import type { FriendshipsTable, ReviewsTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';

/** Who follows a user. */
export async function followersOf(db: Database, authorId: string): Promise<string[]> {
  const rows = await db.selectFrom('follows').select('user_id').where('author_id', '=', authorId).execute();
  return rows.map(({ user_id }) => user_id);
}

/** Whom a user follows, or `limit` of them. */
export async function followedBy(db: Database, userId: string, limit?: number): Promise<string[]> {
  const follows = db.selectFrom('follows').select('author_id').where('user_id', '=', userId);
  const rows = await follows.$if(limit !== undefined, (some) => some.limit(limit!)).execute();
  return rows.map(({ author_id }) => author_id);
}

/** Begins or ends a follow. @returns false where it was so already */
export async function setFollow(db: Database, authorId: string, userId: string, on: boolean, now: number): Promise<boolean> {
  if (on) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('follows')
      .values({ author_id: authorId, user_id: userId, created_at: now })
      .onConflict((oc) => oc.doNothing())
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }
  const gone = db.deleteFrom('follows').where('author_id', '=', authorId).where('user_id', '=', userId);
  return (await gone.executeTakeFirst()).numDeletedRows === 1n;
}

/** Ends all follows of a user's posts. */
export async function deleteFollowers(db: Database, authorId: string): Promise<void> {
  await db.deleteFrom('follows').where('author_id', '=', authorId).execute();
}

/** The request or friendship of that id. */
export function findFriendship(db: Database, id: string): Promise<FriendshipsTable | undefined> {
  return db.selectFrom('friendships').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The request or friendship of two people. */
export function findFriendshipOf(db: Database, pair: string): Promise<FriendshipsTable | undefined> {
  return db.selectFrom('friendships').selectAll().where('pair', '=', pair).executeTakeFirst();
}

/** Adds a request. @returns false where the two have one already */
export async function insertFriendship(db: Database, row: FriendshipsTable): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('friendships')
    .values(row)
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** Makes a friendship of a request. @returns it as it is now; undefined where it was accepted already, or is gone */
export function acceptFriendship(db: Database, id: string, now: number): Promise<FriendshipsTable | undefined> {
  const open = db.updateTable('friendships').set({ accepted_at: now }).where('id', '=', id).where('accepted_at', 'is', null);
  return open.returningAll().executeTakeFirst();
}

/** Removes the requests and friendships of a user. */
export async function deleteFriendships(db: Database, userId: string): Promise<void> {
  await db
    .deleteFrom('friendships')
    .where((eb) => eb.or([eb('from_user_id', '=', userId), eb('to_user_id', '=', userId)]))
    .execute();
}

/** The review that one user has of another. */
export function findReview(db: Database, authorId: string, userId: string): Promise<ReviewsTable | undefined> {
  return db.selectFrom('reviews').selectAll().where('author_id', '=', authorId).where('user_id', '=', userId).executeTakeFirst();
}

/** Adds a review, or puts it in the place of the one that the author has of that user. */
export async function putReview(db: Database, { id, ...row }: ReviewsTable): Promise<ReviewsTable> {
  const { rating, content, created_at } = row;
  return db
    .insertInto('reviews')
    .values({ id, ...row })
    .onConflict((oc) => oc.columns(['author_id', 'user_id']).doUpdateSet({ rating, content, created_at }))
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Removes the reviews by and of a user. */
export async function deleteReviews(db: Database, userId: string): Promise<void> {
  await db
    .deleteFrom('reviews')
    .where((eb) => eb.or([eb('author_id', '=', userId), eb('user_id', '=', userId)]))
    .execute();
}

/** Whom these users follow, and who are their friends. */
export async function findTies(db: Database, userIds: readonly string[]): Promise<{ user_id: string; other_id: string }[]> {
  if (userIds.length === 0) return [];
  const follows = db.selectFrom('follows').select(['user_id', 'author_id as other_id']).where('user_id', 'in', userIds);
  const friends = db.selectFrom('friendships').where('accepted_at', 'is not', null);
  const asked = friends.select(['from_user_id as user_id', 'to_user_id as other_id']).where('from_user_id', 'in', userIds);
  const asking = friends.select(['to_user_id as user_id', 'from_user_id as other_id']).where('to_user_id', 'in', userIds);
  return follows.union(asked).union(asking).execute();
}
