import { expect, test } from 'vitest';
import { joined } from '../depth/depth.ts';
import { caughtUp, makeCrowd, makeDirect, makeGroup, makeUsers, ok, onServer, v2Client, v2Clients } from '../support/chats.ts';

onServer('typing', (server) => {
  async function trio() {
    const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
    const chat = await makeGroup(server(), anna, boris, clara);
    const [annas, boriss, claras] = await v2Clients(server(), anna, boris, clara);
    return { anna, boris, clara, annas, boriss, claras, chat };
  }

  test('`chat:typing` is acknowledged `{status:\'ok\'}`; `chat:typing {chat_id, user_id, user_name, is_typing}` goes "to the other sockets of the chat"', async () => {
    const { anna, annas, boriss, claras, chat } = await trio();
    const annasTablet = await v2Client(server(), anna);
    for (const [i, is_typing] of [true, false].entries()) {
      expect(await annas.ask('chat:typing', { chat_id: chat.id, is_typing })).toEqual({ status: 'ok' });
      for (const client of [annasTablet, boriss, claras]) {
        expect((await client.count('chat:typing', i + 1))[i]).toEqual({ chat_id: chat.id, user_id: anna, user_name: 'Anna', is_typing });
      }
    }
    await caughtUp(annas);
    expect(annas.of('chat:typing')).toEqual([]);
  });

  test('sockets that joined another chat, or left this one, are not told', async () => {
    const { anna, boris, annas, boriss, claras, chat } = await trio();
    const other = await makeDirect(server(), anna, boris);
    await boriss.ask('chat:join', { chat_id: other.id });
    await claras.ask('chat:leave', { chat_id: chat.id });
    await annas.ask('chat:typing', { chat_id: chat.id, is_typing: true });
    await caughtUp(boriss, claras);
    expect([...boriss.of('chat:typing'), ...claras.of('chat:typing')]).toEqual([]);
  });

  // All that takes 6 s in one test: a renewal, two chats, and the end that the server sends, in the words of each surface.
  test('"Typing that is not renewed ends after 6 s: the server sends the end, on every surface"', async () => {
    const { anna, boris, clara, annas, boriss, chat } = await trio();
    const [inChat, inConversation] = await Promise.all([joined(server(), boris, chat.id, 'chat:join'), joined(server(), clara, chat.id)]);
    const direct = await makeDirect(server(), anna, boris);
    const started = performance.now();
    await annas.ask('chat:typing', { chat_id: chat.id, is_typing: true });
    await annas.ask('chat:typing', { chat_id: direct.id, is_typing: true });
    await boriss.count('chat:typing', 2);
    await inConversation.ask('user:typing', { conversationId: chat.id, isTyping: true });
    await boriss.ask('chat:typing', { chat_id: direct.id, is_typing: true });
    await boriss.ask('chat:typing', { chat_id: direct.id, is_typing: false });
    await annas.ask('chat:typing', { chat_id: chat.id, is_typing: true });
    const ends = await boriss.until(() => {
      const found = boriss.of('chat:typing').filter(({ user_id, is_typing }) => user_id === anna && !is_typing);
      return found.length === 2 ? found : undefined;
    });
    expect(performance.now() - started).toBeGreaterThanOrEqual(6_000);
    const end = { user_id: anna, user_name: 'Anna', is_typing: false };
    expect(ends.toSorted((a, b) => (a.chat_id === chat.id ? -1 : 1) - (b.chat_id === chat.id ? -1 : 1))).toEqual([
      { chat_id: chat.id, ...end },
      { chat_id: direct.id, ...end },
    ]);
    for (const client of [boriss, annas])
      expect(await client.next('chat:typing', ({ user_id, is_typing }) => user_id === clara && !is_typing)).toMatchObject({
        chat_id: chat.id,
      });
    const inDepth = { conversationId: chat.id, userId: anna, userName: 'Anna', isTyping: false };
    for (const [client, name] of [
      [inChat, 'chat:typing'],
      [inConversation, 'user:typing'],
    ] as const) {
      expect(await client.next(name, ({ userId, isTyping }) => userId === anna && !isTyping)).toEqual(inDepth);
    }
    // Boris had ended his own.
    expect(
      annas
        .of('chat:typing')
        .filter(({ user_id }) => user_id === boris)
        .map(({ user_id, is_typing }) => [user_id, is_typing]),
    ).toEqual([
      [boris, true],
      [boris, false],
    ]);
  });

  test('"so it does when the typist disconnects": at once, in every chat, and only of that socket', async () => {
    const { anna, boris, clara, annas, boriss, claras, chat } = await trio();
    const direct = await makeDirect(server(), anna, boris);
    const annasTablet = await v2Client(server(), anna);
    const ends = (chatId: string) =>
      boriss.of('chat:typing').flatMap((typing) => (typing.is_typing || typing.chat_id !== chatId ? [] : [typing.user_id]));
    // Clara began before Anna: where it were the 6 s that end Anna's typing, they would end Clara's first.
    await claras.ask('chat:typing', { chat_id: chat.id, is_typing: true });
    await annas.ask('chat:typing', { chat_id: chat.id, is_typing: true });
    await annas.ask('chat:typing', { chat_id: direct.id, is_typing: true });
    await annasTablet.ask('chat:typing', { chat_id: chat.id, is_typing: true });
    annas.cut();
    await boriss.until(() => (ends(chat.id).length === 1 && ends(direct.id).length === 1 ? true : undefined));
    expect([...ends(chat.id), ...ends(direct.id)]).toEqual([anna, anna]);
    annasTablet.close();
    await boriss.until(() => (ends(chat.id).length === 2 ? true : undefined));
    expect(ends(chat.id)).toEqual([anna, anna]);
    expect(boriss.of('chat:typing').map(({ user_id }) => user_id)).toContain(clara);
  });

  test('"(chats of up to 100 members)"', async () => {
    const [anna, boris, ...crowd] = [...(await makeUsers(server(), 'Anna', 'Boris')), ...(await makeCrowd(server(), 99))] as [
      string,
      string,
      ...string[],
    ];
    const chat = await makeGroup(server(), anna, boris, ...crowd);
    const [annas, boriss] = await v2Clients(server(), anna, boris);
    expect(await annas.ask('chat:typing', { chat_id: chat.id, is_typing: true })).toEqual({ status: 'ok' });
    await caughtUp(boriss);
    expect(boriss.of('chat:typing')).toEqual([]);
    ok(await server().api('DELETE', `/api/v2/chats/${chat.id}/members/${crowd[0]}`, { as: anna }));
    await boriss.next('chat:changed');
    await annas.ask('chat:typing', { chat_id: chat.id, is_typing: true });
    expect(await boriss.next('chat:typing')).toMatchObject({ user_id: anna, is_typing: true });
  });
});
