import type { v2 } from '@majlis/contract';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { caughtUp, makeDirect, makeGroup, makeUsers, ok, onServers, say, UNLIMITED, v2Client, v2Clients } from '../support/chats.ts';
import { startServer, type Api } from '../support/server.ts';
import { closeClients } from '../support/sockets.ts';

const historyOf = async (server: Api, userId: string, chatId: string): Promise<v2.Message[]> =>
  ok(await server.api('GET', `/api/v2/chats/${chatId}/messages?after_seq=0&limit=200`, { as: userId })).data;

onServers('client_message_id', (server) => {
  async function pair() {
    const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
    const chat = await makeDirect(server(), anna, boris);
    const [annas, boriss] = await v2Clients(server(), anna, boris);
    return { anna, boris, annas, boriss, chat };
  }
  const draft = { type: 'text', content: 'once', client_message_id: 'm-1' };

  test('"a repeated send stores and delivers nothing and is acknowledged as the first was": same socket, other socket, REST', async () => {
    const { anna, annas, boriss, chat } = await pair();
    const payload = { chat_id: chat.id, ...draft, metadata: { b: 1, a: { d: 1, c: 2 } } };
    const first = await annas.ask('chat:message:send', payload);
    await say(annas, chat.id, 'between');
    expect(await annas.ask('chat:message:send', payload)).toEqual(first);
    const annasTablet = await v2Client(server(), anna);
    expect(await annasTablet.ask('chat:message:send', payload)).toEqual(first);
    const rest = await server().api('POST', `/api/v2/chats/${chat.id}/messages`, { as: anna, body: payload });
    expect(rest.status).toBe(200);
    expect(rest.body).toMatchObject({ id: first.message_id, seq: first.seq, created_at: first.created_at, content: 'once' });
    // Another client of the same user may write the keys of an object in another order: it is the same object.
    expect(await annasTablet.ask('chat:message:send', { ...payload, metadata: { a: { c: 2, d: 1 }, b: 1 } })).toEqual(first);
    await caughtUp(annas, boriss);
    for (const client of [annas, boriss]) expect(client.of('chat:message:new').map(({ seq }) => seq)).toEqual([1, 2]);
    expect((await historyOf(server(), anna, chat.id)).map(({ content }) => content)).toEqual(['once', 'between']);
  });

  test('…and where the first came by REST', async () => {
    const { anna, annas, boriss, chat } = await pair();
    const first = await server().api('POST', `/api/v2/chats/${chat.id}/messages`, { as: anna, body: draft });
    expect(first.status).toBe(201);
    expect(await annas.ask('chat:message:send', { chat_id: chat.id, ...draft })).toEqual({
      status: 'sent',
      message_id: first.body.id,
      created_at: first.body.created_at,
      seq: 1,
    });
    await caughtUp(boriss);
    expect(boriss.of('chat:message:new')).toHaveLength(1);
  });

  test('…and where both come at once, over several sockets and REST, among other messages', async () => {
    const { anna, annas, boriss, chat } = await pair();
    const sockets = [annas, await v2Client(server(), anna), await v2Client(server(), anna)];
    const ids = Array.from({ length: 10 }, (_, i) => `burst-${i}`);
    const answers = await Promise.all(
      ids.flatMap((client_message_id) => [
        ...sockets.map(async (socket) => {
          const { status: _, ...ack } = await socket.ask('chat:message:send', {
            chat_id: chat.id,
            type: 'text',
            content: client_message_id,
            client_message_id,
          });
          return { client_message_id, ...ack };
        }),
        server()
          .api('POST', `/api/v2/chats/${chat.id}/messages`, {
            as: anna,
            body: { type: 'text', content: client_message_id, client_message_id },
          })
          .then(ok)
          .then(({ id, created_at, seq }) => ({ client_message_id, message_id: id, created_at, seq })),
        say(boriss, chat.id, 'another').then(() => undefined),
      ]),
    );
    for (const id of ids) {
      const [first, ...rest] = answers.filter((answer) => answer?.client_message_id === id);
      expect(rest).toEqual([first, first, first]);
    }
    await caughtUp(boriss);
    const seen: v2.Message[] = boriss.of('chat:message:new');
    expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(
      seen
        .map(({ client_message_id }) => client_message_id)
        .filter(Boolean)
        .toSorted(),
    ).toEqual(ids.toSorted());
    expect((await historyOf(server(), anna, chat.id)).map(({ id }) => id)).toEqual(seen.map(({ id }) => id));
  });

  test('"another content under the same id is `CONFLICT`": content, type, metadata or what it replies to', async () => {
    const { anna, annas, boriss, chat } = await pair();
    await annas.ask('chat:message:send', { chat_id: chat.id, ...draft, metadata: { a: 1 } });
    const others = [
      { content: 'twice' },
      { type: 'booking_proposal' },
      { metadata: { a: 2 } },
      { metadata: {} },
      { reply_to: '0190a0a0-0000-7000-8000-000000000000' },
    ];
    for (const other of others) {
      const payload = { chat_id: chat.id, ...draft, metadata: { a: 1 }, ...other };
      const { status, error } = await annas.ask('chat:message:send', payload);
      expect([other, status, error?.code, error?.details?.field]).toEqual([other, 'error', 'CONFLICT', 'client_message_id']);
      const rest = await server().api('POST', `/api/v2/chats/${chat.id}/messages`, { as: anna, body: payload });
      expect([rest.status, rest.body.code]).toEqual([409, 'CONFLICT']);
    }
    // In one commit as well: of each id one content wins, the other is told so.
    const both = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        ['x', 'y'].map((content) =>
          annas.ask('chat:message:send', { chat_id: chat.id, type: 'text', content, client_message_id: `both-${i}` }),
        ),
      ).flat(),
    );
    for (let i = 0; i < 20; i += 2) expect([both[i].status, both[i + 1].error?.code]).toEqual(['sent', 'CONFLICT']);
    await caughtUp(boriss);
    expect(boriss.of('chat:message:new').map(({ content }) => content)).toEqual(['once', ...Array.from({ length: 10 }, () => 'x')]);
  });

  test('"unique for a sender and chat": others, and other chats, may use the same id', async () => {
    const { anna, boris, annas, boriss, chat } = await pair();
    const other = await makeGroup(server(), anna, boris);
    const acks = await Promise.all([
      annas.ask('chat:message:send', { chat_id: chat.id, ...draft }),
      boriss.ask('chat:message:send', { chat_id: chat.id, ...draft, content: 'another person' }),
      annas.ask('chat:message:send', { chat_id: other.id, ...draft, content: 'another chat' }),
    ]);
    expect(acks.map(({ status }) => status)).toEqual(['sent', 'sent', 'sent']);
    expect(new Set(acks.map(({ message_id }) => message_id)).size).toBe(3);
  });

  test('a repeated send of a message that was edited or deleted since is acknowledged as the first was, and brings nothing back', async () => {
    const { anna, annas, chat } = await pair();
    const first = await annas.ask('chat:message:send', { chat_id: chat.id, ...draft });
    await annas.ask('chat:message:edit', { chat_id: chat.id, message_id: first.message_id, content: 'edited' });
    expect(await annas.ask('chat:message:send', { chat_id: chat.id, ...draft })).toEqual(first);
    await annas.ask('chat:message:delete', { chat_id: chat.id, message_id: first.message_id });
    expect(await annas.ask('chat:message:send', { chat_id: chat.id, ...draft })).toEqual(first);
    expect(await historyOf(server(), anna, chat.id)).toMatchObject([{ content: '', client_message_id: 'm-1' }]);
  });

  test('"This is what makes an offline queue safe to flush twice": however long it is', async () => {
    const { anna, annas, chat } = await pair();
    const flush = () =>
      Promise.all(
        Array.from({ length: 1_500 }, (_, i) =>
          annas.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: `${i}`, client_message_id: `queue-${i}` }),
        ),
      );
    const [first, second] = [await flush(), await flush()];
    expect(first.map(({ seq }) => seq)).toEqual(Array.from({ length: 1_500 }, (_, i) => i + 1));
    expect(second).toEqual(first);
    expect(await say(annas, chat.id, 'next')).toMatchObject({ seq: 1_501 });
    expect((await historyOf(server(), anna, chat.id)).at(-1)).toMatchObject({ seq: 200, content: '199' });
  });
});

const dataDir = mkdtempSync(join(tmpdir(), 'majlis-restart-'));
afterEach(() => {
  closeClients();
  rmSync(dataDir, { recursive: true, force: true });
});

test('a repeated send after a restart of the server is acknowledged as the first was', async () => {
  const before = await startServer({ ...UNLIMITED, DATA_DIR: dataDir });
  const [anna, boris] = await makeUsers(before, 'Anna', 'Boris');
  const chat = await makeDirect(before, anna, boris);
  const draft = { client_message_id: 'm-1' };
  const first = await say(await v2Client(before, anna), chat.id, 'once', draft);
  await before.stop();
  const after = await startServer({ ...UNLIMITED, DATA_DIR: dataDir });
  const annas = await v2Client(after, anna);
  expect(await say(annas, chat.id, 'once', draft)).toEqual(first);
  expect(await say(annas, chat.id, 'twice')).toMatchObject({ seq: 2 });
  await after.stop();
});
