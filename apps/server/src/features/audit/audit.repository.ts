/** SQL over the audit log. Entries are added and read, never changed. */
import type { AuditLogTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';

/** Which entries are asked for. */
export interface AuditFilter {
  actorId?: string | undefined;
  action?: string | undefined;
  subject?: string | undefined;
}

export async function insertAuditEntry(db: Database, entry: AuditLogTable): Promise<void> {
  await db.insertInto('audit_log').values(entry).execute();
}

/** Entries, the latest first, from before the one of that id. Ids are UUIDv7: their order is that of time. */
export function pageAuditEntries(
  db: Database,
  { actorId, action, subject }: AuditFilter,
  before: string | undefined,
  limit: number,
): Promise<AuditLogTable[]> {
  let query = db.selectFrom('audit_log').selectAll();
  if (actorId !== undefined) query = query.where('actor_id', '=', actorId);
  if (action !== undefined) query = query.where('action', '=', action);
  if (subject !== undefined) query = query.where('subject', '=', subject);
  if (before !== undefined) query = query.where('id', '<', before);
  return query.orderBy('id', 'desc').limit(limit).execute();
}
