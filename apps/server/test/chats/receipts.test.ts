import type { v2 } from '@majlis/contract';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import {
  caughtUp,
  heardSince,
  makeCrowd,
  makeDirect,
  makeGroup,
  makeUsers,
  ok,
  onServers,
  say,
  TIME,
  UNLIMITED,
  v2Client,
  v2Clients,
} from '../support/chats.ts';
import { startServer, type Api } from '../support/server.ts';
import { closeClients, type Client } from '../support/sockets.ts';

/** How the sender sees a chat's messages. */
const statuses = async (server: Api, userId: string, chatId: string): Promise<string[]> =>
  ok(await server.api('GET', `/api/v2/chats/${chatId}/messages?after_seq=0`, { as: userId })).data.map(({ status }: v2.Message) => status);
const fetchMessages = (server: Api, userId: string, chatId: string) =>
  server.api('GET', `/api/v2/chats/${chatId}/messages`, { as: userId }).then(ok);
const receiptsOf = (client: Client, event: 'delivered' | 'read'): string[] =>
  client.of(`chat:message:${event}`).map(({ message_id }) => message_id);

onServers('receipts', (server) => {
  describe('delivered', () => {
    test('`chat:message:delivered {message_id, chat_id, delivered_to, delivered_at}` goes to the sender "once for each recipient, when the message was written to a connected socket of that recipient"', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const chat = await makeGroup(server(), anna, boris, clara);
      const [annas, boriss, borissTablet, claras] = await v2Clients(server(), anna, boris, boris, clara);
      const annasTablet = await v2Client(server(), anna);
      const { message_id } = await say(annas, chat.id, 'hello');
      for (const client of [annas, annasTablet]) {
        const told = await client.count('chat:message:delivered', 2);
        expect(told.map(({ delivered_to }) => delivered_to).toSorted()).toEqual([boris, clara]);
        for (const one of told) {
          expect(one).toEqual({ message_id, chat_id: chat.id, delivered_to: one.delivered_to, delivered_at: expect.stringMatching(TIME) });
        }
      }
      await fetchMessages(server(), boris, chat.id);
      await boriss.ask('chat:sync', { chats: { [chat.id]: 0 } });
      await boriss.ask('sync', { cursors: { [`chat:${chat.id}`]: 0 } });
      const all = [annas, annasTablet, boriss, borissTablet, claras];
      await caughtUp(...all);
      expect(all.map((client) => client.of('chat:message:delivered').length)).toEqual([2, 2, 0, 0, 0]);
    });

    const FETCHES: [string, (chatId: string, userId: string) => Promise<unknown>][] = [
      ['GET …/messages', (chatId, userId) => fetchMessages(server(), userId, chatId)],
      ['chat:sync', async (chatId, userId) => (await quietClient(userId, chatId)).ask('chat:sync', { chats: { [chatId]: 0 } })],
      ['sync', async (chatId, userId) => (await quietClient(userId, chatId)).ask('sync', { cursors: { [`chat:${chatId}`]: 0 } })],
    ];

    /** A socket that gets nothing of the chat by itself. */
    async function quietClient(userId: string, chatId: string): Promise<Client> {
      const client = await v2Client(server(), userId);
      await client.ask('chat:leave', { chat_id: chatId });
      return client;
    }

    test.each([0, 1, 2])(
      '"or, for one who was offline, when that recipient first fetched it (`GET …/messages`, `chat:sync`, `sync`)": each of them (%i), once',
      async (which) => {
        const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
        const chat = await makeDirect(server(), anna, boris);
        const annas = await v2Client(server(), anna);
        const sent = [await say(annas, chat.id, 'one'), await say(annas, chat.id, 'two')].map(({ message_id }) => message_id);
        expect(await statuses(server(), anna, chat.id)).toEqual(['sent', 'sent']);
        expect(annas.of('chat:message:delivered')).toEqual([]);
        const [name, fetch] = FETCHES[which]!;
        await fetch(chat.id, boris);
        expect(await annas.count('chat:message:delivered', 2), name).toMatchObject(
          sent.map((message_id) => ({ message_id, chat_id: chat.id, delivered_to: boris })),
        );
        expect(await statuses(server(), anna, chat.id)).toEqual(['delivered', 'delivered']);
        for (const [, again] of FETCHES) await again(chat.id, boris);
        await caughtUp(annas);
        expect(receiptsOf(annas, 'delivered')).toEqual(sent);
      },
    );

    test('what was missed stays undelivered when the next message comes live, until it is fetched', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeDirect(server(), anna, boris);
      const annas = await v2Client(server(), anna);
      const missed = [await say(annas, chat.id, 'one'), await say(annas, chat.id, 'two')];
      await v2Client(server(), boris);
      const live = await say(annas, chat.id, 'three');
      await annas.next('chat:message:delivered');
      expect(await statuses(server(), anna, chat.id)).toEqual(['sent', 'sent', 'delivered']);
      await fetchMessages(server(), boris, chat.id);
      await annas.count('chat:message:delivered', 3);
      expect(receiptsOf(annas, 'delivered')).toEqual([live, ...missed].map(({ message_id }) => message_id));
    });

    test('a page of history delivers what it shows, and no more', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeDirect(server(), anna, boris);
      const annas = await v2Client(server(), anna);
      for (let i = 1; i <= 6; i++) await say(annas, chat.id, `${i}`);
      ok(await server().api('GET', `/api/v2/chats/${chat.id}/messages?before_seq=5&limit=2`, { as: boris }));
      await annas.count('chat:message:delivered', 2);
      expect(await statuses(server(), anna, chat.id)).toEqual(['sent', 'sent', 'delivered', 'delivered', 'sent', 'sent']);
      await fetchMessages(server(), boris, chat.id);
      await annas.count('chat:message:delivered', 6);
      await caughtUp(annas);
      expect(new Set(receiptsOf(annas, 'delivered')).size).toBe(6);
      expect(receiptsOf(annas, 'delivered')).toHaveLength(6);
    });

    test('a list of chats, or a chat that a socket left, is no delivery', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeDirect(server(), anna, boris);
      const annas = await v2Client(server(), anna);
      await quietClient(boris, chat.id);
      await say(annas, chat.id, 'hello');
      expect(ok(await server().api('GET', '/api/v2/chats', { as: boris })).data[0].last_message).toMatchObject({ content: 'hello' });
      await caughtUp(annas);
      expect(annas.of('chat:message:delivered')).toEqual([]);
      expect(await statuses(server(), anna, chat.id)).toEqual(['sent']);
    });

    test('a new member finds what was said before neither unread nor waiting for delivery', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const chat = await makeGroup(server(), anna, boris);
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      const { message_id } = await say(annas, chat.id, 'before');
      await boriss.ask('chat:message:read', { chat_id: chat.id, message_id });
      ok(await server().api('POST', `/api/v2/chats/${chat.id}/members`, { as: anna, body: { user_ids: [clara] } }));
      expect(await statuses(server(), anna, chat.id)).toEqual(['read']);
      expect(ok(await server().api('GET', `/api/v2/chats/${chat.id}`, { as: clara }))).toMatchObject({ unread_count: 0, last_seq: 1 });
      expect((await fetchMessages(server(), clara, chat.id)).data).toMatchObject([{ content: 'before' }]);
      await caughtUp(annas);
      expect(annas.of('chat:message:delivered')).toHaveLength(1);
    });
  });

  describe('read', () => {
    async function pair() {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeDirect(server(), anna, boris);
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      return { anna, boris, annas, boriss, chat };
    }

    test("`chat:message:read` is acknowledged `{status:'ok', read_at}`; `chat:message:read {message_id, chat_id, read_by, read_at}` goes \"to that message's sender, and to the reader's other sockets\"", async () => {
      const { boris, annas, boriss, chat } = await pair();
      const borissTablet = await v2Client(server(), boris);
      const { message_id } = await say(annas, chat.id, 'hello');
      const ack = await boriss.ask('chat:message:read', { chat_id: chat.id, message_id });
      expect(ack).toEqual({ status: 'ok', read_at: expect.stringMatching(TIME) });
      for (const client of [annas, borissTablet]) {
        expect(await client.next('chat:message:read')).toEqual({ message_id, chat_id: chat.id, read_by: boris, read_at: ack.read_at });
      }
      await caughtUp(boriss);
      expect(boriss.of('chat:message:read')).toEqual([]);
    });

    test('"once for each message that became read": those before it too, each to its own sender, and nothing a second time', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const chat = await makeGroup(server(), anna, boris, clara);
      const [annas, boriss, claras] = await v2Clients(server(), anna, boris, clara);
      const claraTablet = await v2Client(server(), clara);
      const ids: string[] = [];
      for (const client of [annas, annas, boriss, claras, annas]) ids.push((await say(client, chat.id, 'x')).message_id);
      await claras.ask('chat:message:read', { chat_id: chat.id, message_id: ids[3] });
      await annas.count('chat:message:read', 2);
      expect(receiptsOf(annas, 'read')).toEqual([ids[0], ids[1]]);
      await boriss.count('chat:message:read', 1);
      expect(receiptsOf(boriss, 'read')).toEqual([ids[2]]);
      await claraTablet.count('chat:message:read', 3);
      expect(receiptsOf(claraTablet, 'read')).toEqual(ids.slice(0, 3));
      const { read_at } = await claras.ask('chat:message:read', { chat_id: chat.id, message_id: ids[3] });
      expect(read_at).toMatch(TIME);
      await claras.ask('chat:message:read', { chat_id: chat.id, message_id: ids[0] });
      await claras.ask('chat:message:read', { chat_id: chat.id, message_id: ids[4] });
      await annas.count('chat:message:read', 3);
      await caughtUp(annas, boriss, claras, claraTablet);
      expect(receiptsOf(annas, 'read')).toEqual([ids[0], ids[1], ids[4]]);
      expect(receiptsOf(boriss, 'read')).toEqual([ids[2]]);
      expect(receiptsOf(claras, 'read')).toEqual([]);
    });

    test('…however many sockets read at once, in whatever order', async () => {
      const { boris, annas, boriss, chat } = await pair();
      const others = await v2Clients(server(), boris, boris);
      const ids: string[] = [];
      for (let i = 0; i < 30; i++) ids.push((await say(annas, chat.id, `${i}`)).message_id);
      await Promise.all(
        ids.flatMap((message_id, i) =>
          [boriss, ...others].map((client, c) =>
            client.ask('chat:message:read', { chat_id: chat.id, message_id: ids[(i * 7 + c * 11) % 30] ?? message_id }),
          ),
        ),
      );
      await caughtUp(annas);
      expect(receiptsOf(annas, 'read').toSorted()).toEqual(ids.toSorted());
    });

    test('"(the newest 100)"', async () => {
      const { annas, boriss, chat, anna } = await pair();
      const sent = await Promise.all(Array.from({ length: 130 }, (_, i) => say(annas, chat.id, `${i}`)));
      const ids = sent.toSorted((a, b) => a.seq - b.seq).map(({ message_id }) => message_id);
      await boriss.ask('chat:message:read', { chat_id: chat.id, message_id: ids.at(-1) });
      await annas.count('chat:message:read', 100);
      await caughtUp(annas);
      expect(receiptsOf(annas, 'read')).toEqual(ids.slice(-100));
      // Read they are all the same.
      expect(new Set(await statuses(server(), anna, chat.id))).toEqual(new Set(['read']));
    });

    test("`POST /chats/:id/read {message_id}` answers when, and how many are unread; it reaches the sender and all of the reader's sockets", async () => {
      const { boris, annas, boriss, chat } = await pair();
      const ids: string[] = [];
      for (let i = 0; i < 3; i++) ids.push((await say(annas, chat.id, `${i}`)).message_id);
      const { status, body } = await server().api('POST', `/api/v2/chats/${chat.id}/read`, { as: boris, body: { message_id: ids[1] } });
      expect([status, body]).toEqual([200, { read_at: expect.stringMatching(TIME), unread_count: 1 }]);
      for (const client of [annas, boriss]) {
        await client.count('chat:message:read', 2);
        expect(receiptsOf(client, 'read')).toEqual(ids.slice(0, 2));
      }
    });

    test('a message that is not of the chat is `NOT_FOUND`, and nothing is read', async () => {
      const { boris, annas, boriss, chat, anna } = await pair();
      const other = await makeGroup(server(), anna, boris);
      await say(annas, chat.id, 'unread');
      const elsewhere = await say(annas, other.id, 'elsewhere');
      for (const message_id of [elsewhere.message_id, '0190a0a0-0000-7000-8000-000000000000', 'not an id']) {
        const { error } = await boriss.ask('chat:message:read', { chat_id: chat.id, message_id });
        expect(error).toMatchObject({ code: 'NOT_FOUND', details: { field: 'message_id' } });
        const rest = await server().api('POST', `/api/v2/chats/${chat.id}/read`, { as: boris, body: { message_id } });
        expect([rest.status, rest.body.code]).toEqual([404, 'NOT_FOUND']);
      }
      expect(await statuses(server(), anna, chat.id)).toEqual(['delivered']);
    });

    test('"`status` is `sent`, and for its own sender `delivered` or `read` when all other members did"', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const chat = await makeGroup(server(), anna, boris, clara);
      const annas = await v2Client(server(), anna);
      const { message_id } = await say(annas, chat.id, 'x');
      const seen: string[][] = [];
      const look = async () => seen.push(await statuses(server(), anna, chat.id));
      await look();
      const boriss = await v2Client(server(), boris);
      await fetchMessages(server(), boris, chat.id);
      await look();
      await boriss.ask('chat:message:read', { chat_id: chat.id, message_id });
      await look();
      const claras = await v2Client(server(), clara);
      expect((await fetchMessages(server(), clara, chat.id)).data).toMatchObject([{ status: 'sent' }]);
      await look();
      await claras.ask('chat:message:read', { chat_id: chat.id, message_id });
      await look();
      expect(seen).toEqual([['sent'], ['sent'], ['sent'], ['delivered'], ['read']]);
      for (const userId of [boris, clara]) expect(await statuses(server(), userId, chat.id)).toEqual(['sent']);
      expect(annas.of('chat:message:new')).toMatchObject([{ status: 'sent' }]);
    });

    test('"`sync` gives a chat\'s `receipts {user_id: {delivered_seq, read_seq}}`"', async () => {
      const { anna, boris, annas, boriss, chat } = await pair();
      const ids = [await say(annas, chat.id, '1'), await say(annas, chat.id, '2'), await say(boriss, chat.id, '3')].map(
        ({ message_id }) => message_id,
      );
      await boriss.ask('chat:message:read', { chat_id: chat.id, message_id: ids[1] });
      for (const client of [annas, boriss]) {
        const { streams } = await client.ask('sync', { cursors: { [`chat:${chat.id}`]: 3, user: 0 } });
        expect(streams[`chat:${chat.id}`].receipts).toEqual({
          [anna]: { delivered_seq: 3, read_seq: 0 },
          [boris]: { delivered_seq: 3, read_seq: 2 },
        });
        expect(streams.user.receipts).toBeNull();
      }
    });

    test('members who come and go do not bring receipts back', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeGroup(server(), anna, boris);
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      const crowd = await makeCrowd(server(), 12);
      const members = `/api/v2/chats/${chat.id}/members`;
      for (const userId of crowd) {
        const [{ message_id }] = await Promise.all([
          say(annas, chat.id, 'x'),
          server().api('POST', members, { as: anna, body: { user_ids: [userId] } }),
          fetchMessages(server(), boris, chat.id),
        ]);
        await Promise.all([
          boriss.ask('chat:message:read', { chat_id: chat.id, message_id }),
          server().api('DELETE', `${members}/${userId}`, { as: anna }),
        ]);
        await fetchMessages(server(), boris, chat.id);
      }
      await annas.count('chat:message:read', 12);
      await caughtUp(annas);
      expect(new Set(await statuses(server(), anna, chat.id))).toEqual(new Set(['read']));
      const toBoris = annas.of('chat:message:delivered').filter(({ delivered_to }) => delivered_to === boris);
      expect(toBoris).toHaveLength(12);
      expect(receiptsOf(annas, 'read')).toHaveLength(12);
    });

    test('"Being … removed from it takes effect on connected sockets at once": no receipts of what one had said come any more', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const chat = await makeGroup(server(), anna, boris, clara);
      const [annas, claras] = await v2Clients(server(), anna, clara);
      await say(claras, chat.id, 'before');
      const { message_id } = await say(annas, chat.id, 'mine');
      await claras.next('chat:message:delivered');
      expect((await server().api('DELETE', `/api/v2/chats/${chat.id}/members/${clara}`, { as: anna })).status).toBe(204);
      await claras.next('chat:removed');
      const before = claras.all.length;
      await fetchMessages(server(), boris, chat.id);
      await server().api('POST', `/api/v2/chats/${chat.id}/read`, { as: boris, body: { message_id } });
      // What is told to her comes before what is told to those who are in.
      await annas.next('chat:message:read');
      await caughtUp(claras);
      expect(heardSince(claras, before)).toEqual([]);
    });

    test('"In chats of more than 100 members receipts are kept as counts and not pushed one by one"', async () => {
      const [anna, boris, ...crowd] = [...(await makeUsers(server(), 'Anna', 'Boris')), ...(await makeCrowd(server(), 99))] as [
        string,
        string,
        ...string[],
      ];
      const chat = await makeGroup(server(), anna, boris, ...crowd);
      expect(chat.member_count).toBe(101);
      const [annas, boriss, borissTablet] = await v2Clients(server(), anna, boris, boris);
      const { message_id } = await say(annas, chat.id, 'to all');
      await boriss.next('chat:message:new');
      const before = annas.all.length;
      await boriss.ask('chat:message:read', { chat_id: chat.id, message_id });
      // The reader's own sockets are told: their counters change.
      expect(await borissTablet.next('chat:message:read')).toMatchObject({ message_id, read_by: boris });
      expect(await boriss.ask('chat:typing', { chat_id: chat.id, is_typing: true })).toEqual({ status: 'ok' });
      await caughtUp(annas);
      expect(heardSince(annas, before)).toEqual([]);
      const { streams } = await annas.ask('sync', { cursors: { [`chat:${chat.id}`]: 0 } });
      expect(streams[`chat:${chat.id}`].receipts).toBeNull();
      expect(await statuses(server(), anna, chat.id)).toEqual(['sent']);
      await Promise.all(crowd.map((userId) => fetchMessages(server(), userId, chat.id)));
      expect(await statuses(server(), anna, chat.id)).toEqual(['delivered']);
      await Promise.all(crowd.map((as) => server().api('POST', `/api/v2/chats/${chat.id}/read`, { as, body: { message_id } }).then(ok)));
      expect(await statuses(server(), anna, chat.id)).toEqual(['read']);
      await caughtUp(annas);
      expect(annas.of('chat:message:delivered')).toEqual([]);
    });
  });
});

const dataDir = mkdtempSync(join(tmpdir(), 'majlis-receipts-'));
afterEach(closeClients);
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

test('receipts are still there after a restart, and are not told again', async () => {
  const before = await startServer({ ...UNLIMITED, DATA_DIR: dataDir });
  const [anna, boris] = await makeUsers(before, 'Anna', 'Boris');
  const chat = await makeDirect(before, anna, boris);
  const crowd = await makeCrowd(before, 100);
  const large = await makeGroup(before, anna, ...crowd);
  const annas = await v2Client(before, anna);
  const ids = [await say(annas, chat.id, '1'), await say(annas, chat.id, '2')].map(({ message_id }) => message_id);
  await say(annas, large.id, 'to all');
  for (const userId of crowd) await fetchMessages(before, userId, large.id);
  await fetchMessages(before, boris, chat.id);
  await annas.count('chat:message:delivered', 2);
  ok(await before.api('POST', `/api/v2/chats/${chat.id}/read`, { as: boris, body: { message_id: ids[0] } }));
  await before.stop();

  const after = await startServer({ ...UNLIMITED, DATA_DIR: dataDir });
  const again = await v2Client(after, anna);
  expect(await statuses(after, anna, chat.id)).toEqual(['read', 'delivered']);
  expect(await statuses(after, anna, large.id)).toEqual(['delivered']);
  await fetchMessages(after, boris, chat.id);
  await caughtUp(again);
  expect(again.of('chat:message:delivered')).toEqual([]);
  await after.stop();
});
