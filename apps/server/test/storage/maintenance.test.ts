import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi, type TestContext } from 'vitest';
import { copiedTables, DERIVED_TABLES, STORE_ID_KEY } from '../../src/storage/copy-store.ts';
import { migrate } from '../../src/storage/migrate.ts';
import { openPostgres, postgresPools } from '../../src/storage/postgres.ts';
import { openSqlite } from '../../src/storage/sqlite.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { newOrder } from '../orders/feed-client.ts';
import { makeGroup, makeUsers, ok, say, UNLIMITED, v2Client } from '../support/chats.ts';
import { POSTGRES_SERVER, temporaryDatabase, temporaryFolder } from '../support/engines.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { closeClients } from '../support/sockets.ts';
import { catchUp, upTo } from '../sync/streams.ts';
import { makeTicket, messagesOf, send } from '../tickets/tickets.ts';

const CLI = join(import.meta.dirname, '../../dist/cli.js');

// Each of these starts processes, one after the other.
vi.setConfig({ testTimeout: 60_000 });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let files = 0;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());
afterEach(closeClients);

/** Runs the built command as an operator does. */
async function majlis(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: folder.path,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const [code] = await once(child, 'close');
  return { code: code as number, output, errors };
}

const newFile = () => join(folder.path, `${files++}.sqlite`);

async function newDatabase(onTestFinished: TestContext['onTestFinished']): Promise<string> {
  const database = await temporaryDatabase(POSTGRES_SERVER!);
  onTestFinished(database.drop);
  return database.url;
}

const open = (store: string): Storage =>
  store.startsWith('sqlite:') ? openSqlite(store.slice('sqlite:'.length)) : openPostgres(postgresPools(store));

async function within<T>(store: string, work: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = open(store);
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}

/** The tables that must be the same after a copy, as the database itself lists them: not by the code under test. */
async function tablesOf(storage: Storage): Promise<Map<string, string[]>> {
  const tables = await storage.schemaOwner.introspection.getTables();
  return new Map(
    tables
      .filter(({ name, isView }) => !isView && !/^(kysely_|message_search|message_words|sqlite_)/.test(name))
      .map(({ name, columns }) => [name, columns.map((column) => column.name)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Everything that a store holds, table by table; each table's rows in an order that both engines have. */
async function contentsOf(store: string): Promise<Record<string, string[]>> {
  return within(store, async (storage) => {
    const contents: Record<string, string[]> = {};
    for (const [name, columns] of await tablesOf(storage)) {
      const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(storage.db);
      // A copy is another store, which makes an id of its own.
      contents[name] = rows
        .filter((row) => name !== 'application_state' || row['key'] !== STORE_ID_KEY)
        .map((row) => JSON.stringify(columns.map((column) => row[column])))
        .toSorted();
    }
    return contents;
  });
}

/** Rows for every table there is, also those that this test knows nothing of: more than a batch, with what is hard to carry over. */
async function fill(store: string, rows: number): Promise<void> {
  await within(store, async (storage) => {
    await migrate(storage);
    for (const name of (await tablesOf(storage)).keys()) {
      const { rows: columns } = await sql<{ name: string; type: string; required: number }>`
        select name, lower(type) as type, "notnull" + pk as required from pragma_table_info(${name})`.execute(storage.db);
      const values = upTo(0, rows - 1).map((i) =>
        Object.fromEntries(
          columns.map(({ name: column, type, required }) => {
            if (!required && i % 3 === 0) return [column, null];
            if (type === 'text') return [column, `${column} ${i} "'\\\n	مجلس 👩‍👩‍👧 {"a":[1,null]}`];
            if (type === 'float8') return [column, i / 7];
            return [column, type === 'int2' ? i % 2 : Number.MAX_SAFE_INTEGER - i];
          }),
        ),
      );
      await storage.transaction(async ({ db }) => {
        for (const row of values) {
          await db
            .insertInto(name as never)
            .values(row as never)
            .execute();
        }
      });
    }
  });
}

/** A server with some of everything that its surfaces can make, and what its clients are told of it. */
async function makeTraffic(server: TestServer) {
  const [amal, bashir] = await makeUsers(server, 'amal', 'bashir');
  const { id: chatId } = await makeGroup(server, amal, bashir);
  const [one, other] = [await v2Client(server, amal), await v2Client(server, bashir)];
  const sent: Awaited<ReturnType<typeof say>>[] = [];
  for (const i of upTo(1, 30)) sent.push(await say(i % 2 ? one : other, chatId, `سلام ${i}`, { client_message_id: `${i}` }));
  const message = (i: number, more = {}) => ({ chat_id: chatId, message_id: sent[i]!.message_id, ...more });
  await one.ask('chat:message:edit', message(2, { content: 'edited' }));
  await one.ask('chat:message:delete', message(4));
  await other.ask('chat:message:react', message(6, { emoji: '👍', on: true }));
  await other.ask('chat:message:read', message(8));
  await server.api('POST', '/api/v2/notifications', {
    key: true,
    body: { user_ids: [amal, bashir], type: 'mention', title: 'T', body: 'B', data: { a: [1] } },
  });
  const ticket = await makeTicket(server);
  await send(server, ticket.agent, ticket.id, 'internal', { isInternal: true });
  await send(server, ticket.owner, ticket.id, 'more');
  const order = await newOrder(server);
  closeClients();
  return { amal, bashir, chatId, ticket, order };
}

/** What clients see of it; must be the same wherever the store is. */
async function answers(server: TestServer, { amal, bashir, chatId, ticket }: Awaited<ReturnType<typeof makeTraffic>>) {
  const get = async (as: string, path: string) => ok(await server.api('GET', path, { as }));
  const sockets = await Promise.all([amal, bashir].map((user) => v2Client(server, user)));
  const seen = {
    chats: await get(amal, '/api/v2/chats'),
    messages: await get(bashir, `/api/v2/chats/${chatId}/messages`),
    streams: await Promise.all(sockets.map(async (one) => [await catchUp(one, `chat:${chatId}`, 0), await catchUp(one, 'user', 0)])),
    notifications: await get(amal, '/api/v2/notifications'),
    tickets: await get(ticket.agent, '/api/v1/support/tickets'),
    conversation: [await messagesOf(server, ticket.agent, ticket.id), await messagesOf(server, ticket.owner, ticket.id)],
    orders: await get(ticket.manager, '/api/orders'),
    found: (await get(amal, `/api/v2/search/messages?q=${encodeURIComponent('سلام')}`)).data.length as number,
  };
  closeClients();
  return seen;
}

/** Sends again what was sent, and something new; the store must remember the one and go on counting with the other. */
async function goesOn(server: TestServer, { bashir, chatId, order }: Awaited<ReturnType<typeof makeTraffic>>) {
  const client = await v2Client(server, bashir);
  const { last_seq, version } = ok(await server.api('GET', `/api/v2/chats/${chatId}`, { as: bashir }));
  expect(await say(client, chatId, 'سلام 2', { client_message_id: '2' })).toMatchObject({ seq: 2 });
  expect(await say(client, chatId, 'after')).toMatchObject({ seq: last_seq + 1 });
  expect(await client.next('chat:message:new')).toMatchObject({ version: version + 1, seq: last_seq + 1 });
  expect(await newOrder(server)).toMatchObject({ order_id: order.order_id + 1, version: order.version + 1 });
  closeClients();
}

describe.skipIf(POSTGRES_SERVER === undefined)('majlis migrate-store', () => {
  test('copies every table of the schema but for the search index, and both engines have them alike', async ({ onTestFinished }) => {
    const [one, other] = await Promise.all(
      [`sqlite:${newFile()}`, await newDatabase(onTestFinished)].map((store) =>
        within(store, async (storage) => {
          await migrate(storage);
          return { there: await tablesOf(storage), copied: await copiedTables(storage.db, storage.engine) };
        }),
      ),
    );
    expect([...one!.copied.keys()]).toEqual([...one!.there.keys()]);
    expect([...other!.there.keys()]).toEqual([...one!.there.keys()]);
    expect(other!.copied).toEqual(one!.copied);
    for (const name of DERIVED_TABLES) expect(one!.copied.has(name)).toBe(false);
  });

  test('nothing counts outside the tables, and no table must be filled before another', async ({ onTestFinished }) => {
    await within(await newDatabase(onTestFinished), async (storage) => {
      await migrate(storage);
      const { rows } = await sql`
        select sequencename::text as name from pg_sequences where schemaname = current_schema()
        union all select conname::text from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace`.execute(
        storage.db,
      );
      expect(rows).toEqual([]);
    });
  });

  test('every row of every table arrives as it was, there and back', async ({ onTestFinished }) => {
    const [source, back] = [newFile(), newFile()];
    const database = await newDatabase(onTestFinished);
    await fill(`sqlite:${source}`, 1_201);
    await within(`sqlite:${source}`, (storage) =>
      storage.transaction(({ db }) => db.insertInto('application_state').values({ key: STORE_ID_KEY, value: 'mine' }).execute()),
    );
    const expected = await contentsOf(`sqlite:${source}`);
    for (const rows of Object.values(expected)) expect(rows.length).toBeGreaterThanOrEqual(1_201);

    const there = await majlis(['migrate-store', '--from', `sqlite:${source}`, '--to', database]);
    expect(there).toMatchObject({ code: 0, errors: '' });
    expect(there.output).toContain('messages: 1201\n');
    expect(await contentsOf(database)).toEqual(expected);
    // The nodes of two stores that share a Redis must not take each other for their own.
    const { rows } = await within(database, (storage) =>
      sql`select value from application_state where key = ${STORE_ID_KEY}`.execute(storage.db),
    );
    expect(rows).toEqual([]);

    expect(await majlis(['migrate-store', '--from', database, '--to', `sqlite:${back}`])).toMatchObject({ code: 0, errors: '' });
    expect(await contentsOf(`sqlite:${back}`)).toEqual(expected);
  });

  test('a server started on the result answers the same, knows what was sent, and goes on counting', async ({ onTestFinished }) => {
    const database = await newDatabase(onTestFinished);
    const dataDir = join(folder.path, 'source');
    const source = `sqlite:${join(dataDir, 'majlis.sqlite')}`;
    const first = await startServer({ ...UNLIMITED, DATA_DIR: dataDir });
    const traffic = await makeTraffic(first);
    // Who asks has received, so the second answer is the one that lasts.
    await answers(first, traffic);
    const before = await answers(first, traffic);
    const whileItRuns = await majlis(['migrate-store', '--from', source, '--to', database]);
    expect(whileItRuns).toMatchObject({ code: 1, errors: expect.stringMatching(/^A server runs on the source; stop it first/) });
    await first.stop();

    expect(await majlis(['migrate-store', '--from', source, '--to', database])).toMatchObject({ code: 0, errors: '' });
    const second = await startServer({ ...UNLIMITED, DATABASE_URL: database });
    try {
      expect(await answers(second, traffic)).toEqual(before);
      await goesOn(second, traffic);
      const back = ['migrate-store', '--from', database, '--to', `sqlite:${newFile()}`];
      expect(await majlis(back)).toMatchObject({ code: 1, errors: expect.stringMatching(/^A server runs on the source/) });
    } finally {
      await second.stop();
    }
  });

  test('refuses what would harm: a target that is not empty, a source that is none, places that are none', async ({ onTestFinished }) => {
    const [full, another, other] = [newFile(), newFile(), newFile()];
    const database = await newDatabase(onTestFinished);
    for (const store of [`sqlite:${full}`, `sqlite:${another}`, `sqlite:${other}`, database]) {
      await within(store, async (storage) => {
        await migrate(storage);
        await storage.transaction(({ db }) => db.insertInto('application_state').values({ key: 'k', value: store }).execute());
      });
    }
    const mine = await contentsOf(database);
    const stray = newFile();
    writeFileSync(stray, '');
    const places = [
      [`sqlite:${full}`, database, /^The target must be an empty database, and it has tables \(\w+, /],
      [`sqlite:${another}`, `sqlite:${other}`, /^The target must be an empty database/],
      [`sqlite:${newFile()}`, database, /^There is no file /],
      [`sqlite:${stray}`, `sqlite:${newFile()}`, /^The source holds no store of Majlis/],
      ['mysql://x', database, /^A store is named sqlite:<file> or postgres:/],
    ] as const;
    await Promise.all(
      places.map(async ([from, to, message]) => {
        const { code, errors } = await majlis(['migrate-store', '--from', from, '--to', to]);
        expect([code, errors]).toEqual([1, expect.stringMatching(message)]);
        expect(errors.trim().split('\n')).toHaveLength(1);
      }),
    );
    expect(await contentsOf(database)).toEqual(mine);
    expect((await majlis(['migrate-store', '--from', database])).errors).toMatch(/takes --from and --to\nUsage:/);
  });

  test('a copy that fails leaves the target as empty as it was', async ({ onTestFinished }) => {
    const source = newFile();
    const database = await newDatabase(onTestFinished);
    await fill(`sqlite:${source}`, 10);
    // What PostgreSQL cannot take, and SQLite can, in the last table.
    await within(`sqlite:${source}`, (storage) =>
      storage.transaction(({ db }) => sql`update users set created_at = 'not a number' where rowid = 1`.execute(db)),
    );
    const failed = await majlis(['migrate-store', '--from', `sqlite:${source}`, '--to', database]);
    expect(failed).toMatchObject({ code: 1, errors: expect.stringMatching(/users could not be copied/) });
    expect(failed.output).toContain('messages: 10\n');
    expect(await contentsOf(database)).toEqual({});
  });
});

const servers = [
  { name: 'SQLite', missing: false, database: async () => undefined },
  { name: 'PostgreSQL', missing: POSTGRES_SERVER === undefined, database: newDatabase },
];

for (const engine of servers) {
  describe.skipIf(engine.missing)(`majlis backup (${engine.name})`, () => {
    test('while many write: one state, with all that was acknowledged before; a server runs on it and goes on', async ({
      onTestFinished,
    }) => {
      const url = await engine.database(onTestFinished);
      const server = await startServer({ ...UNLIMITED, ...(url && { DATABASE_URL: url }) });
      const env: Record<string, string> = { DATA_DIR: server.settings.DATA_DIR, ...(url && { DATABASE_URL: url }) };
      const traffic = await makeTraffic(server);
      const file = newFile();
      const over = new AbortController();
      const acknowledged: string[] = [];
      const writers = await Promise.all(
        [traffic.amal, traffic.bashir].map(async (user) => {
          const client = await v2Client(server, user);
          return async () => {
            while (!over.signal.aborted) acknowledged.push((await say(client, traffic.chatId, 'busy')).message_id);
          };
        }),
      );
      const writing = Promise.all(writers.map((write) => write()));
      await expect.poll(() => acknowledged.length).toBeGreaterThan(20);
      const before = [...acknowledged];
      const done = await majlis(['backup', file], env);
      const during = acknowledged.length;
      over.abort();
      await writing;
      expect(done).toMatchObject({ code: 0, errors: '' });
      expect(during).toBeGreaterThan(before.length);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      for (const beside of ['-wal', '-shm', '-journal']) expect(existsSync(file + beside)).toBe(false);

      const live = await contentsOf(url ?? `sqlite:${join(server.settings.DATA_DIR, 'majlis.sqlite')}`);
      const kept = await contentsOf(`sqlite:${file}`);
      // Messages are never changed by this traffic, so those that were kept are those that there are.
      expect(live['messages']).toEqual(expect.arrayContaining(kept['messages']!));
      for (const id of before) expect(kept['messages']!.some((row) => row.includes(id))).toBe(true);
      for (const table of ['chats', 'notifications', 'tickets', 'ticket_messages', 'orders']) expect(kept[table]).toEqual(live[table]);
      // When users were last seen goes on changing.
      expect(kept['users']).toHaveLength(live['users']!.length);

      const again = await majlis(['backup', file], env);
      expect(again).toMatchObject({ code: 1, errors: expect.stringMatching(/exists already/) });
      closeClients();
      await server.stop();

      const dataDir = join(folder.path, `restored-${engine.name}`);
      mkdirSync(dataDir);
      copyFileSync(file, join(dataDir, 'majlis.sqlite'));
      const restored = await startServer({ ...UNLIMITED, DATA_DIR: dataDir });
      try {
        const client = await v2Client(restored, traffic.amal);
        const { last_seq } = ok(await restored.api('GET', `/api/v2/chats/${traffic.chatId}`, { as: traffic.amal }));
        expect(last_seq).toBe(kept['messages']!.length);
        const { events } = await catchUp(client, `chat:${traffic.chatId}`, 0);
        expect(events.map(({ version }) => version)).toEqual(upTo(1, events.length));
        await goesOn(restored, traffic);
      } finally {
        await restored.stop();
      }
    });
  });
}
