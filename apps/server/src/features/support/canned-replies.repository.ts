/** SQL over canned replies. */
import type { CannedRepliesTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';

/** Where a page of canned replies ends. */
export interface CannedReplyPosition {
  title: string;
  id: string;
}

/** Canned replies by title, from after a place. */
export function pageCannedReplies(db: Database, after: CannedReplyPosition | undefined, limit: number): Promise<CannedRepliesTable[]> {
  let query = db.selectFrom('canned_replies').selectAll();
  if (after) {
    query = query.where((eb) => eb.or([eb('title', '>', after.title), eb.and([eb('title', '=', after.title), eb('id', '>', after.id)])]));
  }
  return query.orderBy('title').orderBy('id').limit(limit).execute();
}

export async function insertCannedReply(db: Database, reply: CannedRepliesTable): Promise<void> {
  await db.insertInto('canned_replies').values(reply).execute();
}

/** @returns false where there was none */
export async function deleteCannedReply(db: Database, id: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('canned_replies').where('id', '=', id).executeTakeFirst();
  return numDeletedRows === 1n;
}
