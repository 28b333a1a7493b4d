import { describe, expect, test } from 'vitest';
import { Contacts } from '../../src/features/presence/contacts.ts';
import { makeDirect, makeGroup, makeUsers, ok, onServer, onServers, v2Client, v2Clients } from '../support/chats.ts';
import { rawSocket } from '../support/raw-socket.ts';
import { heardOf, offline, online } from './listening.ts';

onServers(
  '`contacts` (who shares a chat, a friendship or a follow)',
  (server) => {
    test('who shares a chat is told, also where there are many; a stranger is not', async () => {
      const [anna, boris, clara, stranger] = await makeUsers(server(), 'Anna', 'Boris', 'Clara', 'Stranger');
      await makeDirect(server(), anna, boris);
      await makeGroup(server(), anna, boris, clara);
      const [boriss, claras, strangers] = await v2Clients(server(), boris, clara, stranger);
      const annas = await v2Client(server(), anna);
      await Promise.all([online(boriss, anna), online(claras, anna)]);
      annas.close();
      await Promise.all([offline(boriss, anna), offline(claras, anna)]);
      expect(heardOf(boriss, anna)).toEqual(['user:online', 'user:offline']);
      // The stranger hears of a contact of theirs, which comes later than what they do not hear.
      const [friend] = await makeUsers(server(), 'Friend');
      await makeDirect(server(), stranger, friend);
      await v2Client(server(), friend);
      await online(strangers, friend);
      expect(heardOf(strangers, anna)).toEqual([]);
      expect(heardOf(boriss, stranger)).toEqual([]);
    });

    test('a chat that is made, or left, while both are connected', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      await makeDirect(server(), boris, clara);
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      // What was to be told of Anna and Boris has been told when Clara's coming is.
      const claras = await v2Client(server(), clara);
      await online(boriss, clara);
      const group = await makeGroup(server(), anna, boris);
      annas.close();
      await offline(boriss, anna);
      ok(await server().api('DELETE', `/api/v2/chats/${group.id}/members/${boris}`, { as: boris }));
      const again = await v2Client(server(), anna);
      claras.close();
      await offline(boriss, clara);
      expect(heardOf(boriss, anna)).toEqual(['user:offline']);
      expect(heardOf(again, boris)).toEqual([]);
    });

    test('a friendship, and a follow in either direction, from when it is made until it ends; a request is none', async () => {
      const [anna, friend, followed, follower, asked] = await makeUsers(server(), 'Anna', 'Friend', 'Followed', 'Follower', 'Asked');
      const as = (user: string, method: string, path: string, body?: object) =>
        server()
          .api(method, `/api/v2${path}`, { as: user, ...(body && { body }) })
          .then(ok);
      const { id } = await as(anna, 'POST', '/friends/requests', { user_id: friend });
      await as(friend, 'POST', `/friends/requests/${id}/accept`);
      await as(anna, 'PUT', `/users/${followed}/follow`);
      await as(anna, 'POST', '/friends/requests', { user_id: asked });
      const [friends, followeds, followers, askeds] = await v2Clients(server(), friend, followed, follower, asked);
      await as(follower, 'PUT', `/users/${anna}/follow`);
      const annas = await v2Client(server(), anna);
      await Promise.all([friends, followeds, followers].map((client) => online(client, anna)));
      await as(anna, 'DELETE', `/users/${followed}/follow`);
      annas.close();
      await Promise.all([friends, followers].map((client) => offline(client, anna)));
      // Each hears of a contact of theirs, which comes later than what they do not hear.
      const [late] = await makeUsers(server(), 'Late');
      for (const user of [followed, asked]) await as(late, 'PUT', `/users/${user}/follow`);
      await v2Client(server(), late);
      await Promise.all([followeds, askeds].map((client) => online(client, late)));
      expect([followeds, askeds].map((client) => heardOf(client, anna))).toEqual([['user:online'], []]);
    });

    test('ties of other features, such as friendships and follows, count both ways and end', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const contacts = server().app.get(Contacts);
      let followed = [boris];
      contacts.register({ tiesOf: async (ids) => new Map(ids.includes(anna) ? [[anna, { users: followed }]] : []) });
      const [boriss, claras] = await v2Clients(server(), boris, clara);
      const annas = await v2Client(server(), anna);
      await online(boriss, anna);
      boriss.close();
      await offline(annas, boris);
      const before = heardOf(annas, boris);
      followed = [clara];
      contacts.changed(anna);
      claras.close();
      await offline(annas, clara);
      await v2Clients(server(), boris, clara);
      await online(annas, clara);
      expect(heardOf(annas, boris)).toEqual(before);
    });
  },
  { PRESENCE_AUDIENCE: 'contacts', PRESENCE_GRACE_MS: '100' },
);

onServer(
  '`auto`: everyone up to 1,000 users online, contacts above, with a log line at the change',
  (server) => {
    test('and back', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      await makeDirect(server(), anna, boris);
      const [boriss, claras] = await v2Clients(server(), boris, clara);
      // A connection carries a user in each of its namespaces.
      const crowd = Array.from({ length: 333 }, (_, i) => ['/', '/notifications', '/support'].map((namespace) => ({ namespace, i })));
      const raws = await Promise.all(
        crowd.map(async (users) => {
          const raw = rawSocket(server().url);
          await raw.next('open');
          for (const { namespace, i } of users)
            await raw.join({ token: server().token(`crowd ${namespace} ${i}`, { name: 'One of many' }) }, namespace);
          return raw;
        }),
      );
      // With Boris and Clara there are 1,001.
      const lines = () =>
        server()
          .logs()
          .filter(({ msg }) => msg?.startsWith('Presence is told to'));
      await expect.poll(lines, { timeout: 10_000 }).toMatchObject([{ usersOnline: 1_001, msg: expect.stringContaining('contacts') }]);
      const annas = await v2Client(server(), anna);
      await online(boriss, anna);
      annas.close();
      await offline(boriss, anna);
      raws[0]!.ws.close();
      await expect.poll(lines, { timeout: 10_000 }).toMatchObject([{}, { usersOnline: 998, msg: expect.stringContaining('everyone') }]);
      await v2Client(server(), anna);
      await online(claras, anna);
      expect(heardOf(claras, anna)).toEqual(['user:online']);
      for (const raw of raws) raw.ws.close();
    });
  },
  { PRESENCE_GRACE_MS: '100', AUTH_PROVISION_USERS: 'true' },
);

describe('Contacts', () => {
  test('ties that change while they are read are read again', async () => {
    const contacts = new Contacts();
    const reading = Promise.withResolvers<void>();
    let circle = 'old';
    contacts.register({
      async tiesOf(ids) {
        const circles = [circle];
        await reading.promise;
        return new Map(ids.map((id) => [id, { circles }]));
      },
    });
    const loaded = contacts.load(['anna', 'boris']);
    circle = 'new';
    contacts.changed('anna');
    reading.resolve();
    await loaded;
    const told = () => contacts.of(['anna']).flatMap(({ receivers }) => [...receivers]);
    expect(told()).toEqual([]);
    await contacts.load([]);
    expect(told()).toEqual(['anna']);
    contacts.changed('boris');
    await contacts.load([]);
    expect(told()).toEqual(['anna', 'boris']);
    contacts.forget('boris');
    expect(told()).toEqual(['anna']);
  });
});
