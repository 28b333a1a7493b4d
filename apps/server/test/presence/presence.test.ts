import { expect, test } from 'vitest';
import { caughtUp, makeUsers, ok, onServer, onServers, TIME, v2Client, v2Clients } from '../support/chats.ts';
import { client, connected } from '../support/sockets.ts';
import { heardOf, offline, online } from './listening.ts';

const SHORT_GRACE = { PRESENCE_GRACE_MS: '300' };

onServers(
  'presence',
  (server) => {
    async function trio() {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const claras = await v2Client(server(), clara);
      return { anna, boris, clara, claras };
    }

    test("`user:online {user_id, online:true, last_seen}` when a user's first socket connects", async () => {
      const { anna, claras } = await trio();
      const before = Date.now();
      await v2Client(server(), anna);
      const change = await online(claras, anna);
      expect(change).toEqual({ user_id: anna, online: true, last_seen: expect.stringMatching(TIME) });
      expect(Date.parse(change.last_seen)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(change.last_seen)).toBeLessThanOrEqual(Date.now());
    });

    test('`user:offline {user_id, online:false, last_seen}` after the last one has gone; last_seen is when it went, stored and shown by REST', async () => {
      const { anna, claras } = await trio();
      const annas = await v2Client(server(), anna);
      const { last_seen: since } = await online(claras, anna);
      expect(ok(await server().api('GET', `/api/v2/users/${anna}`, { key: true }))).toMatchObject({ online: true, last_seen: since });
      const before = Date.now();
      annas.close();
      const change = await offline(claras, anna);
      expect(change).toEqual({ user_id: anna, online: false, last_seen: expect.stringMatching(TIME) });
      expect(Date.parse(change.last_seen)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(change.last_seen)).toBeLessThanOrEqual(Date.now() - 299);
      await expect
        .poll(async () => ok(await server().api('GET', `/api/v2/users/${anna}`, { key: true })), { timeout: 10_000 })
        .toMatchObject({ online: false, last_seen: change.last_seen });
      expect(heardOf(claras, anna)).toEqual(['user:online', 'user:offline']);
    });

    test('all of a user’s sockets are counted together, on whatever namespace: online once, offline once', async () => {
      const { anna, boris, claras } = await trio();
      const phone = await connected(server().url, '/support', { token: server().token(anna) });
      await online(claras, anna);
      const tablet = await v2Client(server(), anna);
      phone.cut();
      await phone.next('disconnect');
      const boriss = await v2Client(server(), boris);
      await online(claras, boris);
      boriss.close();
      // Anna's phone had gone before Boris came.
      await offline(claras, boris);
      expect(heardOf(claras, anna)).toEqual(['user:online']);
      tablet.close();
      await offline(claras, anna);
      expect(heardOf(claras, anna)).toEqual(['user:online', 'user:offline']);
    });

    test('who comes back within the grace time was never away', async () => {
      const { anna, boris, claras } = await trio();
      const annas = await v2Client(server(), anna);
      const boriss = await v2Client(server(), boris);
      await online(claras, boris);
      annas.close();
      const again = await v2Client(server(), anna);
      boriss.close();
      await offline(claras, boris);
      expect(heardOf(claras, anna)).toEqual(['user:online']);
      expect((await claras.ask('presence:get', { user_ids: [anna] })).users[0].online).toBe(true);
      again.close();
      await offline(claras, anna);
    });

    test('"Not sent to oneself": not to one’s other devices either, alone or among many', async () => {
      const crowd = await makeUsers(server(), ...Array.from({ length: 20 }, (_, i) => `user${i}`));
      const clients = await Promise.all(crowd.map((userId) => v2Client(server(), userId)));
      const devices = await Promise.all(crowd.map((userId) => v2Client(server(), userId)));
      const [late] = await makeUsers(server(), 'late');
      const lates = await v2Client(server(), late);
      await Promise.all([...clients, ...devices].map((one) => online(one, late)));
      await caughtUp(lates);
      for (const [i, one] of [...clients, ...devices].entries()) expect(heardOf(one, crowd[i % crowd.length]!)).toEqual([]);
      expect(heardOf(lates, late)).toEqual([]);
    });

    test('in a storm everybody hears of everybody else once, and of nobody twice', async () => {
      const crowd = await makeUsers(server(), ...Array.from({ length: 40 }, (_, i) => `storm${i}`));
      const { clara, claras } = await trio();
      const clients = await Promise.all(crowd.map((userId) => v2Client(server(), userId)));
      await Promise.all(crowd.map((userId) => online(claras, userId)));
      for (const one of clients.slice(1)) one.cut();
      await Promise.all(crowd.slice(1).map((userId) => offline(claras, userId)));
      claras.close();
      await offline(clients[0]!, clara);
      for (const userId of crowd.slice(1)) {
        expect(heardOf(claras, userId)).toEqual(['user:online', 'user:offline']);
        expect(heardOf(clients[0]!, userId).filter((event) => event === 'user:offline')).toHaveLength(1);
      }
      // Who was there all the time heard of each once; who came in the storm at most once.
      for (const one of clients) {
        const heard = one.of('user:online').map(({ user_id }) => user_id as string);
        expect(new Set(heard).size).toBe(heard.length);
      }
    });

    test('only v2 sockets on `/` are told', async () => {
      const { anna, boris, claras } = await trio();
      const others = await Promise.all(
        ['/notifications', '/support'].map((namespace) => connected(server().url, namespace, { token: server().token(boris) })),
      );
      const annas = await v2Client(server(), anna);
      await online(claras, anna);
      annas.close();
      await offline(claras, anna);
      await caughtUp(...others);
      for (const other of others) expect(other.all.filter(({ event }) => event.startsWith('user:'))).toEqual([]);
    });

    test('a client that gathers its events gets presence in a batch', async () => {
      const { anna, boris } = await trio();
      const token = server().token(boris);
      const boriss = client(server().url, '/', { auth: { token, batch: true } });
      await boriss.next('batch');
      await v2Client(server(), anna);
      await boriss.next('batch', (batch: { event: string; data: { user_id: string } }[]) =>
        batch.some(({ event, data }) => event === 'user:online' && data.user_id === anna),
      );
    });

    test('`presence:get {user_ids}` → `{users: [{user_id, online, last_seen}]}`: each once, as asked', async () => {
      const { anna, boris, clara, claras } = await trio();
      const annas = await v2Client(server(), anna);
      const { last_seen } = await online(claras, anna);
      expect(await claras.ask('presence:get', { user_ids: [boris, anna, 'nobody', anna] })).toEqual({
        users: [
          { user_id: boris, online: false, last_seen: null },
          { user_id: anna, online: true, last_seen },
          { user_id: 'nobody', online: false, last_seen: null },
        ],
      });
      expect(await claras.ask('presence:get', { user_ids: [] })).toEqual({ users: [] });
      expect((await claras.ask('presence:get', { user_ids: [clara] })).users[0].online).toBe(true);
      annas.close();
      const gone = await offline(claras, anna);
      await expect
        .poll(async () => (await claras.ask('presence:get', { user_ids: [anna] })).users, { timeout: 10_000 })
        .toEqual([{ user_id: anna, online: false, last_seen: gone.last_seen }]);
      for (const user_ids of [undefined, 'anna', [1], [''], Array.from({ length: 1_001 }, (_, i) => `${i}`)])
        expect((await claras.ask('presence:get', { user_ids })).error.code).toBe('INVALID_DATA');
    });

    test('of a person who was erased no time comes back', async () => {
      const { anna, claras } = await trio();
      await v2Client(server(), anna);
      await online(claras, anna);
      await server().api('DELETE', `/api/v2/users/${anna}`, { key: true });
      await offline(claras, anna);
      // What is stored later is stored behind what was to be stored of Anna.
      const [boris] = await makeUsers(server(), 'Boris');
      (await v2Client(server(), boris)).close();
      await expect
        .poll(async () => (await claras.ask('presence:get', { user_ids: [boris] })).users[0], { timeout: 10_000 })
        .toMatchObject({ online: false, last_seen: expect.any(String) });
      expect((await claras.ask('presence:get', { user_ids: [anna] })).users).toEqual([{ user_id: anna, online: false, last_seen: null }]);
    });
  },
  SHORT_GRACE,
);

onServer('the grace time', (server) => {
  test('`user:offline` comes "2 s after the last one has gone (`PRESENCE_GRACE_MS`)"', async () => {
    const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
    const [annas, boriss] = await v2Clients(server(), anna, boris);
    const gone = Date.now();
    annas.close();
    await offline(boriss, anna);
    expect(Date.now() - gone).toBeGreaterThanOrEqual(1_990);
  });
});
