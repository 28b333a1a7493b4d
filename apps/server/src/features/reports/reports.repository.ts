/** SQL over reports of users and messages. */
import type { ReportsTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';

export async function insertReport(db: Database, report: ReportsTable): Promise<void> {
  await db.insertInto('reports').values(report).execute();
}

export function findReport(db: Database, id: string): Promise<ReportsTable | undefined> {
  return db.selectFrom('reports').selectAll().where('id', '=', id).executeTakeFirst();
}

/** What a user has reported of the same user or message, and nobody has resolved yet. */
export function findOpenReport(
  db: Database,
  { reporter_id, user_id, message_id }: Pick<ReportsTable, 'reporter_id' | 'user_id' | 'message_id'>,
): Promise<ReportsTable | undefined> {
  return db
    .selectFrom('reports')
    .selectAll()
    .where('reporter_id', '=', reporter_id)
    .where('user_id', '=', user_id)
    .where('message_id', message_id === null ? 'is' : '=', message_id)
    .where('resolved_at', 'is', null)
    .executeTakeFirst();
}

/** Open reports, the oldest first. Ids are UUIDv7: their order is that of time. */
export function pageOpenReports(db: Database, after: string | undefined, limit: number): Promise<ReportsTable[]> {
  let query = db.selectFrom('reports').selectAll().where('resolved_at', 'is', null);
  if (after !== undefined) query = query.where('id', '>', after);
  return query.orderBy('id').limit(limit).execute();
}

/** Resolved reports, the latest made first. */
export function pageResolvedReports(db: Database, before: string | undefined, limit: number): Promise<ReportsTable[]> {
  let query = db.selectFrom('reports').selectAll().where('resolved_at', 'is not', null);
  if (before !== undefined) query = query.where('id', '<', before);
  return query.orderBy('id', 'desc').limit(limit).execute();
}

/** Resolves a report. @returns false where it was already, by whatever node */
export async function resolveReport(
  db: Database,
  id: string,
  set: { resolved_at: number; resolved_by: string; resolution: string },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('reports')
    .set(set)
    .where('id', '=', id)
    .where('resolved_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Takes out what a person wrote in reports. */
export async function emptyReportsBy(db: Database, reporterId: string): Promise<void> {
  await db.updateTable('reports').set({ reason: '' }).where('reporter_id', '=', reporterId).execute();
}
