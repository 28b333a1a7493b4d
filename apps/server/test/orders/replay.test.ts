import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { deleteEntriesBefore } from '../../src/log/stream-log.repository.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { temporaryDatabase, POSTGRES_SERVER } from '../support/engines.ts';
import { seededRandom } from '../support/random.ts';
import { SERVER_ENGINES, startServer, type TestServer } from '../support/server.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { closeClients, connected } from '../support/sockets.ts';
import { closeFeeds, feedClient, following, newOrder, newStaff } from './feed-client.ts';

const LIMITLESS = { RATE_LIMIT_MAX_EVENTS: '1000000', RATE_LIMIT_MAX_LIGHT: '1000000' };

afterEach(closeFeeds);

for (const engine of SERVER_ENGINES) {
  describe.skipIf(engine.missing)(`what was missed (${engine.name})`, () => {
    let server: TestServer;
    let proxy: TcpProxy;
    let clerk: string;

    beforeAll(async () => {
      server = await engine.start(LIMITLESS);
      proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
      clerk = await newStaff(server);
    });
    afterAll(async () => {
      closeFeeds();
      await proxy.close();
      await server.stop();
    });

    const since = (query: Record<string, string | number>) => ({
      query: Object.fromEntries(Object.entries(query).map(([k, v]) => [k, String(v)])),
    });
    const acknowledge = async (id: number) => (await server.api('POST', `/api/orders/${id}/ack`, { as: clerk })).body;
    const forgetAll = () =>
      server.app.get(WriteQueue, { strict: false }).run([], (tx) => deleteEntriesBefore(tx.connection, Date.now() + 1, 100_000));

    test.each(['since', 'since_version'] as const)(
      'a clerk whose network is cut while fifty orders come sees all fifty once, in order, on return: %s',
      async (field) => {
        const before = await following(server, clerk, { port: proxy.port });
        const seen = await newOrder(server);
        await before.version(seen.version);
        // Nobody is told: the server still has the old socket, and the client has not noticed either.
        proxy.forsake();
        const fifty: { order_id: number }[] = [];
        for (let i = 0; i < 50; i++) fifty.push(await newOrder(server));
        const back = await following(server, clerk, {
          port: proxy.port,
          ...since({ [field]: field === 'since' ? seen.order_id : seen.version }),
        });
        const live = await newOrder(server);
        await back.version(live.version);
        await back.barrier();
        expect(back.created()).toEqual([...fifty, live].map(({ order_id }) => order_id));
        expect(back.all.map(({ event }) => event).slice(0, 3)).toEqual(['open', 'connected', 'order_created']);
        expect(before.created()).toEqual([seen.order_id]);
      },
    );

    test('`?since_version=<n>` replays all changes after it, as they were', async () => {
      const live = await following(server, clerk);
      const [one, two] = [await newOrder(server), await newOrder(server)];
      await acknowledge(one.order_id);
      const { version } = (await server.api('PATCH', `/api/orders/${two.order_id}`, { as: clerk, body: { status: 'cancelled' } })).body;
      await live.version(version);
      const replayed = await following(server, clerk, since({ since_version: one.version - 1 }));
      await replayed.version(version);
      expect(replayed.of('order_created')).toEqual(live.of('order_created'));
      expect(replayed.of('order_updated')).toEqual(live.of('order_updated'));
      expect(replayed.changes()).toEqual(live.changes());
    });

    test('`?since=<order_id>` replays the orders created after it, as they are now, and then every change', async () => {
      const [old, one, two] = [await newOrder(server), await newOrder(server), await newOrder(server)];
      await acknowledge(one.order_id);
      await acknowledge(old.order_id);
      const back = await following(server, clerk, since({ since: old.order_id }));
      await back.count('order_created', 2);
      const { version } = await acknowledge(two.order_id);
      await back.version(version);
      expect(back.changes()).toEqual([
        `${one.version} order_created ${one.order_id}`,
        `${two.version} order_created ${two.order_id}`,
        `${version} order_updated ${two.order_id}`,
      ]);
      // What rang meanwhile and rings no more does not ring for who comes back.
      expect(back.of('order_created').map(({ data }) => data.acknowledged_by)).toEqual([clerk, null]);
    });

    test('the order in which they came counts, not the ids that a key gave', async () => {
      const high = await newOrder(server, { order_id: 500_000 + Math.floor(Math.random() * 1e9) });
      const low = await newOrder(server, { order_id: high.order_id - 400_000 });
      const back = await following(server, clerk, since({ since: high.order_id }));
      await back.version(low.version);
      expect(back.created()).toEqual([low.order_id]);
    });

    test('without either nothing is replayed; of both, since_version counts; an empty one is none', async () => {
      const [one, two] = [await newOrder(server), await newOrder(server)];
      const created = async (query: Record<string, string | number>) => {
        const feed = await following(server, clerk, since(query));
        const { version, order_id } = await newOrder(server);
        await feed.version(version);
        return [feed.created(), order_id] as const;
      };
      const [none, next] = await created({});
      expect(none).toEqual([next]);
      expect((await created({ since: '', since_version: '' }))[0]).toHaveLength(1);
      const [both] = await created({ since: 0, since_version: one.version });
      expect(both[0]).toBe(two.order_id);
    });

    test('0 is the beginning', async () => {
      const total = (await server.api('GET', '/api/orders?limit=1', { as: clerk })).body.version;
      const [orders, changes] = [
        await following(server, clerk, since({ since: 0 })),
        await following(server, clerk, since({ since_version: 0 })),
      ];
      await changes.version(total);
      await orders.version((await newOrder(server)).version);
      expect(changes.changes()).toHaveLength(total);
      expect(orders.created()).toEqual(changes.created().concat(orders.created().at(-1)!));
    });

    test.each([
      [{ since: 987_654_321_012_345 }, 'NOT_FOUND', 'since'],
      [{ since_version: 987_654_321 }, 'NOT_FOUND', 'since_version'],
      [{ since: 'last' }, 'INVALID_DATA', 'since'],
      [{ since: -1 }, 'INVALID_DATA', 'since'],
      [{ since_version: '1.5' }, 'INVALID_DATA', 'since_version'],
      [{ since_version: '9'.repeat(16) }, 'INVALID_DATA', 'since_version'],
    ])('what there is not is said, and it goes on live: %j', async (query, code, field) => {
      const feed = await following(server, clerk, since(query));
      expect(await feed.next('error')).toMatchObject({ data: { code, details: { field } } });
      const made = await newOrder(server);
      await feed.version(made.version);
      expect(feed.created()).toEqual([made.order_id]);
    });

    test('a version older than what is kept: it is said, and the orders created since come as they are now; none is missed', async () => {
      const old = await newOrder(server);
      const missed = [await newOrder(server), await newOrder(server), await newOrder(server)];
      await acknowledge(missed[1].order_id);
      expect(await forgetAll()).toBeGreaterThan(0);
      const kept = await newOrder(server);
      const back = await following(server, clerk, since({ since_version: old.version }));
      const live = await newOrder(server);
      await back.version(live.version);
      expect(back.of('error')).toMatchObject([{ data: { code: 'NOT_FOUND', details: { field: 'since_version' } } }]);
      expect(back.created()).toEqual([...missed, kept, live].map(({ order_id }) => order_id));
      expect(back.of('order_created')[1]).toMatchObject({ version: missed[1].version, data: { acknowledged_by: clerk } });
      // What is kept is replayed without a word.
      const newer = await following(server, clerk, since({ since_version: kept.version }));
      await newer.version(live.version);
      expect(newer.of('error')).toEqual([]);
      expect(newer.created()).toEqual([live.order_id]);
    });

    test('without gap or repeat, while orders come and change all the time (seeded)', async () => {
      const random = seededRandom();
      const said = `SEED=${random.seed}`;
      const ids: number[] = [(await newOrder(server)).order_id];
      const first = (await newOrder(server)).version;
      const writing = new AbortController();
      const write = async () => {
        while (!writing.signal.aborted) {
          if (random.below(3) > 0) ids.push((await newOrder(server)).order_id);
          else await acknowledge(ids[random.below(ids.length)]!);
        }
      };
      const writers = Promise.all([write(), write(), write()]);
      const clients = [];
      for (let i = 0; i < 60; i++) {
        const current = (await server.api('GET', '/api/orders?limit=1', { as: clerk })).body.version as number;
        const version = first + random.below(current - first + 1);
        clients.push({ version, feed: feedClient(server, { query: { token: server.token(clerk), since_version: String(version) } }) });
        if (random.below(2) === 0)
          clients.push({ version: undefined, feed: feedClient(server, { query: { token: server.token(clerk) } }) });
      }
      writing.abort();
      await writers;
      for (const { feed } of clients) await feed.next('connected');
      const last = (await newOrder(server)).version;
      for (const { version, feed } of clients) {
        await feed.version(last);
        const from = version ?? feed.of('connected')[0].data.version;
        const got = feed.all.filter(({ event }) => event.startsWith('order_')).map(({ data }) => data.version);
        expect(got, said).toEqual(Array.from({ length: last - from }, (_, i) => from + 1 + i));
      }
    });

    test('and by order, while they change (seeded): each order once, and no change after the greeting is missed', async () => {
      const random = seededRandom();
      const said = `SEED=${random.seed}`;
      const start = await newOrder(server);
      for (let i = 0; i < 250; i += 50) await Promise.all(Array.from({ length: 50 }, () => newOrder(server)));
      const all = (await server.api('GET', '/api/orders?limit=200', { as: clerk })).body.data.map(
        ({ order_id }: { order_id: number }) => order_id,
      ) as number[];
      const clients = [];
      for (let i = 0; i < 20; i++) {
        clients.push(feedClient(server, { query: { token: server.token(clerk), since: String(start.order_id) } }));
        await Promise.all(Array.from({ length: 5 }, () => acknowledge(all[random.below(all.length)]!)));
        await newOrder(server);
      }
      for (const feed of clients) await feed.next('connected');
      const last = (await newOrder(server)).version;
      const whole = await following(server, clerk, since({ since_version: start.version }));
      await whole.version(last);
      for (const feed of clients) {
        await feed.version(last);
        expect(feed.created(), said).toEqual(whole.created());
        const greeted = feed.of('connected')[0].data.version as number;
        const updates = (client: typeof feed) => client.of('order_updated').filter(({ version }) => version > greeted);
        expect(updates(feed), said).toEqual(updates(whole));
        const versions = feed.all.filter(({ event }) => event.startsWith('order_')).map(({ data }) => data.version);
        expect(versions, said).toEqual(versions.toSorted((a, b) => a - b));
        expect(new Set(versions).size, said).toBe(versions.length);
      }
    });
  });
}

test('a long replay waits for its reader, and is not cut off for it', { timeout: 60_000 }, async () => {
  const server = await startServer({ ...LIMITLESS, SOCKET_MAX_BUFFERED_BYTES: '524288' });
  try {
    const clerk = await newStaff(server);
    // Some ten megabytes: more than the network takes by itself.
    const COUNT = 12_000;
    for (let i = 0; i < COUNT; i += 400) {
      await Promise.all(
        Array.from({ length: 400 }, () => newOrder(server, { customer_name: 'ن'.repeat(200), delivery_type: 'x'.repeat(32) })),
      );
    }
    const slow = feedClient(server, { query: { token: server.token(clerk), since_version: '0' } });
    await slow.next('order_created');
    slow.ws.pause();
    // The feed carries no chats: what is said to somebody who is only here is not delivered, even while the feed replays.
    await server.createUser('sender');
    const sender = await connected(server.url, '/', { token: server.token('sender') });
    const chat = (await server.api('POST', '/api/v2/chats', { as: 'sender', body: { type: 'direct', member_ids: [clerk] } })).body;
    await sender.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'hello' });
    await sender.next('chat:message:new');
    const live = await newOrder(server);
    expect((await server.api('GET', `/api/v2/chats/${chat.id}/messages`, { as: 'sender' })).body.data[0].status).toBe('sent');
    expect(sender.of('chat:message:delivered')).toEqual([]);
    const other = await following(server, clerk, { query: { since_version: String(live.version - 1) } });
    await other.version(live.version);
    slow.ws.resume();
    await slow.version(live.version);
    expect(slow.of('order_created').map(({ version }) => version)).toEqual(Array.from({ length: COUNT + 1 }, (_, i) => i + 1));
  } finally {
    closeFeeds();
    closeClients();
    await server.stop();
  }
});

describe.skipIf(POSTGRES_SERVER === undefined)('two nodes', () => {
  test('a client that has seen more than this node has been told of gets neither gap nor repeat here', async () => {
    const database = await temporaryDatabase(POSTGRES_SERVER!);
    const [one, other] = [
      await startServer({ ...LIMITLESS, DATABASE_URL: database.url }),
      await startServer({ ...LIMITLESS, DATABASE_URL: database.url }),
    ];
    try {
      const clerk = await newStaff(one);
      const made = [await newOrder(one), await newOrder(one), await newOrder(one)];
      // Nothing tells this node of what the other one commits.
      expect((await following(other, clerk)).of('connected')[0].data.version).toBe(0);
      const byVersion = await following(other, clerk, { query: { since_version: String(made[1].version) } });
      const byOrder = await following(other, clerk, { query: { since: String(made[0].order_id) } });
      const live = await newOrder(other);
      for (const [feed, expected] of [
        [byVersion, [made[2], live]],
        [byOrder, [made[1], made[2], live]],
      ] as const) {
        await feed.version(live.version);
        expect(feed.created()).toEqual(expected.map(({ order_id }) => order_id));
      }
    } finally {
      closeFeeds();
      await one.stop();
      await other.stop();
      await database.drop();
    }
  });

  test('a node that starts later, and hears first of a later change, misses none in between', async () => {
    const database = await temporaryDatabase(POSTGRES_SERVER!);
    const one = await startServer({ ...LIMITLESS, DATABASE_URL: database.url });
    try {
      const clerk = await newStaff(one);
      const before = await newOrder(one);
      const other = await startServer({ ...LIMITLESS, DATABASE_URL: database.url });
      try {
        const feed = await following(other, clerk);
        expect(feed.of('connected')[0].data.version).toBe(before.version);
        const [first, second] = [await newOrder(one), await newOrder(one)];
        const own = await newOrder(other);
        await feed.version(own.version);
        expect(feed.created()).toEqual([first, second, own].map(({ order_id }) => order_id));
      } finally {
        closeFeeds();
        await other.stop();
      }
    } finally {
      await one.stop();
      await database.drop();
    }
  });
});
