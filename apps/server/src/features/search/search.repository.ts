/** SQL of the full-text index: SQLite's FTS5 and PostgreSQL's tsvector behind the same functions. */
import { sql, type RawBuilder } from 'kysely';
import { bulkInsert, type BulkInsert, type BulkUpdate } from '../../storage/bulk.ts';
import type { MessagesTable } from '../../storage/schema.ts';
import type { Database, Storage, WriteConnection } from '../../storage/storage.ts';

/** A chat whose stream has gone on since it was last indexed. */
export interface BehindChat {
  chatId: string;
  /** The stream's counters now. */
  seq: number;
  version: number;
  /** How far the index has come; 0 before its first message. */
  indexedSeq: number;
  indexedVersion: number;
  /** Changes up to this version may have been forgotten. */
  forgotten: number;
}

/** A message as the index needs it. */
export type IndexedMessage = Pick<MessagesTable, 'id' | 'chat_id' | 'seq' | 'type' | 'content' | 'metadata' | 'created_at' | 'deleted_at'>;

/** A row of the index. */
export interface IndexRow {
  chatId: string;
  seq: number;
  createdAt: number;
  /** Folded, each once; without any the message has no row. */
  words: readonly string[];
}

const INDEXED_COLUMNS = ['m.id', 'm.chat_id', 'm.seq', 'm.type', 'm.content', 'm.metadata', 'm.created_at', 'm.deleted_at'] as const;
/** The changes that can alter what a message is found by. */
const ALTERING = ['message.edited', 'message.deleted'];

const indexedSeq = sql<number>`coalesce(p.seq, 0)`;
const indexedVersion = sql<number>`coalesce(p.version, 0)`;

function behind(db: Database) {
  return db
    .selectFrom('chats as c')
    .innerJoin('streams as s', (join) => join.on('s.id', '=', sql<string>`'chat:' || c.id`))
    .leftJoin('message_search_positions as p', 'p.chat_id', 'c.id')
    .select('c.id as chatId')
    .where((eb) => eb.or([eb('s.version', '>', indexedVersion), eb('s.seq', '>', indexedSeq)]));
}

/** Those of `chatIds` that are behind, by id. */
export async function findBehind(db: Database, chatIds: readonly string[]): Promise<BehindChat[]> {
  if (chatIds.length === 0) return [];
  return behind(db)
    .select(['s.seq', 's.version', indexedSeq.as('indexedSeq'), indexedVersion.as('indexedVersion'), 's.forgotten'])
    .where('c.id', 'in', chatIds)
    .orderBy('c.id')
    .execute();
}

/** Ids of some of a user's chats that are behind; with `chatId` of that one only. */
export async function findBehindOfMember(db: Database, userId: string, chatId: string | undefined, limit: number): Promise<string[]> {
  const rows = await behind(db)
    .innerJoin('chat_members as o', (join) => join.onRef('o.chat_id', '=', 'c.id').on('o.user_id', '=', userId))
    .$if(chatId !== undefined, (qb) => qb.where('c.id', '=', chatId!))
    .limit(limit)
    .execute();
  return rows.map((row) => row.chatId);
}

/** Looks through the next `limit` chats after `afterId`. @returns those that are behind, and where to go on; null at the end */
export async function sweepBehind(db: Database, afterId: string, limit: number): Promise<{ chatIds: string[]; next: string | null }> {
  const ids = await db.selectFrom('chats').select('id').where('id', '>', afterId).orderBy('id').limit(limit).execute();
  const last = ids.at(-1)?.id;
  if (last === undefined) return { chatIds: [], next: null };
  const rows = await behind(db).where('c.id', '>', afterId).where('c.id', '<=', last).execute();
  return { chatIds: rows.map((row) => row.chatId), next: ids.length < limit ? null : last };
}

// One indexer at a time over all nodes, until its transaction ends. The number is this lock's own.
const LOCK = 6_238_104_417;

/** Waits until no other node indexes. SQLite has one writer anyway. */
export async function lockIndex({ engine, db }: WriteConnection): Promise<void> {
  if (engine === 'postgres') await sql`select pg_advisory_xact_lock(${LOCK})`.execute(db);
}

/** As `lockIndex`, but @returns false where another node indexes. */
export async function tryLockIndex({ engine, db }: WriteConnection): Promise<boolean> {
  if (engine === 'sqlite') return true;
  const { rows } = await sql<{ locked: boolean }>`select pg_try_advisory_xact_lock(${LOCK}) as locked`.execute(db);
  return rows[0]!.locked;
}

/** Messages that follow those in the index: of `chatIds` all, of `partial` up to its seq. Ascending in each chat. */
export async function readNewMessages(
  db: Database,
  chatIds: readonly string[],
  partial?: { chatId: string; upToSeq: number },
): Promise<IndexedMessage[]> {
  const ids = partial ? [...chatIds, partial.chatId] : chatIds;
  if (ids.length === 0) return [];
  return db
    .selectFrom('chats as c')
    .leftJoin('message_search_positions as p', 'p.chat_id', 'c.id')
    .innerJoin('messages as m', (join) => join.onRef('m.chat_key', '=', 'c.key').on('m.seq', '>', indexedSeq))
    .select(INDEXED_COLUMNS)
    .where('c.id', 'in', ids)
    .$if(partial !== undefined, (qb) => qb.where((eb) => eb.or([eb('c.id', '!=', partial!.chatId), eb('m.seq', '<=', partial!.upToSeq)])))
    .orderBy('m.chat_id')
    .orderBy('m.seq')
    .execute();
}

/** That a message was edited or deleted. */
export interface Alteration {
  chatId: string;
  version: number;
  messageId: string;
}

/** The alterations that follow the indexed version of each of `chatIds` by at most `window` versions; by chat and version, at most `limit`. */
export async function readAlterations(db: Database, chatIds: readonly string[], window: number, limit: number): Promise<Alteration[]> {
  if (chatIds.length === 0) return [];
  const entries = await db
    .selectFrom('message_search_positions as p')
    .innerJoin('stream_log as l', (join) =>
      join
        .on('l.stream', '=', sql<string>`'chat:' || p.chat_id`)
        .onRef('l.version', '>', 'p.version')
        .on('l.version', '<=', sql<number>`p.version + ${sql.lit(window)}`),
    )
    .select(['p.chat_id', 'l.version', 'l.data'])
    .where('p.chat_id', 'in', chatIds)
    .where('l.kind', 'in', ALTERING)
    .orderBy('p.chat_id')
    .orderBy('l.version')
    .limit(limit)
    .execute();
  return entries.map(({ chat_id, version, data }) => {
    const { id, messageId } = JSON.parse(data) as { id?: string; messageId?: string };
    return { chatId: chat_id, version, messageId: (id ?? messageId)! };
  });
}

/** Messages by id, in no particular order. */
export async function readMessages(db: Database, ids: readonly string[]): Promise<IndexedMessage[]> {
  return ids.length === 0 ? [] : db.selectFrom('messages as m').select(INDEXED_COLUMNS).where('m.id', 'in', ids).execute();
}

// Ids of one millisecond. A commit, which has one time, holds fewer messages; the ids stay below 2^53 until 2089.
const IDS_A_MILLISECOND = 4096;
const EPOCH = Date.UTC(2020, 0, 1);

const nextFreeId = (base: string) =>
  `coalesce((select max(o.id) + 1 from message_search o where o.id >= ${base} and o.id < ${base} + ${IDS_A_MILLISECOND}), ${base})`;
// A message that is in the index already keeps its id, and with it its place in the answers.
const REPLACE = 'on conflict (chat_id, seq) do update set words = excluded.words';
const PUT_ROWS: BulkInsert = {
  kind: 'insert',
  name: 'put_message_search',
  sqlite: `insert into message_search (id, chat_id, seq, words) values (${nextFreeId('?1')}, ?2, ?3, '-' || ?2 || ' ' || ?4) ${REPLACE}`,
  postgres:
    'insert into message_search (id, chat_id, seq, words) ' +
    `select ${nextFreeId('v.base')} + row_number() over (partition by v.base order by v.nth) - 1, v.chat_id, v.seq, array_to_tsvector(string_to_array(v.words, ' ')) ` +
    `from unnest($1::int8[], $2::text[], $3::int8[], $4::text[]) with ordinality as v(base, chat_id, seq, words, nth) ${REPLACE}`,
};
const REMOVE_ROWS: BulkUpdate = {
  kind: 'update',
  name: 'remove_message_search',
  sqlite: 'delete from message_search where chat_id = ? and seq = ?',
  postgres:
    'delete from message_search s using unnest($1::text[], $2::int8[]) as v(chat_id, seq) where s.chat_id = v.chat_id and s.seq = v.seq',
};
const PUT_POSITIONS = bulkInsert(
  'message_search_positions',
  { chat_id: 'text', seq: 'int8', version: 'int8' },
  { onConflict: 'replace', key: ['chat_id'] },
);

/** Puts messages into the index as they are now; one without words leaves it. */
export async function putRows(connection: WriteConnection, rows: readonly IndexRow[]): Promise<void> {
  const { found = [], gone = [] } = Object.groupBy(rows, ({ words }) => (words.length > 0 ? 'found' : 'gone'));
  await connection.insertMany(
    PUT_ROWS,
    found.map((row) => [(row.createdAt - EPOCH) * IDS_A_MILLISECOND, row.chatId, row.seq, row.words.join(' ')]),
  );
  await connection.updateMany(
    REMOVE_ROWS,
    gone.map((row) => [row.chatId, row.seq]),
  );
}

/** Stores how far the index has come. */
export async function putPositions(
  connection: WriteConnection,
  positions: readonly { chatId: string; seq: number; version: number }[],
): Promise<void> {
  await connection.insertMany(
    PUT_POSITIONS,
    positions.map(({ chatId, seq, version }) => [chatId, seq, version]),
  );
}

export interface SearchQuery {
  userId: string;
  /** Folded; all must be there, of the last one its beginning. Not empty. */
  words: readonly string[];
  chatId?: string | undefined;
  /** Only messages before this position of an answer. */
  before?: number | undefined;
  limit: number;
}

/** A found message and its position in the answers. */
export interface Found {
  position: number;
  messageId: string;
}

/** What an engine is asked. `theirs` is true of the rows `o` of `chat_members` that say where. */
interface Question {
  words: readonly string[];
  theirs: RawBuilder<unknown>;
  before: number;
}

interface Matches {
  from: RawBuilder<unknown>;
  where: RawBuilder<unknown>;
  position: RawBuilder<unknown>;
}

// Naming each chat costs more than it spares where there are many (measured: 300,000 messages in 10,000 chats, of them 500).
const CHATS_NAMED = 300;

// Words are letters and digits only, so nothing in them is syntax.
const MATCHES: Record<Storage['engine'], (question: Question) => Matches> = {
  // SQLite would go through all answers of everybody: the chats are words too. One who is in none asks for what no message has.
  sqlite({ words, theirs, before }) {
    const asked = `${words.map((word) => `"${word}"`).join(' AND ')} *`;
    const inChats = sql`'(' || coalesce(group_concat('"-' || chat_id || '"', ' OR '), '"-"') || ') AND '`;
    const question = sql`(select case when count(*) > ${sql.lit(CHATS_NAMED)} then '' else ${inChats} end || ${asked} from chat_members o where ${theirs})`;
    return {
      from: sql`message_words w cross join message_search i`,
      where: sql`w.message_words match ${question} and w.rowid < ${before} and i.id = w.rowid`,
      position: sql`w.rowid`,
    };
  },
  // PostgreSQL's planner chooses by its statistics: from the words, from the chats, or from the newest on.
  postgres({ words, before }) {
    const asked = `${words.map((word) => `'${word}'`).join(' & ')}:*`;
    return { from: sql`message_search i`, where: sql`i.words @@ ${asked}::tsquery and i.id < ${before}`, position: sql`i.id` };
  },
};

/**
 * Messages that have all the words and are not deleted, in chats of which the user is a member as the statement runs, the newest first.
 */
export async function findMessages({ engine, db }: Storage, query: SearchQuery): Promise<Found[]> {
  const { userId, words, chatId, before = Number.MAX_SAFE_INTEGER, limit } = query;
  const theirs = sql`o.user_id = ${userId} ${chatId === undefined ? sql`` : sql`and o.chat_id = ${chatId}`}`;
  const { from, where, position } = MATCHES[engine]({ words, theirs, before });
  // SQLite takes the order of cross joins for the one to join in: the index first, in the order of the answers.
  const { rows } = await sql<Found>`
    select i.id as "position", m.id as "messageId"
    from ${from} cross join chat_members o cross join chats c cross join messages m
    where ${where}
      and o.chat_id = i.chat_id and ${theirs}
      and c.id = i.chat_id and m.chat_key = c.key and m.seq = i.seq and m.deleted_at is null
    order by ${position} desc limit ${limit}`.execute(db);
  return rows;
}
