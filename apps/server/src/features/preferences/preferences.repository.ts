/** SQL over what people want to be told of. */
import type { v2 } from '@majlis/contract';
import type { NotificationPreferencesTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';
import type { PreferencesRecord } from './preferences-record.ts';

const recordOf = ({ types, quiet_from: from, quiet_to: to, time_zone: timeZone }: NotificationPreferencesTable): PreferencesRecord => ({
  types: JSON.parse(types) as Record<string, v2.Delivery>,
  quietHours: from === null || to === null || timeZone === null ? null : { from, to, timeZone },
});

/** The preferences of those of these users who have chosen anything. */
export async function findPreferences(db: Database, userIds: readonly string[]): Promise<Map<string, PreferencesRecord>> {
  if (userIds.length === 0) return new Map();
  const rows = await db.selectFrom('notification_preferences').selectAll().where('user_id', 'in', userIds).execute();
  return new Map(rows.map((row) => [row.user_id, recordOf(row)]));
}

/** Sets a user's preferences. */
export async function savePreferences(db: Database, userId: string, { types, quietHours }: PreferencesRecord): Promise<void> {
  const chosen = {
    types: JSON.stringify(types),
    quiet_from: quietHours?.from ?? null,
    quiet_to: quietHours?.to ?? null,
    time_zone: quietHours?.timeZone ?? null,
  };
  await db
    .insertInto('notification_preferences')
    .values({ user_id: userId, ...chosen })
    .onConflict((conflict) => conflict.column('user_id').doUpdateSet(chosen))
    .execute();
}

/** Removes a user's preferences. */
export async function deletePreferences(db: Database, userId: string): Promise<void> {
  await db.deleteFrom('notification_preferences').where('user_id', '=', userId).execute();
}
