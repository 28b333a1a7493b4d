/** The full-text index of the messages, and how far it has come in each chat. Frozen: later changes are later files. */
import { SqliteAdapter, sql, type Kysely } from 'kysely';

// `words` holds the folded words and the chat (`-<id>`, which no word can be), so that one list of the index has all messages of a chat.
const SQLITE = [
  // The id begins with the time, so the newest rows come first without sorting.
  'create table message_search (id integer primary key, chat_id text not null, seq integer not null, words text not null, unique (chat_id, seq))',
  // The words are cut and folded before: `ascii` takes every other character for a letter and splits at spaces only.
  `create virtual table message_words using fts5(
    words, content = 'message_search', content_rowid = 'id', tokenize = "ascii tokenchars '-'", detail = none, columnsize = 0, prefix = '2'
  )`,
  // What is deleted leaves the index at once and not at some later merge.
  `insert into message_words (message_words, rank) values ('secure-delete', 1)`,
  `create trigger message_search_insert after insert on message_search begin
    insert into message_words (rowid, words) values (new.id, new.words);
  end`,
  `create trigger message_search_delete after delete on message_search begin
    insert into message_words (message_words, rowid, words) values ('delete', old.id, old.words);
  end`,
  `create trigger message_search_update after update of words on message_search begin
    insert into message_words (message_words, rowid, words) values ('delete', old.id, old.words);
    insert into message_words (rowid, words) values (new.id, new.words);
  end`,
];

const POSTGRES = [
  'create table message_search (id int8 not null, chat_id text not null, seq int8 not null, words tsvector not null, primary key (chat_id, seq))',
  'create index message_search_id on message_search (id)',
  'create index message_search_words on message_search using gin (words)',
];

export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = db.getExecutor().adapter instanceof SqliteAdapter ? SQLITE : POSTGRES;
  for (const statement of statements) await sql.raw(statement).execute(db);

  await db.schema
    .createTable('message_search_positions')
    .addColumn('chat_id', 'text', (c) => c.primaryKey())
    .addColumn('seq', 'int8', (c) => c.notNull())
    .addColumn('version', 'int8', (c) => c.notNull())
    .execute();
}
