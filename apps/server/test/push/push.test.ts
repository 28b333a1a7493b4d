import { setTimeout as delay } from 'node:timers/promises';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '@majlis/contract';
import { isPublic } from '../../src/features/push/push-endpoint.ts';
import { PushQueue } from '../../src/features/push/push-queue.service.ts';
import { PushSender } from '../../src/features/push/push-sender.service.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { Presence } from '../../src/features/users/presence.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { CLUSTER_MISSING, linked, startCluster, type Cluster } from '../cluster/cluster.ts';
import { newOrder } from '../orders/feed-client.ts';
import { makeDirect, makeGroup, makeUsers, ok, onServer, onServers, UNLIMITED, v2Client } from '../support/chats.ts';
import { freshId, startServer, type Api, type TestServer } from '../support/server.ts';
import { PushService, type Browser } from './push-service.ts';

const SUBSCRIPTIONS = '/api/v2/push/subscriptions';
const QUICK = { PRESENCE_GRACE_MS: '10', PUSH_ALLOW_PRIVATE: 'true', PUSH_DELAY_MS: '30', PUSH_CONTACT: 'mailto:admin@example.com' };
const NOTICE = {
  type: 'booking_confirmed',
  title: 'Запись подтверждена',
  body: 'Friday, 14:00',
  data: { booking_id: 'b', Inner: { camelCase: 1 } },
};

const service = new PushService();
beforeAll(() => service.start());
afterAll(() => service.stop());
afterEach(() => (service.answer = () => ({ status: 201 })));

const storageOf = (server: TestServer) => server.app.get<Storage>(STORAGE, { strict: false }).db;

/** Resolves when nothing waits to be pushed. */
async function allPushed(server: TestServer): Promise<void> {
  const waiting = () => storageOf(server).selectFrom('pushes').select('id').where('due_at', 'is not', null).limit(1).executeTakeFirst();
  while (await waiting()) await delay(5);
}

async function subscribed(server: Api, userId: string, browser = service.browser(userId)): Promise<Browser> {
  ok(await server.api('POST', SUBSCRIPTIONS, { as: userId, body: browser.subscription }));
  return browser;
}

const notify = async (server: Api, userId: string, more: object = {}) =>
  ok(await server.api('POST', '/api/v2/notifications', { key: true, body: { user_id: userId, ...NOTICE, ...more } }));
const send = async (server: Api, as: string, chatId: string, body: object) =>
  ok(await server.api('POST', `/api/v2/chats/${chatId}/messages`, { as, body }));

onServers(
  'web push',
  (server) => {
    const preferences = async (as: string, body: object) =>
      ok(await server().api('PUT', '/api/v2/notifications/preferences', { as, body }));

    test('"Web Push for users who are offline (VAPID keys made on first start)": what a browser decrypts, signed with the key that it was told', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const phone = await subscribed(server(), amal);
      const { public_key } = ok(await server().api('GET', '/api/v2/push/public-key', { as: amal }));
      const made = await notify(server(), amal);
      const push = await service.next('push', ({ to }) => to === phone.name);
      expect(push.message).toEqual({ ...NOTICE, id: made.id, tag: made.id, lang: 'en' });
      expect(push.signed).toEqual({ key: public_key, sub: 'mailto:admin@example.com' });
      expect(push.headers).toMatchObject({ 'content-encoding': 'aes128gcm', ttl: '86400', urgency: 'high' });
      expect(push.headers.topic).toMatch(/^[\w-]{32}$/);
      await allPushed(server());
      // What was pushed is not kept.
      const kept = await storageOf(server()).selectFrom('pushes').select('payload').where('tag', '=', made.id).execute();
      expect([service.pushedTo(phone).length, kept]).toEqual([1, [{ payload: '' }]]);
    });

    test('who is online is not pushed, nor who is disabled; all browsers of who is offline are', async () => {
      const [here, gone, away] = await makeUsers(server(), 'Here', 'Gone', 'Away');
      const browsers = await Promise.all([here, gone, away, away].map((userId) => subscribed(server(), userId)));
      await v2Client(server(), here);
      await server().createUser(gone, { disabled: true });
      for (const userId of [here, gone, away]) await notify(server(), userId);
      await service.until(() => (browsers.slice(2).every((browser) => service.pushedTo(browser).length > 0) ? true : undefined));
      await allPushed(server());
      expect(browsers.map((browser) => service.pushedTo(browser).length)).toEqual([0, 0, 1, 1]);
    });

    test('preferences: `app`, `off` and quiet hours are not pushed', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const phone = await subscribed(server(), amal);
      await preferences(amal, { types: { mention: 'app', post_liked: 'off' } });
      await notify(server(), amal, { type: 'mention' });
      await notify(server(), amal, { type: 'post_liked' });
      const hour = (inHours: number) => new Date(Date.now() + inHours * 3_600_000).toISOString().slice(11, 16);
      await preferences(amal, { quiet_hours: { from: hour(-1), to: hour(1), time_zone: 'UTC' } });
      await notify(server(), amal, { title: 'at night' });
      await preferences(amal, { quiet_hours: { from: hour(1), to: hour(2), time_zone: 'UTC' } });
      await notify(server(), amal, { title: 'in the evening' });
      await service.next('push', ({ to }) => to === phone.name);
      await allPushed(server());
      expect(service.pushedTo(phone).map(({ message }) => message.title)).toEqual(['in the evening']);
      expect(ok(await server().api('GET', '/api/v2/notifications/unread-count', { as: amal }))).toEqual({ count: 3 });
    });

    test('"payload bounded": of the longest notification there is, what push services take', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const phone = await subscribed(server(), amal);
      await notify(server(), amal, {
        title: '😀'.repeat(LIMITS.titleCharacters),
        body: '\u0001ش'.repeat(2_000),
        data: { filler: 'x'.repeat(16_000) },
      });
      const { message, bytes } = await service.next('push', ({ to }) => to === phone.name);
      expect(bytes).toBeLessThanOrEqual(4_096);
      expect([message.data, message.body.length, message.body.at(-1)]).toEqual([null, LIMITS.pushBodyCharacters, '…']);
    });

    test('chat messages are pushed to members who are offline, in their language, and not to the sender, who muted the chat, turned them off, or is online', async () => {
      const [anna, offline, arab, muted, off, online] = await makeUsers(server(), 'Anna', 'Offline', 'Arab', 'Muted', 'Off', 'Online');
      await server().createUser(arab, { locale: 'ar' });
      const browsers = await Promise.all([anna, offline, arab, muted, off, online].map((userId) => subscribed(server(), userId)));
      const chat = await makeGroup(server(), anna, offline, arab, muted, off, online);
      ok(await server().api('PUT', `/api/v2/chats/${chat.id}/mute`, { as: muted, body: { until: '2099-01-01T00:00:00Z' } }));
      await preferences(off, { types: { chat_message: 'off' } });
      const client = await v2Client(server(), online);
      const photo = await send(server(), anna, chat.id, { type: 'photo', content: 'https://a.test/1.jpg' });
      await client.next('chat:message:new');
      const [english, arabic] = await Promise.all(
        [browsers[1]!, browsers[2]!].map((one) => service.next('push', ({ to }) => to === one.name)),
      );
      expect(english.message).toEqual({
        type: 'chat_message',
        id: photo.id,
        title: 'Group',
        body: 'Anna: Photo',
        tag: chat.id,
        lang: 'en',
        data: { chat_id: chat.id, sender_id: anna },
      });
      expect(arabic.message).toMatchObject({ body: expect.stringMatching(/: صورة$/), lang: 'ar' });
      const direct = await makeDirect(server(), anna, offline);
      await send(server(), anna, direct.id, { type: 'text', content: 'مرحبا' });
      const second = await service.next('push', ({ to, message }) => to === browsers[1]!.name && message.tag === direct.id);
      expect(second.message).toMatchObject({ title: 'Anna', body: 'مرحبا' });
      await allPushed(server());
      expect(browsers.map((browser) => service.pushedTo(browser).length)).toEqual([0, 2, 1, 0, 0, 0]);
    });

    test('"once however many nodes run": what another node gathers late, after it was pushed, is not pushed again; what is newer is', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const phone = await subscribed(server(), amal);
      const message = { type: 'chat_message', id: freshId(), title: 'Chat', tag: freshId('chat'), lang: 'en', data: null };
      const gather = async (position: number, body: string) => {
        const pushes = server().app.get(PushQueue, { strict: false });
        const push = { userId: amal, message: { ...message, body }, position };
        await server()
          .app.get(WriteQueue, { strict: false })
          .run([], (tx) => pushes.add(tx, [push], tx.now));
        server().app.get(PushSender, { strict: false }).lookAt(Date.now());
        await allPushed(server());
      };
      await gather(7, 'the seventh');
      await gather(7, 'the seventh');
      await gather(6, 'the sixth');
      await gather(8, 'the eighth');
      expect(service.pushedTo(phone).map((push) => push.message.body)).toEqual(['the seventh', 'the eighth']);
    });

    test('"An order that nobody acknowledged … raises the notification `order_unacknowledged` to managers": it is pushed to them too', async () => {
      const manager = freshId('manager');
      await server().createUser(manager, { role: 'manager', locale: 'ru' });
      const phone = await subscribed(server(), manager);
      const { order_id, order_number } = await newOrder(server());
      const { message } = await service.next('push', ({ to }) => to === phone.name);
      expect(message).toMatchObject({
        type: 'order_unacknowledged',
        title: `Заказ ${order_number} никто не принял`,
        lang: 'ru',
        data: { order_id, order_number },
      });
      await server().createUser(manager, { role: 'user' });
    });

    test('a subscription that its push service does not know any more (404, 410) is deleted; one that is busy is tried again', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const [lost, ended, busy] = await Promise.all([1, 2, 3].map(() => subscribed(server(), amal)));
      const statuses = new Map([
        [lost!.endpoint, 404],
        [ended!.endpoint, 410],
        [busy!.endpoint, 429],
      ]);
      service.answer = (path) => ({ status: statuses.get(service.url + path) ?? 201, headers: { 'retry-after': '1' } });
      await notify(server(), amal);
      for (const [browser, status] of [
        [lost, 404],
        [ended, 410],
        [busy, 429],
      ] as const)
        await service.next('request', (request) => request.to === browser!.name && request.status === status);
      statuses.delete(busy!.endpoint);
      await service.next('push', ({ to }) => to === busy!.name);
      await allPushed(server());
      const left = await storageOf(server()).selectFrom('push_subscriptions').select('endpoint').where('user_id', '=', amal).execute();
      expect(left).toEqual([{ endpoint: busy!.endpoint }]);
      expect(service.pushedTo(busy!).length).toBe(1);
    });

    test('what waits for a busy push service does not outlive the message or the person that it tells of', async () => {
      const [anna, boris, carl] = await makeUsers(server(), 'Anna', 'Boris', 'Carl');
      const phone = await subscribed(server(), boris);
      service.answer = () => ({ status: 503, headers: { 'retry-after': '3600' } });
      const [first, second] = await Promise.all([makeDirect(server(), anna, boris), makeDirect(server(), carl, boris)]);
      const message = await send(server(), anna, first.id, { type: 'text', content: 'regretted' });
      await send(server(), carl, second.id, { type: 'text', content: 'of whom is gone' });
      await service.until(() => (service.of('request').filter(({ to }) => to === phone.name).length === 2 ? true : undefined));
      const waiting = async () => {
        const rows = await storageOf(server()).selectFrom('pushes').select('payload').where('due_at', 'is not', null).execute();
        return ['regretted', 'of whom is gone'].filter((text) => JSON.stringify(rows).includes(text));
      };
      expect(await waiting()).toEqual(['regretted', 'of whom is gone']);
      ok(await server().api('DELETE', `/api/v2/chats/${first.id}/messages/${message.id}`, { as: anna }));
      while ((await waiting()).includes('regretted')) await delay(5);
      expect(await waiting()).toEqual(['of whom is gone']);
      ok(await server().api('DELETE', `/api/v2/users/${carl}`, { key: true }));
      expect(await waiting()).toEqual([]);
    });

    test('`POST`/`DELETE /push/subscriptions`: a repeat is 200 and the same; another user of the browser takes it over; the oldest of too many goes', async () => {
      const [amal, boris] = await makeUsers(server(), 'Amal', 'Boris');
      const browser = service.browser('shared');
      const post = (as: string, body: object = browser.subscription) => server().api('POST', SUBSCRIPTIONS, { as, body });
      const first = await post(amal);
      expect([first.status, first.body]).toEqual([
        201,
        { id: expect.any(String), endpoint: browser.endpoint, created_at: expect.any(String) },
      ]);
      const again = await post(amal);
      expect([again.status, again.body]).toEqual([200, first.body]);
      await notify(server(), amal, { title: 'for Amal' });
      expect((await post(boris)).status).toBe(201);
      await notify(server(), amal, { title: 'for Amal, later' });
      await notify(server(), boris, { title: 'for Boris' });
      await service.next('push', ({ message }) => message.title === 'for Boris');
      await allPushed(server());
      expect(service.pushedTo(browser).map(({ message }) => message.title)).not.toContain('for Amal, later');
      const owners = async () =>
        (await storageOf(server()).selectFrom('push_subscriptions').selectAll().where('endpoint', '=', browser.endpoint).execute()).map(
          (row) => row.user_id,
        );
      const remove = async (as: string) =>
        (await server().api('DELETE', SUBSCRIPTIONS, { as, body: { endpoint: browser.endpoint } })).status;
      expect([await remove(amal), await owners()]).toEqual([204, [boris]]);
      expect([await remove(boris), await remove(boris), await owners()]).toEqual([204, 204, []]);
      const all = Array.from({ length: LIMITS.pushSubscriptions + 2 }, () => service.browser('one of many'));
      for (const one of all) await subscribed(server(), amal, one);
      const kept = await storageOf(server()).selectFrom('push_subscriptions').select('endpoint').where('user_id', '=', amal).execute();
      expect(new Set(kept.map(({ endpoint }) => endpoint))).toEqual(new Set(all.slice(2).map(({ endpoint }) => endpoint)));
    });

    test('what is no subscription is INVALID_DATA naming the field', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const { subscription } = service.browser('wrong');
      const { keys } = subscription;
      const cases: [string, object][] = [
        ['endpoint', { ...subscription, endpoint: 'not a URL' }],
        ['endpoint', { ...subscription, endpoint: 'ftp://a.test/x' }],
        ['endpoint', { ...subscription, endpoint: `https://a.test/${'x'.repeat(2_048)}` }],
        ['keys', { endpoint: subscription.endpoint }],
        // What has no date could be stored, and never be exported again.
        ['expirationTime', { ...subscription, expirationTime: 8_640_000_000_000_001 }],
        ['keys.auth', { ...subscription, keys: { ...keys, auth: 'short' } }],
        ['keys.p256dh', { ...subscription, keys: { ...keys, p256dh: `${keys.p256dh}AA` } }],
        ['keys.p256dh', { ...subscription, keys: { ...keys, p256dh: Buffer.alloc(65, 4).toString('base64url') } }],
      ];
      for (const [field, body] of cases)
        expect((await server().api('POST', SUBSCRIPTIONS, { as: amal, body })).body, JSON.stringify(body)).toMatchObject({
          code: 'INVALID_DATA',
          details: { field },
        });
      // As libraries write it that know no base64url.
      const p256dh = Buffer.from(keys.p256dh, 'base64url').toString('base64');
      const auth = Buffer.from(keys.auth, 'base64url').toString('base64');
      expect((await server().api('POST', SUBSCRIPTIONS, { as: amal, body: { ...subscription, keys: { p256dh, auth } } })).status).toBe(201);
    });

    test('of an erased person nothing is pushed, and no subscription is left', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      await subscribed(server(), amal);
      await notify(server(), amal);
      ok(await server().api('DELETE', `/api/v2/users/${amal}`, { key: true }));
      expect(await storageOf(server()).selectFrom('push_subscriptions').select('id').where('user_id', '=', amal).execute()).toEqual([]);
    });
  },
  { ...QUICK, ORDER_ESCALATE_AFTER_S: '1' },
);

onServer(
  'web push and the own network',
  (server) => {
    test('only https and public addresses are taken, however they are written', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const { keys } = service.browser('x').subscription;
      const subscribe = (endpoint: string) => server().api('POST', SUBSCRIPTIONS, { as: amal, body: { endpoint, keys } });
      for (const host of [
        '127.0.0.1',
        '0x7f000001',
        '2130706433',
        '[::1]',
        '[::ffff:10.0.0.1]',
        '10.1.2.3',
        '169.254.169.254',
        '192.168.0.1',
        '0.0.0.0',
        '100.64.0.1',
        '[fe80::1]',
        '[fd00::1]',
      ])
        expect((await subscribe(`https://${host}/x`)).body, host).toMatchObject({ code: 'INVALID_DATA', details: { field: 'endpoint' } });
      for (const endpoint of ['http://push.example.com/x', 'https://user:password@push.example.com/x'])
        expect((await subscribe(endpoint)).body.details.field).toBe('endpoint');
      expect((await subscribe('https://push.example.com/x')).status).toBe(201);
    });

    test('a name that leads into the own network is not connected to, and its subscription is deleted', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      let connections = 0;
      const inside = createServer((socket) => {
        connections++;
        socket.destroy();
      }).listen(0, 'localhost');
      await once(inside, 'listening');
      const endpoint = `https://localhost:${(inside.address() as AddressInfo).port}/x`;
      ok(await server().api('POST', SUBSCRIPTIONS, { as: amal, body: { endpoint, keys: service.browser('x').subscription.keys } }));
      await notify(server(), amal);
      const left = () =>
        storageOf(server()).selectFrom('push_subscriptions').select('id').where('endpoint', '=', endpoint).executeTakeFirst();
      while (await left()) await delay(5);
      inside.close();
      expect(connections).toBe(0);
    });

    test.each([
      ['8.8.8.8', true],
      ['2001:4860:4860::8888', true],
      ['127.8.8.8', false],
      ['172.31.0.1', false],
      ['224.0.0.1', false],
      ['255.255.255.255', false],
      ['::', false],
      ['::ffff:192.168.1.1', false],
      ['64:ff9b::a00:1', false],
    ])('%s is public: %s', (address, expected) => {
      expect(isPublic(address)).toBe(expected);
    });
  },
  { PUSH_DELAY_MS: '30' },
);

test('of many messages of a chat the latest is pushed, and none that was deleted; what a node has not looked at when it drains, its successor pushes', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'majlis-push-'));
  const leaving = await startServer({ ...UNLIMITED, ...QUICK, PUSH_DELAY_MS: '60000', DATA_DIR: dataDir });
  const [anna, boris] = await makeUsers(leaving, 'Anna', 'Boris');
  const phone = await subscribed(leaving, boris);
  const [chat, regretted] = [await makeDirect(leaving, anna, boris), await makeGroup(leaving, anna, boris)];
  for (const content of ['one', 'two', 'three']) await send(leaving, anna, chat.id, { type: 'text', content });
  const { id } = await send(leaving, anna, regretted.id, { type: 'text', content: 'regretted' });
  ok(await leaving.api('DELETE', `/api/v2/chats/${regretted.id}/messages/${id}`, { as: anna }));
  const { public_key: key } = ok(await leaving.api('GET', '/api/v2/push/public-key', { as: anna }));
  await leaving.stop();
  expect(service.pushedTo(phone)).toEqual([]);
  const successor = await startServer({ ...QUICK, DATA_DIR: dataDir });
  await service.next('push', ({ to }) => to === phone.name);
  await allPushed(successor);
  expect(service.pushedTo(phone).map(({ message, signed }) => [message.body, signed.key])).toEqual([['three', key]]);
  await successor.stop();
  rmSync(dataDir, { recursive: true });
});

describe.skipIf(CLUSTER_MISSING)('web push from several nodes', () => {
  let cluster: Cluster;
  let nodes: TestServer[];
  beforeAll(async () => {
    cluster = await startCluster(QUICK);
    const first = await cluster.start();
    nodes = [first, await cluster.start()];
    await linked(...nodes);
  });
  afterAll(() => cluster.stop());

  test('"once however many nodes run": notifications and messages, whichever node they came to, with one key', async () => {
    const [one, other] = nodes as [TestServer, TestServer];
    const [anna, boris] = await makeUsers(one, 'Anna', 'Boris');
    const phone = await subscribed(one, boris);
    const keys = await Promise.all(
      nodes.map(async (node) => ok(await node.api('GET', '/api/v2/push/public-key', { as: anna })).public_key),
    );
    expect(keys[0]).toBe(keys[1]);
    const chats = await Promise.all(Array.from({ length: 10 }, () => makeGroup(one, anna, boris)));
    await Promise.all(chats.map((chat, i) => send(nodes[i % 2]!, anna, chat.id, { type: 'text', content: `in ${i}` })));
    await Promise.all(Array.from({ length: 20 }, (_, i) => notify(nodes[i % 2]!, boris, { title: `${i}` })));
    await service.until(() => (service.pushedTo(phone).length >= 30 ? true : undefined), '30 pushes');
    // Whatever either node had still in mind has had its time: a later message went the same way.
    await send(other, anna, chats[0]!.id, { type: 'text', content: 'the last' });
    await service.next('push', ({ to, message }) => to === phone.name && message.body.endsWith('the last'));
    await Promise.all(nodes.map(allPushed));
    const said = service.pushedTo(phone).map(({ message }) => message.id);
    expect([said.length, new Set(said).size]).toEqual([31, 31]);
  });

  test('who is online at one node is not pushed by the other', async () => {
    const [one, other] = nodes as [TestServer, TestServer];
    const [anna, online, offline] = await makeUsers(one, 'Anna', 'Online', 'Offline');
    const chat = await makeGroup(one, anna, online, offline);
    const [silent, phone] = await Promise.all([online, offline].map((userId) => subscribed(one, userId)));
    const client = await v2Client(one, online);
    // The other node knows of it before anything happens there.
    const presence = other.app.get(Presence, { strict: false });
    while (!presence.isOnline(online)) await delay(5);
    await send(other, anna, chat.id, { type: 'text', content: 'to both' });
    await notify(other, online);
    await notify(other, offline);
    await client.next('notification:new');
    await service.until(() => (service.pushedTo(phone!).length === 2 ? true : undefined), 'two pushes to who is offline');
    await allPushed(other);
    expect(service.pushedTo(silent!)).toEqual([]);
    client.close();
    while (presence.isOnline(online)) await delay(20);
    await notify(other, online, { title: 'after leaving' });
    expect((await service.next('push', ({ to }) => to === silent!.name)).message.title).toBe('after leaving');
  });
});
