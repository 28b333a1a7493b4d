import type { v2 } from '@majlis/contract';
import { expect, test } from 'vitest';
import { readEntries } from '../../src/log/stream-log.repository.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { caughtUp, heardSince, makeDirect, makeGroup, makeUsers, ok, onServers, say, TIME, v2Client, v2Clients } from '../support/chats.ts';
import type { Client } from '../support/sockets.ts';

const PHOTO = 'https://storage.service.com/photos/123.jpg';

onServers('changing messages', (server) => {
  async function trio() {
    const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
    const chat = await makeGroup(server(), anna, boris, clara);
    const [annas, boriss, claras] = await v2Clients(server(), anna, boris, clara);
    return { anna, boris, clara, annas, boriss, claras, chat };
  }
  async function administrator() {
    const [admin] = await makeUsers(server(), 'Admin');
    await server().createUser(admin, { name: 'Admin', role: 'admin' });
    return admin;
  }
  const historyOf = async (userId: string, chatId: string): Promise<v2.Message[]> =>
    ok(await server().api('GET', `/api/v2/chats/${chatId}/messages?after_seq=0`, { as: userId })).data;
  const refusal = async (client: Client, event: string, payload: object) => {
    const { status, error } = await client.ask(event, payload);
    return [status, error?.code, error?.details?.field];
  };

  test("`chat:message:edit` is acknowledged `{status:'ok', edited_at}`, then `chat:message:updated` Message", async () => {
    const { anna, boris, annas, boriss, claras, chat } = await trio();
    const { message_id } = await say(annas, chat.id, 'helo', { metadata: { a: 1 }, client_message_id: 'c-1' });
    await boriss.ask('chat:message:react', { chat_id: chat.id, message_id, emoji: '👍', on: true });
    const ack = await annas.ask('chat:message:edit', { chat_id: chat.id, message_id, content: 'hello' });
    expect(ack).toEqual({ status: 'ok', edited_at: expect.stringMatching(TIME) });
    const sent = await claras.next('chat:message:new');
    const edited = {
      ...sent,
      content: 'hello',
      version: 3,
      edited_at: ack.edited_at,
      reactions: [{ emoji: '👍', count: 1, user_ids: [boris] }],
    };
    for (const client of [annas, boriss, claras]) expect(await client.next('chat:message:updated')).toEqual(edited);
    expect(await historyOf(anna, chat.id)).toEqual([{ ...edited, status: 'delivered' }]);
  });

  test('"text messages, their sender only"', async () => {
    const { annas, boriss, chat } = await trio();
    const text = await say(annas, chat.id, 'mine');
    const photo = await annas.ask('chat:message:send', { chat_id: chat.id, type: 'photo', content: PHOTO });
    const edit = { chat_id: chat.id, message_id: text.message_id, content: 'yours' };
    expect(await refusal(boriss, 'chat:message:edit', edit)).toEqual(['error', 'FORBIDDEN', undefined]);
    const admin = await administrator();
    ok(await server().api('POST', `/api/v2/chats/${chat.id}/members`, { key: true, onBehalfOf: admin, body: { user_ids: [admin] } }));
    expect(await refusal(await v2Client(server(), admin), 'chat:message:edit', edit)).toEqual(['error', 'FORBIDDEN', undefined]);
    expect(await refusal(annas, 'chat:message:edit', { ...edit, message_id: photo.message_id })).toEqual([
      'error',
      'INVALID_DATA',
      'message_id',
    ]);
    expect(await refusal(annas, 'chat:message:edit', { ...edit, content: '' })).toEqual(['error', 'INVALID_DATA', 'content']);
    expect(await refusal(annas, 'chat:message:edit', { ...edit, content: 'x'.repeat(4097) })).toEqual([
      'error',
      'MESSAGE_TOO_LARGE',
      'content',
    ]);
    expect(await refusal(annas, 'chat:message:edit', { ...edit, message_id: 'none' })).toEqual(['error', 'NOT_FOUND', 'message_id']);
    await caughtUp(boriss);
    expect(boriss.of('chat:message:updated')).toEqual([]);
  });

  test("`chat:message:delete` is acknowledged `{status:'ok'}`, then `chat:message:deleted {chat_id, message_id, deleted_at}`; \"it stays in history with `content: ''`\"", async () => {
    const { anna, boris, annas, boriss, claras, chat } = await trio();
    const { message_id } = await say(annas, chat.id, 'a secret', { metadata: { secret: true } });
    await boriss.ask('chat:message:react', { chat_id: chat.id, message_id, emoji: '👍', on: true });
    expect(await annas.ask('chat:message:delete', { chat_id: chat.id, message_id })).toEqual({ status: 'ok' });
    const { deleted_at } = await boriss.next('chat:message:deleted');
    for (const client of [annas, boriss, claras]) {
      expect(await client.next('chat:message:deleted')).toEqual({
        chat_id: chat.id,
        message_id,
        deleted_at: expect.stringMatching(TIME),
        version: 3,
      });
    }
    for (const userId of [anna, boris]) {
      expect(await historyOf(userId, chat.id)).toMatchObject([
        { id: message_id, seq: 1, content: '', metadata: {}, reactions: [], deleted_at, version: 3 },
      ]);
    }
    expect(ok(await server().api('GET', '/api/v2/chats', { as: boris })).data).toMatchObject([
      { last_message: { content: '', deleted_at } },
    ]);
    // Again: it is so already.
    const before = boriss.all.length;
    expect(await annas.ask('chat:message:delete', { chat_id: chat.id, message_id })).toEqual({ status: 'ok' });
    expect(await refusal(annas, 'chat:message:edit', { chat_id: chat.id, message_id, content: 'back' })).toEqual([
      'error',
      'NOT_FOUND',
      'message_id',
    ]);
    expect(await refusal(boriss, 'chat:message:react', { chat_id: chat.id, message_id, emoji: '👍', on: true })).toEqual([
      'error',
      'NOT_FOUND',
      'message_id',
    ]);
    await caughtUp(boriss);
    expect(heardSince(boriss, before).map(({ event }) => event)).toEqual(['error']);
  });

  test('"the sender or an administrator", who need not be a member', async () => {
    const { anna, annas, boriss, chat } = await trio();
    const [one, two, three] = [await say(boriss, chat.id, '1'), await say(boriss, chat.id, '2'), await say(boriss, chat.id, '3')] as const;
    // Who made the group is no administrator.
    expect(await refusal(annas, 'chat:message:delete', { chat_id: chat.id, message_id: one.message_id })).toEqual([
      'error',
      'FORBIDDEN',
      undefined,
    ]);
    const admin = await administrator();
    const admins = await v2Client(server(), admin);
    expect(await admins.ask('chat:message:delete', { chat_id: chat.id, message_id: one.message_id })).toEqual({ status: 'ok' });
    const path = `/api/v2/chats/${chat.id}/messages`;
    expect((await server().api('DELETE', `${path}/${two.message_id}`, { as: anna })).status).toBe(403);
    expect((await server().api('DELETE', `${path}/${two.message_id}`, { as: admin })).status).toBe(204);
    expect((await server().api('DELETE', `${path}/${three.message_id}`, { key: true, onBehalfOf: anna })).status).toBe(204);
    expect((await annas.count('chat:message:deleted', 3)).map(({ message_id }) => message_id)).toEqual(
      [one, two, three].map(({ message_id }) => message_id),
    );
    await caughtUp(admins);
    expect(admins.of('chat:message:deleted')).toEqual([]);
    expect(await refusal(annas, 'chat:message:delete', { chat_id: chat.id, message_id: 'none' })).toEqual([
      'error',
      'NOT_FOUND',
      'message_id',
    ]);
  });

  test('"nothing deleted stays readable in the log": nor in any table, however often it was edited', async () => {
    const { anna, annas, boriss, chat } = await trio();
    const kept = await say(boriss, chat.id, 'stays');
    const sent = await say(annas, chat.id, 'SECRET-1', { metadata: { note: 'SECRET-2' } });
    const plain = await say(annas, chat.id, 'SECRET-3', { metadata: { note: 'SECRET-4' } });
    for (const content of ['SECRET-5', 'SECRET-6', 'SECRET-7']) {
      await annas.ask('chat:message:edit', { chat_id: chat.id, message_id: sent.message_id, content });
      await say(boriss, chat.id, 'between');
    }
    const storage = server().app.get<Storage>(STORAGE, { strict: false });
    const stored = async () =>
      JSON.stringify([
        await readEntries(storage.db, `chat:${chat.id}`, 0, 1_000),
        await storage.db.selectFrom('messages').selectAll().where('chat_id', '=', chat.id).execute(),
      ]);
    expect(await stored()).toContain('SECRET-1');
    for (const { message_id } of [sent, plain]) await annas.ask('chat:message:delete', { chat_id: chat.id, message_id });
    expect(await stored()).not.toContain('SECRET');
    expect(await stored()).toContain('stays');

    const { streams } = await boriss.ask('sync', { cursors: { [`chat:${chat.id}`]: 0 } });
    const { events } = streams[`chat:${chat.id}`] as v2.StreamPage;
    expect(events.map(({ version }) => version)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
    const { deleted_at } = (await historyOf(anna, chat.id))[1]!;
    const ofDeleted = events.map(({ data }) => data as v2.Message).filter(({ id }) => id === sent.message_id);
    expect(ofDeleted).toHaveLength(4);
    // "a deleted message's earlier events carry `content: ''`, `metadata: {}` and its `deleted_at`"
    for (const message of ofDeleted) expect(message).toMatchObject({ content: '', metadata: {}, deleted_at });
    expect(ofDeleted.map(({ edited_at }) => edited_at === null)).toEqual([true, false, false, false]);
    expect(events[0]).toMatchObject({ event: 'chat:message:new', data: { id: kept.message_id, content: 'stays' } });
  });

  test('…nor where it was edited and deleted in the same moment, and so in one commit', async () => {
    const { annas, chat } = await trio();
    const of = { chat_id: chat.id, message_id: (await say(annas, chat.id, 'the first secret')).message_id };
    const edited = [1, 2].map((i) => annas.ask('chat:message:edit', { ...of, content: `another secret ${i}` }));
    await Promise.all([...edited, annas.ask('chat:message:delete', of)]);
    const entries = await readEntries(server().app.get<Storage>(STORAGE).db, `chat:${chat.id}`, 0, 100);
    expect(entries.map(({ kind }) => kind)).toEqual(['message.created', 'message.edited', 'message.edited', 'message.deleted']);
    expect(JSON.stringify(entries)).not.toContain('secret');
  });

  test("`chat:message:react` is acknowledged `{status:'ok'}`, then `chat:message:reaction {chat_id, message_id, user_id, emoji, on, count}`", async () => {
    const { anna, boris, clara, annas, boriss, claras, chat } = await trio();
    const { message_id } = await say(annas, chat.id, 'react');
    const of = { chat_id: chat.id, message_id };
    const steps: [Client, string, string, boolean, number, number][] = [
      [boriss, boris, '👍', true, 1, 2],
      [claras, clara, '👍', true, 2, 3],
      [annas, anna, '❤️', true, 1, 4],
      [boriss, boris, '👍', false, 1, 5],
    ];
    for (const [client, user_id, emoji, on, count, version] of steps) {
      expect(await client.ask('chat:message:react', { ...of, emoji, on })).toEqual({ status: 'ok' });
      for (const each of [annas, boriss, claras]) {
        expect(await each.next('chat:message:reaction', (reaction) => reaction.version === version)).toEqual({
          ...of,
          user_id,
          emoji,
          on,
          count,
          version,
        });
      }
    }
    expect(await historyOf(boris, chat.id)).toMatchObject([
      {
        version: 5,
        reactions: [
          { emoji: '👍', count: 1, user_ids: [clara] },
          { emoji: '❤️', count: 1, user_ids: [anna] },
        ],
      },
    ]);
    // Where it is so already nothing happens.
    await claras.ask('chat:message:react', { ...of, emoji: '👍', on: true });
    await boriss.ask('chat:message:react', { ...of, emoji: '👍', on: false });
    await caughtUp(annas);
    expect(annas.of('chat:message:reaction')).toHaveLength(4);
  });

  test('reactions that are none are refused, naming the field', async () => {
    const { annas, chat } = await trio();
    const { message_id } = await say(annas, chat.id, 'react');
    const of = { chat_id: chat.id, message_id, emoji: '👍', on: true };
    expect(await refusal(annas, 'chat:message:react', { ...of, emoji: '' })).toEqual(['error', 'INVALID_DATA', 'emoji']);
    expect(await refusal(annas, 'chat:message:react', { ...of, emoji: '👍'.repeat(33) })).toEqual(['error', 'INVALID_DATA', 'emoji']);
    expect(await refusal(annas, 'chat:message:react', { ...of, on: 'yes' })).toEqual(['error', 'INVALID_DATA', 'on']);
    expect(await refusal(annas, 'chat:message:react', { ...of, message_id: 'none' })).toEqual(['error', 'NOT_FOUND', 'message_id']);
  });

  test('a message has at most 20 different reactions; more who react as others did are welcome', async () => {
    const { annas, boriss, chat } = await trio();
    const { message_id } = await say(annas, chat.id, 'react');
    const react = (client: typeof annas, emoji: string, on = true) =>
      client.ask('chat:message:react', { chat_id: chat.id, message_id, emoji, on });
    for (let i = 0; i < 20; i++) expect(await react(annas, `e${i}`)).toEqual({ status: 'ok' });
    const of = { chat_id: chat.id, message_id, emoji: 'another', on: true };
    expect(await refusal(annas, 'chat:message:react', of)).toEqual(['error', 'INVALID_DATA', 'emoji']);
    expect(await react(boriss, 'e0')).toEqual({ status: 'ok' });
    expect(await react(annas, 'e1', false)).toEqual({ status: 'ok' });
    expect(await react(boriss, 'another')).toEqual({ status: 'ok' });
    const { emoji } = await annas.next('chat:message:reaction', (reaction) => reaction.version === 24);
    expect(emoji).toBe('another');
  });

  test('many at once react, and each count is that of its own version', async () => {
    const { annas, boriss, claras, chat } = await trio();
    const { message_id } = await say(annas, chat.id, 'react');
    const emoji = ['👍', '❤️', '😂', '🎉'];
    await Promise.all(
      [annas, boriss, claras].flatMap((client) =>
        emoji.map((one) => client.ask('chat:message:react', { chat_id: chat.id, message_id, emoji: one, on: true })),
      ),
    );
    const reactions = await annas.count('chat:message:reaction', 12);
    expect(reactions.map(({ version }) => version)).toEqual(Array.from({ length: 12 }, (_, i) => i + 2));
    for (const one of emoji) expect(reactions.filter((reaction) => reaction.emoji === one).map(({ count }) => count)).toEqual([1, 2, 3]);
  });

  test('PATCH and DELETE of a message by REST "reach sockets" as the events do', async () => {
    const { anna, annas, boriss, chat, boris } = await trio();
    const { message_id } = await say(annas, chat.id, 'helo');
    const path = `/api/v2/chats/${chat.id}/messages/${message_id}`;
    const patched = await server().api('PATCH', path, { as: anna, body: { content: 'hello' } });
    expect(patched.status).toBe(200);
    expect(await boriss.next('chat:message:updated')).toEqual({ ...patched.body, status: 'sent' });
    expect(patched.body).toMatchObject({ content: 'hello', edited_at: expect.stringMatching(TIME), status: 'delivered' });
    expect((await server().api('PATCH', path, { as: boris, body: { content: 'x' } })).body.code).toBe('FORBIDDEN');
    expect((await server().api('PATCH', path, { as: anna, body: { content: '' } })).body).toMatchObject({
      code: 'INVALID_DATA',
      details: { field: 'content' },
    });
    const deleted = await server().api('DELETE', path, { as: anna });
    expect([deleted.status, deleted.body]).toEqual([204, undefined]);
    expect(await boriss.next('chat:message:deleted')).toMatchObject({ message_id });
    expect((await server().api('PATCH', path, { as: anna, body: { content: 'x' } })).body.code).toBe('NOT_FOUND');
  });

  test('a message of another chat is `NOT_FOUND`', async () => {
    const { anna, boris, annas, chat } = await trio();
    const other = await makeDirect(server(), anna, boris);
    const { message_id } = await say(annas, other.id, 'elsewhere');
    const of = { chat_id: chat.id, message_id };
    expect(await refusal(annas, 'chat:message:edit', { ...of, content: 'x' })).toEqual(['error', 'NOT_FOUND', 'message_id']);
    expect(await refusal(annas, 'chat:message:delete', of)).toEqual(['error', 'NOT_FOUND', 'message_id']);
    expect(await refusal(annas, 'chat:message:react', { ...of, emoji: 'x', on: true })).toEqual(['error', 'NOT_FOUND', 'message_id']);
    for (const [method, body] of [
      ['PATCH', { content: 'x' }],
      ['DELETE', undefined],
    ] as const) {
      expect((await server().api(method, `/api/v2/chats/${chat.id}/messages/${message_id}`, { as: anna, body })).body.code).toBe(
        'NOT_FOUND',
      );
    }
    expect(await historyOf(anna, other.id)).toMatchObject([{ content: 'elsewhere', deleted_at: null }]);
  });
});
