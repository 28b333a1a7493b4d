/** Which erasures have begun and not ended, so that a crash does not leave half a person behind. */
import type { Database } from '../../storage/storage.ts';

const PREFIX = 'erasure:';

/** Remembers that a user is being erased. */
export async function addErasure(db: Database, userId: string): Promise<void> {
  await db
    .insertInto('application_state')
    .values({ key: PREFIX + userId, value: '' })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .execute();
}

/** The users whose erasure has not ended. */
export async function erasuresUnderWay(db: Database): Promise<string[]> {
  const rows = await db.selectFrom('application_state').select('key').where('key', 'like', `${PREFIX}%`).execute();
  return rows.map(({ key }) => key.slice(PREFIX.length));
}

/** Nothing is left to erase of that user. */
export async function removeErasure(db: Database, userId: string): Promise<void> {
  await db
    .deleteFrom('application_state')
    .where('key', '=', PREFIX + userId)
    .execute();
}
