/** SQL over when what happens every so often is due next. */
import type { Database } from '../storage/storage.ts';

/** When a run is due (ms); undefined where it never ran. */
export async function dueAt(db: Database, name: string): Promise<number | undefined> {
  return (await db.selectFrom('scheduled_runs').select('due_at').where('name', '=', name).executeTakeFirst())?.due_at;
}

/** Makes a run due at `time` (ms), where it never ran. */
export async function makeDue(db: Database, name: string, time: number): Promise<void> {
  await db
    .insertInto('scheduled_runs')
    .values({ name, due_at: time })
    .onConflict((oc) => oc.doNothing())
    .execute();
}

/** Takes a run that is due at `now` (ms) and makes the next one due: of all nodes that ask, one gets it. @returns false for the others */
export async function claimRun(db: Database, name: string, now: number, next: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('scheduled_runs')
    .set({ due_at: next })
    .where('name', '=', name)
    // Looked at again under the row's lock: another node may have been faster.
    .where('due_at', '<=', now)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Makes the next run due at another time (ms). */
export async function setDue(db: Database, name: string, time: number): Promise<void> {
  await db.updateTable('scheduled_runs').set({ due_at: time }).where('name', '=', name).execute();
}
