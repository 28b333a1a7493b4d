import { describe, expect, test } from 'vitest';
import { TIME, caughtUp, heardSince, makeDirect, makeUsers, ok, onServer, say, v2Client } from '../support/chats.ts';
import type { Client } from '../support/sockets.ts';
import { joined, makeConversation, makeDialogue } from './depth.ts';

const names = (client: Client, from = 0) => heardSince(client, from).map(({ event }) => event);

onServer('Depth on /', (server) => {
  const notify = async (userId: string, title: string) =>
    ok(await server().api('POST', '/api/v2/notifications', { key: true, body: { user_id: userId, type: 'mention', title } })).id as string;

  describe('"a name that only Depth has, or a shared one with a camelCase key, makes that socket speak Depth from then on"', () => {
    /** What a socket is told of one message, one typing and one notification of somebody else. */
    async function whatIsTold(client: Client, { anna, boris, id }: Awaited<ReturnType<typeof makeDialogue>>) {
      const annas = await v2Client(server(), anna);
      const from = client.all.length;
      await say(annas, id, 'hello');
      await annas.ask('chat:typing', { chat_id: id, is_typing: true });
      await annas.ask('chat:typing', { chat_id: id, is_typing: false });
      await notify(boris, 'title');
      await caughtUp(client);
      annas.close();
      return heardSince(client, from);
    }

    test.each<[string, (place: { conversationId: string }) => [string, object], string[]]>([
      [
        'chat:join with conversationId',
        (place) => ['chat:join', place],
        ['chat:message', 'chat:typing', 'chat:typing', 'notification:new'],
      ],
      ['conversation:join', (place) => ['conversation:join', place], ['message:new', 'user:typing', 'user:typing', 'notification:new']],
      ['message:send, before any join', (place) => ['message:send', { ...place, content: 'x' }], ['private:message', 'notification:new']],
      [
        'chat:typing with camelCase keys',
        (place) => ['chat:typing', { ...place, isTyping: false }],
        ['private:message', 'notification:new'],
      ],
      ['chat:leave with conversationId', (place) => ['chat:leave', place], ['private:message', 'notification:new']],
      [
        'notification:read with notificationId',
        () => ['notification:read', { notificationId: 'x' }],
        ['private:message', 'notification:new'],
      ],
      ['a Depth name with a wrong payload', () => ['message:react', {}], ['private:message', 'notification:new']],
    ])('%s', async (_, event, expected) => {
      const dialogue = await makeDialogue(server());
      const client = await v2Client(server(), dialogue.boris);
      await client.ask(...event({ conversationId: dialogue.id }));
      const told = await whatIsTold(client, dialogue);
      expect(told.map(({ event: name }) => name)).toEqual(expected);
      for (const { data } of told) expect(Object.keys(data as object).filter((key) => key.includes('_'))).toEqual([]);
    });

    test.each<[string, (chat_id: string) => [string, object?]]>([
      ['chat:join {chat_id}', (chat_id) => ['chat:join', { chat_id }]],
      ['chat:typing {chat_id, is_typing}', (chat_id) => ['chat:typing', { chat_id, is_typing: false }]],
      ['notification:read {notification_id}', () => ['notification:read', { notification_id: 'x' }]],
      ['chat:join without a payload', () => ['chat:join']],
      ['sync, ping and what nobody has', () => ['sync', { cursors: {} }]],
    ])('not by %s', async (_, event) => {
      const dialogue = await makeDialogue(server());
      const client = await v2Client(server(), dialogue.boris);
      await client.ask(...(event(dialogue.id) as [string]));
      await client.ask('conversationId', { conversationId: dialogue.id });
      const told = await whatIsTold(client, dialogue);
      expect(told.map(({ event: name }) => name)).toEqual(['chat:message:new', 'chat:typing', 'chat:typing', 'notification:new']);
      for (const { data } of told) expect(Object.keys(data as object)).not.toContain('chatId');
    });

    test('only that socket: another of the same user goes on in v2', async () => {
      const dialogue = await makeDialogue(server());
      const [one, other] = [await v2Client(server(), dialogue.boris), await v2Client(server(), dialogue.boris)];
      await one.ask('chat:join', { conversationId: dialogue.id });
      const from = other.all.length;
      await whatIsTold(one, dialogue);
      expect(names(other, from)).toEqual(['chat:message:new', 'chat:typing', 'chat:typing', 'notification:new']);
    });

    test('a v2 event is served all the same, and does not turn it back', async () => {
      const { anna, boris, id } = await makeDialogue(server());
      const [one, annas] = [await v2Client(server(), boris), await v2Client(server(), anna)];
      await one.ask('chat:join', { conversationId: id });
      expect(await one.ask('chat:message:send', { chat_id: id, type: 'text', content: 'in v2' })).toMatchObject({ status: 'sent', seq: 1 });
      expect(await one.ask('chat:typing', { chat_id: id, is_typing: false })).toEqual({ status: 'ok' });
      expect(await one.ask('chat:join', { chat_id: id })).toEqual({ status: 'joined', chat_id: id });
      await say(annas, id, 'and still');
      await one.count('chat:message', 2);
      expect(names(one)).not.toContain('chat:message:new');
    });
  });

  test("the document's plain client, on `/`: chat events, each acknowledged", async () => {
    const { anna, boris, id } = await makeConversation(server());
    const [annas, boriss] = [await v2Client(server(), anna), await joined(server(), boris, id)];
    annas.tell('chat:join', { conversationId: id });
    const { data } = await annas.ask('chat:message', { conversationId: id, content: 'x', type: 'text', metadata: { aB: { c_d: 1 } } });
    expect(data).toMatchObject({ conversationId: id, chatId: id, content: 'x', metadata: { aB: { c_d: 1 } } });
    expect(await annas.next('chat:message')).toEqual({ ...data, status: 'sent' });
    expect(await boriss.next('message:new')).toEqual({ ...data, status: 'sent' });
    await annas.ask('chat:typing', { conversationId: id, isTyping: true });
    expect(await boriss.next('user:typing')).toEqual({ userId: anna, userName: 'Anna', conversationId: id, isTyping: true });
    const reply = await boriss.ask('message:send', { conversationId: id, content: 'y' });
    expect(await annas.ask('chat:read', { conversationId: id, messageId: reply.data.id })).toEqual({
      data: { readAt: expect.stringMatching(TIME) },
    });
    expect(await boriss.next('message:read')).toMatchObject({ messageId: reply.data.id, userId: anna });
    // On `/` an error comes as event always; with a callback as `{status, error}` besides, where `response.error` is what the client looks at.
    expect(await annas.ask('chat:message', { conversationId: id })).toMatchObject({ status: 'error', error: { code: 'INVALID_DATA' } });
    expect(await annas.next('error')).toMatchObject({ code: 'INVALID_DATA', event: 'chat:message' });
  });

  test('notifications: subscribe, new, read, unsubscribe; `FORBIDDEN` for another user', async () => {
    const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
    const [one, other] = [await v2Client(server(), anna), await v2Client(server(), anna)];
    expect(await one.ask('notifications:subscribe', { userId: anna })).toEqual({ data: { userId: anna } });
    expect(await one.ask('notifications:subscribe', { userId: boris })).toMatchObject({ error: { code: 'FORBIDDEN' } });
    const id = await notify(anna, 'first');
    expect(await one.next('notification:new')).toEqual({
      id,
      type: 'mention',
      title: 'first',
      body: '',
      data: {},
      createdAt: expect.stringMatching(TIME),
      isRead: false,
      version: 1,
    });
    const answer = await one.ask('notification:read', { notificationId: id });
    expect(answer).toEqual({ notificationId: id, isRead: true, readAt: expect.stringMatching(TIME) });
    expect(await one.next('notification:read')).toEqual({ ...answer, version: 2 });
    expect(await other.next('notification:read')).toEqual({ notification_id: id, is_read: true, read_at: answer.readAt, version: 2 });
    await notify(anna, 'second');
    ok(await server().api('POST', '/api/v2/notifications/read-all', { as: anna }));
    expect(await one.next('notification:read-all')).toEqual({ readAt: expect.stringMatching(TIME), version: 4 });
    expect(await one.ask('notifications:unsubscribe', { userId: anna })).toEqual({ data: { userId: anna } });
    const from = one.all.length;
    await notify(anna, 'third');
    await other.next('notification:new', ({ title }) => title === 'third');
    await caughtUp(one);
    expect(names(one, from)).toEqual([]);
  });

  test("`sync` and `auth:refresh` answer in the socket's words, and the user's stream has no gaps", async () => {
    const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
    const one = await v2Client(server(), anna);
    await one.ask('notifications:subscribe', { userId: anna });
    const { id } = await makeDirect(server(), boris, anna);
    const group = ok(await server().api('POST', '/api/v2/chats', { as: boris, body: { type: 'group', member_ids: [anna], title: 'G' } }));
    await notify(anna, 'hello');
    ok(await server().api('DELETE', `/api/v2/chats/${group.id}/members/${anna}`, { as: boris }));
    await one.next('chat:removed');
    const live = one.all.flatMap(({ event, data }) =>
      data?.version === undefined ? [] : [{ version: data.version as number, event, data }],
    );
    expect(live.map(({ version, event }) => [version, event])).toEqual([
      [1, 'chat:created'],
      [2, 'chat:created'],
      [3, 'notification:new'],
      [4, 'chat:removed'],
    ]);
    expect(live[0]!.data).toMatchObject({ id, conversationId: id, type: 'direct', memberCount: 2, chatVersion: 0 });
    expect(live[3]!.data).toEqual({ chatId: group.id, conversationId: group.id, version: 4 });
    const { streams } = await one.ask('sync', { cursors: { user: 0 } });
    expect(streams.user).toEqual({ events: live, version: 4, hasMore: false, reset: false, receipts: null });
    expect(Object.keys(streams).toSorted()).toEqual([`chat:${id}`, 'user'].toSorted());
    expect(await one.ask('auth:refresh', { token: server().token(anna) })).toEqual({
      status: 'ok',
      expiresAt: expect.stringMatching(TIME),
    });
    expect(await one.next('sync:required', ({ reason }) => reason === 'token_refresh')).toEqual({
      userId: anna,
      reason: 'token_refresh',
      timestamp: expect.stringMatching(TIME),
    });
    // A socket of v2 is answered as before.
    const other = await v2Client(server(), anna);
    expect((await other.ask('sync', { cursors: { user: 4 } })).streams.user).toMatchObject({ has_more: false });
    expect(await other.ask('auth:refresh', { token: server().token(anna) })).toMatchObject({ expires_at: expect.stringMatching(TIME) });
  });
});
