/** SQL over refresh tokens. Only their SHA-256 is ever stored. */
import type { Selectable } from 'kysely';
import type { RefreshTokensTable } from '../storage/schema.ts';
import type { Database } from '../storage/storage.ts';

export type RefreshToken = Selectable<RefreshTokensTable>;

/** Adds a token. */
export async function insertToken(db: Database, token: RefreshToken): Promise<void> {
  await db.insertInto('refresh_tokens').values(token).execute();
}

/** The token of that hash. */
export async function findToken(db: Database, hash: string): Promise<RefreshToken | undefined> {
  return db.selectFrom('refresh_tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
}

/** Marks a token as used. @returns false where it was already, by whatever node */
export async function useToken(db: Database, hash: string, now: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('refresh_tokens')
    .set({ used_at: now })
    .where('hash', '=', hash)
    .where('used_at', 'is', null)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}

/** Ends a sign-in: every token that rotated out of it. */
export async function deleteFamily(db: Database, family: string): Promise<void> {
  await db.deleteFrom('refresh_tokens').where('family', '=', family).execute();
}

/** Forgets a user's tokens that nobody can use any more. */
export async function deleteExpiredTokensOf(db: Database, userId: string, now: number): Promise<void> {
  await db.deleteFrom('refresh_tokens').where('user_id', '=', userId).where('expires_at', '<=', now).execute();
}
