/** SQL over users. */
import { sql, type ExpressionBuilder, type Selectable } from 'kysely';
import type { Bit, Schema, UsersTable } from '../../storage/schema.ts';
import { TransactionConflict, type Database } from '../../storage/storage.ts';
import { foldText } from '../search/fold.ts';
import type { StoredProfile, UserChange, UserDraft, UserRecord } from './user-record.ts';

const RECORD = [
  'id',
  'name',
  'avatar',
  'role',
  'email',
  'locale',
  'is_master',
  'disabled',
  'erased_at',
  'blocked_until',
  'created_at',
] as const;
const PROFILE = [...RECORD, 'last_seen', 'search_key'] as const;

type RecordRow = Pick<Selectable<UsersTable>, (typeof RECORD)[number]>;
type ProfileRow = Pick<Selectable<UsersTable>, (typeof PROFILE)[number]>;

function toRecord(row: RecordRow): UserRecord {
  return {
    id: row.id,
    name: row.name,
    avatar: row.avatar,
    role: row.role,
    email: row.email,
    locale: row.locale,
    isMaster: row.is_master === 1,
    disabled: row.disabled === 1,
    erased: row.erased_at !== null,
    blockedUntil: row.blocked_until,
    createdAt: row.created_at,
  };
}

const toProfile = (row: ProfileRow): StoredProfile => ({ user: toRecord(row), lastSeen: row.last_seen, searchKey: row.search_key });

const bit = (value: boolean | undefined): Bit | undefined => (value === undefined ? undefined : value ? 1 : 0);

const folded = (text: string) => foldText(text).replace(/\s+/g, ' ').trim();

// Neither part has a line break in its folded form, so a name cannot reach into the id.
const searchKey = (name: string, id: string) => `${folded(name)}\n${folded(id)}`;

/** Text that a `like … escape '\'` pattern matches as it is. */
const literally = (text: string) => text.replace(/[\\%_]/g, '\\$&');

/** The user of that id, an erased one too. */
export async function findUser(db: Database, id: string): Promise<UserRecord | undefined> {
  const row = await db.selectFrom('users').select(RECORD).where('id', '=', id).executeTakeFirst();
  return row && toRecord(row);
}

/** Those of `ids` that exist, in no particular order. */
export async function findUsers(db: Database, ids: readonly string[]): Promise<UserRecord[]> {
  const rows = await db.selectFrom('users').select(RECORD).where('id', 'in', ids).execute();
  return rows.map(toRecord);
}

/** The user of that id with what only the database knows. */
export async function findProfile(db: Database, id: string): Promise<StoredProfile | undefined> {
  const row = await db.selectFrom('users').select(PROFILE).where('id', '=', id).executeTakeFirst();
  return row && toProfile(row);
}

/** The id of the user who has that address. */
export async function findIdByEmail(db: Database, email: string): Promise<string | undefined> {
  return (await db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirst())?.id;
}

/** What a sign-in with that address is checked against. */
export async function findCredentials(db: Database, email: string): Promise<{ id: string; passwordHash: string | null } | undefined> {
  const row = await db.selectFrom('users').select(['id', 'password_hash']).where('email', '=', email).executeTakeFirst();
  return row && { id: row.id, passwordHash: row.password_hash };
}

/** Whether there is any user, erased ones included. */
export async function hasUser(db: Database): Promise<boolean> {
  return (await db.selectFrom('users').select('id').limit(1).executeTakeFirst()) !== undefined;
}

/** Whether somebody can administer this server. */
export async function hasActiveAdmin(db: Database): Promise<boolean> {
  const row = await db
    .selectFrom('users')
    .select('id')
    .where('role', '=', 'admin')
    .where('disabled', '=', 0)
    .where('erased_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Ids of those who are staff and may sign in. */
export async function findStaffIds(db: Database): Promise<string[]> {
  const rows = await db
    .selectFrom('users')
    .select('id')
    .where('role', '!=', 'user')
    .where('disabled', '=', 0)
    .where('erased_at', 'is', null)
    .execute();
  return rows.map(({ id }) => id);
}

/** Where a page of the list ends: whether the entry only contains what was asked for, its key, its id. */
export type ListPosition = [rank: number, searchKey: string, id: string];

/**
 * Users whose name or id begins with, or else contains, `query`, in alphabetical order; erased ones never.
 * @param after where the page before ended
 */
export async function searchUsers(
  db: Database,
  { query, after, limit }: { query: string; after: ListPosition | undefined; limit: number },
): Promise<{ profile: StoredProfile; position: ListPosition }[]> {
  const text = literally(folded(query));
  const begins = sql<number>`case when search_key like ${`${text}%`} escape '\\' or search_key like ${`%\n${text}%`} escape '\\' then 0 else 1 end`;
  // Without a question all are equal, and the index gives the order.
  const rank = text === '' ? sql<number>`0` : begins;
  let select = db.selectFrom('users').select(PROFILE).select(rank.as('rank')).where('erased_at', 'is', null);
  if (text !== '') select = select.where(sql<boolean>`search_key like ${`%${text}%`} escape '\\'`).orderBy('rank');
  if (after) select = select.where((eb) => following(eb, text === '' ? undefined : rank, after));
  const rows = await select.orderBy('search_key').orderBy('id').limit(limit).execute();
  return rows.map((row) => ({ profile: toProfile(row), position: [row.rank, row.search_key, row.id] }));
}

function following(
  eb: ExpressionBuilder<Schema, 'users'>,
  rank: ReturnType<typeof sql<number>> | undefined,
  [afterRank, key, id]: ListPosition,
) {
  const later = eb.or([eb('search_key', '>', key), eb.and([eb('search_key', '=', key), eb('id', '>', id)])]);
  return rank ? eb.or([eb(rank, '>', afterRank), eb.and([eb(rank, '=', afterRank), later])]) : later;
}

/** Adds a user. @throws TransactionConflict where another node has just made it: the transaction runs again and finds it */
export async function insertUser(db: Database, id: string, fields: UserDraft, now: number): Promise<void> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('users')
    .values({
      id,
      name: fields.name,
      avatar: fields.avatar ?? null,
      role: fields.role ?? 'user',
      email: fields.email ?? null,
      password_hash: fields.passwordHash ?? null,
      locale: fields.locale ?? null,
      is_master: bit(fields.isMaster) ?? 0,
      disabled: bit(fields.disabled) ?? 0,
      erased_at: null,
      last_seen: null,
      blocked_until: fields.blockedUntil ?? null,
      search_key: searchKey(fields.name, id),
      created_at: now,
      updated_at: now,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 1n) throw new TransactionConflict(`user ${id} was made at the same time`);
}

/** Changes a user. */
export async function updateUser(db: Database, id: string, change: UserChange, now: number): Promise<void> {
  const { name, avatar, role, email, passwordHash, locale, isMaster, disabled, blockedUntil } = change;
  await db
    .updateTable('users')
    .set({
      name,
      avatar,
      role,
      email,
      password_hash: passwordHash,
      locale,
      is_master: bit(isMaster),
      disabled: bit(disabled),
      blocked_until: blockedUntil,
      ...(name === undefined ? {} : { search_key: searchKey(name, id) }),
      updated_at: now,
    })
    .where('id', '=', id)
    .execute();
}

/** Empties a user's row of the person; the row stays, so that others' conversations keep a sender. */
export async function emptyUser(db: Database, id: string, now: number): Promise<void> {
  await db
    .updateTable('users')
    .set({
      name: '',
      avatar: null,
      role: 'user',
      email: null,
      password_hash: null,
      locale: null,
      is_master: 0,
      disabled: 1,
      last_seen: null,
      blocked_until: null,
      search_key: searchKey('', id),
      erased_at: now,
      updated_at: now,
    })
    .where('id', '=', id)
    .execute();
}

/** Forgets from which devices a user connected. */
export async function forgetDevices(db: Database, id: string): Promise<void> {
  await db.deleteFrom('devices').where('user_id', '=', id).execute();
}

/** Ends all sign-ins of a user. */
export async function endSignIns(db: Database, id: string): Promise<void> {
  await db.deleteFrom('refresh_tokens').where('user_id', '=', id).execute();
}
