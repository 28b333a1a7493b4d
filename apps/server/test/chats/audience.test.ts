import { v2 } from '@majlis/contract';
import { Socket } from 'socket.io';
import { v7 as uuidv7 } from 'uuid';
import { describe, expect, test, vi } from 'vitest';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
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
  v2Client,
  v2Clients,
} from '../support/chats.ts';
import type { Client } from '../support/sockets.ts';
import { countStatements } from '../support/statements.ts';

const contents = (client: Client, chatId?: string) =>
  client.of('chat:message:new').flatMap(({ chat_id, content }) => (chatId === undefined || chat_id === chatId ? [content] : []));

onServers('audience', (server) => {
  describe('who gets which events of chats', () => {
    /** Anna is in three chats with Boris. */
    async function threeChats() {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chats = [
        await makeDirect(server(), anna, boris),
        await makeGroup(server(), anna, boris),
        await makeGroup(server(), anna, boris),
      ] as const;
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      return { anna, boris, annas, boriss, chats };
    }

    test("`chat:join` is acknowledged `{status:'joined', chat_id}`, `chat:leave` `{status:'left', chat_id}`; twice as well", async () => {
      const { annas, chats } = await threeChats();
      const [{ id: chat_id }] = chats;
      for (let i = 0; i < 2; i++) {
        expect(await annas.ask('chat:join', { chat_id })).toEqual({ status: 'joined', chat_id });
      }
      for (let i = 0; i < 2; i++) {
        expect(await annas.ask('chat:leave', { chat_id })).toEqual({ status: 'left', chat_id });
      }
    });

    test('"A socket that never sent `chat:join` gets the events of all its user\'s chats except those that it left, so a chat list is live at once"', async () => {
      const { anna, annas, boriss, chats } = await threeChats();
      const annasOther = await v2Client(server(), anna);
      await annas.ask('chat:leave', { chat_id: chats[1].id });
      for (const [i, { id }] of chats.entries()) await say(boriss, id, `in ${i}`);
      await caughtUp(annas, annasOther);
      expect(contents(annas)).toEqual(['in 0', 'in 2']);
      expect(contents(annasOther)).toEqual(['in 0', 'in 1', 'in 2']);
      expect([...annas.of('chat:updated'), ...annasOther.of('chat:updated')]).toEqual([]);
    });

    test('"this socket gets no more events of the chat until it joins or reconnects": nothing of any kind', async () => {
      const { boris, annas, boriss, chats } = await threeChats();
      const [, { id: chat_id }] = chats;
      const { message_id } = await say(annas, chat_id, 'before');
      await boriss.next('chat:message:new');
      await annas.ask('chat:leave', { chat_id });
      const before = annas.all.length;
      await say(boriss, chat_id, 'a message');
      await boriss.ask('chat:typing', { chat_id, is_typing: true });
      await boriss.ask('chat:message:read', { chat_id, message_id });
      await boriss.ask('chat:message:react', { chat_id, message_id, emoji: '👍', on: true });
      ok(await server().api('PATCH', `/api/v2/chats/${chat_id}`, { key: true, onBehalfOf: boris, body: { title: 'New' } }));
      await boriss.next('chat:changed');
      await caughtUp(annas);
      expect(heardSince(annas, before)).toEqual([]);

      await annas.ask('chat:join', { chat_id });
      await say(boriss, chat_id, 'after the join');
      expect(await annas.next('chat:message:new', ({ content }) => content === 'after the join')).toMatchObject({ seq: 3 });
    });

    test('…and a socket that reconnects gets the events of all chats again', async () => {
      const { annas, boriss, chats } = await threeChats();
      await annas.ask('chat:join', { chat_id: chats[0].id });
      await annas.ask('chat:leave', { chat_id: chats[1].id });
      annas.socket.disconnect().connect();
      await annas.count('connected', 2);
      await say(boriss, chats[1].id, 'hello again');
      expect(await annas.next('chat:message:new')).toMatchObject({ content: 'hello again' });
    });

    test('"From its first `chat:join` on it gets those of the chats that it joined and has not left; for the rest it gets `chat:updated {chat_id, last_message, last_seq, unread_count}`"', async () => {
      const { annas, boriss, chats } = await threeChats();
      const [one, two, three] = chats;
      await annas.ask('chat:join', { chat_id: one.id });
      await say(boriss, one.id, 'in one');
      expect(await annas.next('chat:message:new')).toMatchObject({ chat_id: one.id });
      for (let i = 1; i <= 3; i++) {
        const { message_id, created_at } = await say(boriss, two.id, `in two ${i}`);
        const update = await annas.next('chat:updated', ({ last_seq }) => last_seq === i);
        expect(update).toEqual({ chat_id: two.id, last_seq: i, unread_count: i, last_message: expect.any(Object) });
        expect(update.last_message).toEqual(boriss.of('chat:message:new').at(-1));
        expect(update.last_message).toMatchObject({ id: message_id, created_at, content: `in two ${i}` });
      }
      await annas.ask('chat:join', { chat_id: two.id });
      await say(boriss, two.id, 'in two, joined');
      await annas.next('chat:message:new', ({ chat_id }) => chat_id === two.id);
      await annas.ask('chat:leave', { chat_id: one.id });
      await say(boriss, one.id, 'left behind');
      expect(await annas.next('chat:updated', ({ chat_id }) => chat_id === one.id)).toMatchObject({ last_seq: 2, unread_count: 2 });
      await say(boriss, three.id, 'in three');
      await annas.next('chat:updated', ({ chat_id }) => chat_id === three.id);
      await caughtUp(annas);
      expect(contents(annas)).toEqual(['in one', 'in two, joined']);
    });

    test('`unread_count` counts the messages of others after the last one that was read, and no own ones', async () => {
      const { anna, annas, boriss, chats } = await threeChats();
      const [one, two] = chats;
      const annasPhone = await v2Client(server(), anna);
      await annas.ask('chat:join', { chat_id: one.id });
      const sent = [
        await say(boriss, two.id, '1'),
        await say(annasPhone, two.id, '2'),
        await say(boriss, two.id, '3'),
        await say(boriss, two.id, '4'),
      ];
      expect(await annas.next('chat:updated', ({ last_seq }) => last_seq === 4)).toMatchObject({ unread_count: 3 });
      await annasPhone.ask('chat:message:read', { chat_id: two.id, message_id: sent[2]!.message_id });
      // Read on the phone: the list on the other device follows, without a new message.
      const counted = await annas.next('chat:updated', ({ last_seq, unread_count }) => last_seq === 4 && unread_count < 3);
      expect(counted).toMatchObject({ chat_id: two.id, unread_count: 1, last_message: { content: '4' } });
      await say(annasPhone, two.id, '5');
      expect(await annas.next('chat:updated', ({ last_seq }) => last_seq === 5)).toMatchObject({ unread_count: 1 });
      expect(ok(await server().api('GET', `/api/v2/chats/${two.id}`, { as: anna }))).toMatchObject({ unread_count: 1, last_seq: 5 });
    });

    test('each `chat:updated` counts up to its own `last_seq`, however fast messages come, and the last one is of the last message', async () => {
      const { anna, boris, annas, boriss, chats } = await threeChats();
      const phone = await v2Client(server(), anna);
      await annas.ask('chat:join', { chat_id: chats[0].id });
      for (let round = 0; round < 6; round++) {
        await Promise.all(Array.from({ length: 10 }, (_, i) => say(i % 3 ? boriss : phone, chats[1].id, `${i}`)));
      }
      await annas.next('chat:updated', ({ last_seq }) => last_seq === 60);
      const messages = await boriss.count('chat:message:new', 60);
      for (const { last_seq, unread_count, last_message } of annas.of('chat:updated')) {
        const unread = messages.slice(0, last_seq).filter(({ sender_id }) => sender_id === boris).length;
        expect([last_seq, unread_count, last_message]).toEqual([last_seq, unread, messages[last_seq - 1]]);
      }
    });

    test('what is deleted or edited leaves the chat list of sockets that have not joined as well', async () => {
      const { annas, boriss, chats } = await threeChats();
      const [one, { id: chat_id }] = chats;
      await annas.ask('chat:join', { chat_id: one.id });
      const first = await say(boriss, chat_id, 'first');
      const { message_id } = await say(boriss, chat_id, 'secret');
      await annas.next('chat:updated', ({ last_seq }) => last_seq === 2);
      await boriss.ask('chat:message:edit', { chat_id, message_id, content: 'corrected' });
      expect(await annas.next('chat:updated', ({ last_message }) => last_message.content === 'corrected')).toMatchObject({
        last_seq: 2,
        unread_count: 2,
      });
      await boriss.ask('chat:message:delete', { chat_id, message_id });
      expect(await annas.next('chat:updated', ({ last_message }) => last_message.deleted_at !== null)).toMatchObject({
        last_seq: 2,
        last_message: { id: message_id, content: '', metadata: {} },
      });
      // An older message is not what the list shows.
      const before = annas.all.length;
      await boriss.ask('chat:message:delete', { chat_id, message_id: first.message_id });
      await say(boriss, one.id, 'barrier');
      await annas.next('chat:message:new');
      expect(heardSince(annas, before).map(({ event }) => event)).toEqual(['chat:message:new']);
    });

    test('`chat:updated` "is no delivery"', async () => {
      const { annas, boriss, chats } = await threeChats();
      await annas.ask('chat:join', { chat_id: chats[0].id });
      const { message_id } = await say(boriss, chats[1].id, 'unseen');
      await annas.next('chat:updated');
      const { data } = ok(
        await server().api('GET', `/api/v2/chats/${chats[1].id}/messages`, {
          key: true,
          onBehalfOf: chats[1].created_by === '' ? '' : boriss.of('connected')[0].user_id,
        }),
      );
      expect(data).toMatchObject([{ id: message_id, status: 'sent' }]);
      await caughtUp(boriss);
      expect(boriss.of('chat:message:delivered')).toEqual([]);
    });

    test("Dart's library, which wraps the payload in a list, and a payload with more arguments are understood", async () => {
      const { annas, chats } = await threeChats();
      const [{ id: chat_id }] = chats;
      expect(await annas.ask('chat:join', [{ chat_id }])).toEqual({ status: 'joined', chat_id });
      expect(await annas.ask('chat:join', { chat_id }, 'more')).toEqual({ status: 'joined', chat_id });
    });

    test('a user in 5,000 chats connects without a room to join or a query for each chat, and gets the events of all of them at once', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const made = Array.from({ length: 5_000 }, () => uuidv7());
      const storage = server().app.get<Storage>(STORAGE, { strict: false });
      await storage.transaction(async ({ db }) => {
        const now = Date.now();
        const counters = { joined_at: now, delivered_seq: 0, delivered_ahead: null, read_seq: 0, read_at: null, muted_until: null };
        for (let i = 0; i < made.length; i += 500) {
          const chats = made.slice(i, i + 500).map((id, n) => ({
            id,
            key: i + n,
            type: 'group' as const,
            title: null,
            direct_key: null,
            created_by: boris,
            member_count: 2,
            created_at: now,
          }));
          await db.insertInto('chats').values(chats).execute();
          const members = chats.flatMap(({ id }) => [anna, boris].map((user_id) => ({ chat_id: id, user_id, ...counters })));
          await db.insertInto('chat_members').values(members).execute();
        }
      });
      const boriss = await v2Client(server(), boris);
      const statements = countStatements(server());
      const joins = vi.spyOn(Socket.prototype, 'join');
      const connect = async () => {
        const client = await v2Client(server(), anna);
        await client.next('sync:required');
        return client;
      };
      const annas = await connect();
      expect(joins.mock.calls.map(([room]) => room)).toEqual([annas.socket.id]);
      joins.mockRestore();
      expect(await statements(connect)).toBeLessThan(10);
      const some = [0, 1_234, 4_999].map((i) => made[i]!);
      await Promise.all(some.map((id) => say(boriss, id, 'hello')));
      expect((await annas.count('chat:message:new', 3)).map(({ chat_id }) => chat_id).toSorted()).toEqual(some.toSorted());
      const sync = () => annas.ask('sync', { cursors: {} });
      expect(Object.keys((await sync()).streams)).toHaveLength(5_001);
      expect(await statements(sync)).toBeLessThan(10);
    });
  });

  describe('membership takes effect on connected sockets at once', () => {
    async function group() {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const chat = await makeGroup(server(), anna, boris);
      const [annas, boriss, claras] = await v2Clients(server(), anna, boris, clara);
      const add = async (...user_ids: string[]): Promise<v2.Chat> =>
        ok(await server().api('POST', `/api/v2/chats/${chat.id}/members`, { as: anna, body: { user_ids } }));
      const remove = async (userId: string, as = anna) =>
        ok(await server().api('DELETE', `/api/v2/chats/${chat.id}/members/${userId}`, { as }));
      return { anna, boris, clara, annas, boriss, claras, chat, add, remove };
    }
    const member = (user_id: string, name: string) => ({
      user_id,
      name,
      avatar: `https://avatars.test/${name}.jpg`,
      joined_at: expect.stringMatching(TIME),
    });

    test('`chat:created` Chat goes to everybody in a new chat, its creator too', async () => {
      const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
      const clients = await v2Clients(server(), anna, boris, clara);
      const chat = await makeGroup(server(), anna, boris);
      const created = {
        id: chat.id,
        type: 'group',
        title: 'Group',
        created_by: anna,
        created_at: chat.created_at,
        member_count: 2,
        members: [member(anna, 'Anna'), member(boris, 'Boris')].toSorted((a, b) => (a.user_id < b.user_id ? -1 : 1)),
        unread_count: 0,
        last_message: null,
        last_seq: 0,
        version: 1,
        chat_version: 0,
        muted_until: null,
      };
      for (const client of clients.slice(0, 2)) expect(await client.next('chat:created')).toEqual(created);
      await caughtUp(clients[2]);
      expect(clients[2].of('chat:created')).toEqual([]);
      await say(clients[0], chat.id, 'hello');
      expect(await clients[1].next('chat:message:new')).toMatchObject({ content: 'hello' });
    });

    test('"`chat:created` Chat … to the one who was added …; `chat:changed` Chat, for title and members"', async () => {
      const { annas, boriss, claras, chat, clara, add } = await group();
      await say(annas, chat.id, 'before Clara');
      const answer = await add(clara);
      expect(answer).toMatchObject({ member_count: 3, version: 2 });
      const shared = {
        id: chat.id,
        title: 'Group',
        member_count: 3,
        last_seq: 1,
        last_message: null,
        muted_until: null,
        members: answer.members,
      };
      expect(await claras.next('chat:created')).toMatchObject({ ...shared, unread_count: 0, version: 1, chat_version: 2 });
      for (const client of [annas, boriss, claras])
        expect(await client.next('chat:changed')).toMatchObject({ ...shared, unread_count: null, version: 2 });
      await say(boriss, chat.id, 'with Clara');
      for (const client of [annas, boriss, claras]) {
        expect(await client.next('chat:message:new', ({ seq }) => seq === 2)).toMatchObject({ content: 'with Clara', version: 3 });
      }
      expect(await say(claras, chat.id, 'hello from Clara')).toMatchObject({ seq: 3 });
    });

    test('"`chat:removed {chat_id}` to the one who was … removed", who then gets and may do nothing more', async () => {
      const { annas, boriss, claras, boris, chat, clara, add, remove } = await group();
      await add(clara);
      await claras.ask('chat:join', { chat_id: chat.id });
      await remove(clara);
      expect(await claras.next('chat:removed')).toEqual({ chat_id: chat.id, version: 2 });
      for (const client of [annas, boriss]) {
        expect(await client.next('chat:changed', ({ member_count }) => member_count === 2)).toMatchObject({ version: 2 });
      }
      const before = claras.all.length;
      const { message_id } = await say(annas, chat.id, 'without Clara');
      await boriss.ask('chat:typing', { chat_id: chat.id, is_typing: true });
      await annas.ask('chat:message:edit', { chat_id: chat.id, message_id, content: 'edited' });
      await caughtUp(claras);
      expect(heardSince(claras, before)).toEqual([]);
      expect(await claras.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'x' })).toMatchObject({
        error: { code: 'FORBIDDEN' },
      });
      const { body } = await server().api('GET', `/api/v2/chats/${chat.id}/members`, { as: boris });
      expect(body.data.map(({ user_id }: v2.ChatMember) => user_id)).not.toContain(clara);
    });

    test('"anyone leaves", and one who was added again gets everything again', async () => {
      const { annas, claras, chat, clara, add, remove } = await group();
      for (let round = 1; round <= 3; round++) {
        await add(clara);
        await claras.count('chat:created', round);
        await say(annas, chat.id, `round ${round}`);
        await claras.next('chat:message:new', ({ content }) => content === `round ${round}`);
        await remove(clara, clara);
        await claras.count('chat:removed', round);
        await say(annas, chat.id, 'unheard');
      }
      await caughtUp(claras);
      expect(contents(claras)).toEqual(['round 1', 'round 2', 'round 3']);
      expect(claras.of('chat:created').map(({ version }) => version)).toEqual([1, 3, 5]);
      expect(claras.of('chat:removed').map(({ version }) => version)).toEqual([2, 4, 6]);
    });

    test('"Every socket gets a stream\'s events in `version` order, each once", while members and titles change under the messages', async () => {
      const { anna, annas, boriss, claras, boris, clara, chat, add, remove } = await group();
      const crowd = await makeCrowd(server(), 8);
      const rename = async (title: string) => ok(await server().api('PATCH', `/api/v2/chats/${chat.id}`, { as: anna, body: { title } }));
      await Promise.all([
        ...crowd.map(async (userId, i) => {
          await add(userId);
          if (i % 2) await remove(userId);
        }),
        ...Array.from({ length: 15 }, (_, i) => rename(`title ${i}`)),
        ...Array.from({ length: 60 }, (_, i) => say(i % 2 ? annas : boriss, chat.id, `${i}`)),
      ]);
      await add(clara);
      await say(annas, chat.id, 'the end');
      const versionsOf = (client: Client) =>
        client.all.flatMap(({ event, data }) => (event === 'chat:changed' || event === 'chat:message:new' ? [data.version] : []));
      for (const client of [annas, boriss, claras]) await client.next('chat:message:new', ({ content }) => content === 'the end');
      const { version } = ok(await server().api('GET', `/api/v2/chats/${chat.id}`, { as: boris }));
      const expected = Array.from({ length: version }, (_, i) => i + 1);
      expect(versionsOf(annas)).toEqual(expected);
      expect(versionsOf(boriss)).toEqual(expected);
      // Of what came just before she was in she may get the last part, as she may read it.
      expect(versionsOf(claras)).toEqual(expected.slice(-Math.max(2, versionsOf(claras).length)));
    });

    test('`PATCH /chats/:id {title}` → `chat:changed` to every member; the same title again changes nothing', async () => {
      const { anna, annas, boriss, chat } = await group();
      const rename = (title: string | null) => server().api('PATCH', `/api/v2/chats/${chat.id}`, { as: anna, body: { title } });
      expect(ok(await rename('Маникюр'))).toMatchObject({ title: 'Маникюр', version: 1 });
      expect(ok(await rename('Маникюр'))).toMatchObject({ version: 1 });
      expect(ok(await rename(null))).toMatchObject({ title: null, version: 2 });
      for (const client of [annas, boriss])
        expect((await client.count('chat:changed', 2)).map(({ title }) => title)).toEqual(['Маникюр', null]);
    });
  });
});
