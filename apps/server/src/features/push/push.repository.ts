/** SQL over push subscriptions, what waits to be pushed, and the key that pushes are signed with. */
import { sql } from 'kysely';
import type { PushesTable, PushSubscriptionsTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';

const KEYS = 'push.vapid';

/** Keeps the keys, where there are none: whichever node is first. */
export async function insertKeys(db: Database, keys: string): Promise<void> {
  await db
    .insertInto('application_state')
    .values({ key: KEYS, value: keys })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .execute();
}

/** The keys that all nodes share. */
export async function findKeys(db: Database): Promise<string | undefined> {
  return (await db.selectFrom('application_state').select('value').where('key', '=', KEYS).executeTakeFirst())?.value;
}

/** The subscription at an endpoint. */
export function findSubscription(db: Database, endpoint: string): Promise<PushSubscriptionsTable | undefined> {
  return db.selectFrom('push_subscriptions').selectAll().where('endpoint', '=', endpoint).executeTakeFirst();
}

/** Adds a subscription, or takes the endpoint over with what it has now. @returns as it is stored */
export function saveSubscription(db: Database, row: PushSubscriptionsTable): Promise<PushSubscriptionsTable> {
  const { user_id, p256dh, auth, expires_at } = row;
  return db
    .insertInto('push_subscriptions')
    .values(row)
    .onConflict((conflict) => conflict.column('endpoint').doUpdateSet({ user_id, p256dh, auth, expires_at }))
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** A user's subscriptions beyond the newest `keep`. */
export async function subscriptionsBeyond(db: Database, userId: string, keep: number): Promise<string[]> {
  const newest = db.selectFrom('push_subscriptions').select('id').where('user_id', '=', userId).orderBy('id', 'desc').limit(keep);
  const rows = await db.selectFrom('push_subscriptions').select('id').where('user_id', '=', userId).where('id', 'not in', newest).execute();
  return rows.map(({ id }) => id);
}

/** The ids of a user's subscriptions. */
export async function subscriptionsOf(db: Database, userIds: readonly string[]): Promise<{ id: string; user_id: string }[]> {
  if (userIds.length === 0) return [];
  return db.selectFrom('push_subscriptions').select(['id', 'user_id']).where('user_id', 'in', userIds).execute();
}

/** Those of these subscriptions that there are. */
export function findSubscriptions(db: Database, ids: readonly string[]): Promise<PushSubscriptionsTable[]> {
  return db.selectFrom('push_subscriptions').selectAll().where('id', 'in', ids).execute();
}

/** Whether anybody has a subscription. */
export async function anySubscription(db: Database): Promise<boolean> {
  return (await db.selectFrom('push_subscriptions').select('id').limit(1).executeTakeFirst()) !== undefined;
}

/** Removes subscriptions, and what waits for them. */
export async function deleteSubscriptions(db: Database, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await db.deleteFrom('pushes').where('subscription_id', 'in', ids).execute();
  await db.deleteFrom('push_subscriptions').where('id', 'in', ids).execute();
}

/** Adds what is to be pushed. Of what has one tag only the latest stays, and what was there already, or was pushed, is not added again. */
export async function insertPushes(db: Database, rows: readonly PushesTable[]): Promise<void> {
  if (rows.length === 0) return;
  await db
    .insertInto('pushes')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['subscription_id', 'tag'])
        .doUpdateSet((eb) => ({
          position: eb.ref('excluded.position'),
          payload: eb.ref('excluded.payload'),
          due_at: eb.ref('excluded.due_at'),
          attempts: 0,
          created_at: eb.ref('excluded.created_at'),
        }))
        .whereRef('pushes.position', '<', 'excluded.position'),
    )
    .execute();
}

/** When the next push is due, where one waits. */
export async function nextPush(db: Database): Promise<number | undefined> {
  const row = await db.selectFrom('pushes').select('due_at').where('due_at', 'is not', null).orderBy('due_at').limit(1).executeTakeFirst();
  return row?.due_at ?? undefined;
}

/** Takes pushes that are due for this node, until `leaseEnd`: then another may try. */
export function claimPushes(db: Database, now: number, leaseEnd: number, limit: number): Promise<PushesTable[]> {
  const due = db.selectFrom('pushes').select('id').where('due_at', '<=', now).orderBy('due_at').limit(limit);
  return (
    db
      .updateTable('pushes')
      .set((eb) => ({ due_at: leaseEnd, attempts: eb('attempts', '+', 1) }))
      .where('id', 'in', due)
      // Looked at again under the row's lock: another node may have been faster.
      .where('due_at', '<=', now)
      .returningAll()
      .execute()
  );
}

/** A push is done with: what it said is forgotten, that it was is not. A newer one of its tag that came meanwhile stays. */
export async function finishPush(db: Database, { id, position }: Pick<PushesTable, 'id' | 'position'>): Promise<void> {
  await db.updateTable('pushes').set({ due_at: null, payload: '' }).where('id', '=', id).where('position', '=', position).execute();
}

/** A push is tried again at a time (ms). */
export async function retryPush(db: Database, { id, position }: Pick<PushesTable, 'id' | 'position'>, at: number): Promise<void> {
  await db.updateTable('pushes').set({ due_at: at }).where('id', '=', id).where('position', '=', position).execute();
}

/** Gives up what waits and says `text`: an id in quotation marks, as JSON writes it. Few wait, so they are looked through. */
export async function dropPushesWith(db: Database, text: string): Promise<void> {
  const pattern = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
  await db
    .updateTable('pushes')
    .set({ due_at: null, payload: '' })
    .where('due_at', 'is not', null)
    .where(sql<boolean>`payload like ${pattern} escape '\\'`)
    .execute();
}

/** Forgets pushes from before a time. */
export async function deletePushesBefore(db: Database, time: number): Promise<void> {
  await db.deleteFrom('pushes').where('created_at', '<', time).execute();
}

/** A member of a chat who has a subscription. */
export interface SubscribedMember {
  chat_id: string;
  user_id: string;
  muted_until: number | null;
  delivered_seq: number;
  title: string | null;
}

/** The members of chats who have a subscription. */
export function subscribedMembers(db: Database, chatIds: readonly string[]): Promise<SubscribedMember[]> {
  return db
    .selectFrom('chat_members as m')
    .innerJoin('chats as c', 'c.id', 'm.chat_id')
    .select(['m.chat_id', 'm.user_id', 'm.muted_until', 'm.delivered_seq', 'c.title'])
    .where('m.chat_id', 'in', chatIds)
    .where('m.user_id', 'in', (eb) => eb.selectFrom('push_subscriptions').select('user_id'))
    .execute();
}
