/** SQL over whom users have blocked. */
import type { Database } from '../../storage/storage.ts';

/** Adds a block. @returns false where it was there already */
export async function insertBlock(db: Database, userId: string, blockedId: string, now: number): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('user_blocks')
    .values({ user_id: userId, blocked_id: blockedId, created_at: now })
    .onConflict((conflict) => conflict.columns(['user_id', 'blocked_id']).doNothing())
    .executeTakeFirstOrThrow();
  return numInsertedOrUpdatedRows === 1n;
}

/** @returns false where there was none */
export async function deleteBlock(db: Database, userId: string, blockedId: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('user_blocks')
    .where('user_id', '=', userId)
    .where('blocked_id', '=', blockedId)
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

/** Whether a user has blocked another. */
export async function hasBlock(db: Database, userId: string, blockedId: string): Promise<boolean> {
  const row = await db
    .selectFrom('user_blocks')
    .select('user_id')
    .where('user_id', '=', userId)
    .where('blocked_id', '=', blockedId)
    .executeTakeFirst();
  return row !== undefined;
}

/** Those of `userIds` who have blocked a user. */
export async function blockersAmong(db: Database, blockedId: string, userIds: readonly string[]): Promise<string[]> {
  if (userIds.length === 0) return [];
  const blocks = db.selectFrom('user_blocks').select('user_id').where('blocked_id', '=', blockedId).where('user_id', 'in', userIds);
  return (await blocks.execute()).map(({ user_id }) => user_id);
}

/** Whom a user has blocked, by id, after one. */
export async function pageBlocks(
  db: Database,
  userId: string,
  after: string | undefined,
  limit: number,
): Promise<{ blocked_id: string; created_at: number }[]> {
  let query = db.selectFrom('user_blocks').select(['blocked_id', 'created_at']).where('user_id', '=', userId);
  if (after !== undefined) query = query.where('blocked_id', '>', after);
  return query.orderBy('blocked_id').limit(limit).execute();
}

/** Forgets whom a user has blocked, and who has blocked the user. */
export async function deleteBlocksOf(db: Database, userId: string): Promise<void> {
  await db.deleteFrom('user_blocks').where('user_id', '=', userId).execute();
  await db.deleteFrom('user_blocks').where('blocked_id', '=', userId).execute();
}
