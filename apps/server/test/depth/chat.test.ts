import { describe, expect, test } from 'vitest';
import { TIME, UUID_V7, caughtUp, makeDirect, makeUsers, ok, onServer, say, v2Client } from '../support/chats.ts';
import { connected, type Client } from '../support/sockets.ts';
import { countStatements } from '../support/statements.ts';
import { ChatClient, depthClient, joined, makeConversation, makeDialogue } from './depth.ts';

const FAMILIES = [
  { join: 'chat:join', leave: 'chat:leave', send: 'chat:message', message: 'chat:message', typing: 'chat:typing', read: 'chat:read' },
  {
    join: 'conversation:join',
    leave: 'conversation:leave',
    send: 'message:send',
    message: 'message:new',
    typing: 'user:typing',
    read: 'message:read',
  },
] as const;
const [CHAT, CONVERSATION] = FAMILIES;
/** What a socket of one family must not get. */
const othersOf = ({ message, typing, read }: (typeof FAMILIES)[number]) => [message, typing, read] as readonly string[];

const names = (client: Client, from = 0) => client.all.slice(from).map(({ event }) => event);
const file = { name: 'отчёт.pdf', Size_Bytes: 10, inner_keys: { Stay_As: ['they_are'] } };

onServer('Depth on /chat', (server) => {
  describe('`/chat` (the same chats; a conversation id is a chat id)', () => {
    test.each(FAMILIES)('$send → `{data: Message}`; $message Message "to all in it, the sender\'s sockets too"', async (family) => {
      const { anna, boris, id } = await makeConversation(server());
      const [annas, tablet, boriss] = await Promise.all([anna, anna, boris].map((user) => joined(server(), user, id, family.join)));
      const metadata = { inner_keys: { Stay_As: 'they_are' } };
      const { data, ...rest } = await annas!.ask(family.send, { conversationId: id, content: 'Привет', type: 'text', metadata });
      expect(rest).toEqual({});
      expect(data).toEqual({
        id: expect.stringMatching(UUID_V7),
        chatId: id,
        conversationId: id,
        seq: 1,
        version: 1,
        senderId: anna,
        senderName: 'Anna',
        senderAvatar: 'https://avatars.test/Anna.jpg',
        type: 'text',
        content: 'Привет',
        metadata,
        clientMessageId: null,
        replyTo: null,
        reactions: [],
        createdAt: expect.stringMatching(TIME),
        editedAt: null,
        deletedAt: null,
        status: expect.stringMatching(/sent|delivered/),
      });
      for (const client of [annas!, tablet!, boriss!]) expect(await client.next(family.message)).toEqual({ ...data, status: 'sent' });
      await caughtUp(annas!, tablet!, boriss!);
      for (const client of [annas!, tablet!, boriss!]) expect(client.of(family.message)).toHaveLength(1);
    });

    test('"A socket gets the family of its latest join, never both; before any join, none"', async () => {
      const { anna, boris, id } = await makeConversation(server());
      const [sender, one, fresh] = await Promise.all([
        joined(server(), anna, id),
        depthClient(server(), boris),
        depthClient(server(), boris),
      ]);
      const doAll = async (content: string) => {
        const { data } = await sender.ask('message:send', { conversationId: id, content });
        await sender.ask('user:typing', { conversationId: id, isTyping: true });
        await sender.ask('user:typing', { conversationId: id, isTyping: false });
        await caughtUp(one, fresh);
        return data.id as string;
      };
      await doAll('to nobody here');
      expect(names(one).filter((name) => name.includes(':'))).toEqual([]);
      for (const [family, other] of [
        [CHAT, CONVERSATION],
        [CONVERSATION, CHAT],
        [CHAT, CONVERSATION],
      ] as const) {
        expect(await one.ask(family.join, { conversationId: id })).toEqual({ data: { conversationId: id } });
        const from = one.all.length;
        const messageId = await doAll(family.join);
        const third = await v2Client(server(), anna);
        await one.ask(family.read, { conversationId: id, messageId });
        third.close();
        const got = names(one, from).filter((name) => name !== 'pong');
        expect(got).toEqual([family.message, family.typing, family.typing]);
        for (const name of othersOf(other)) expect(got).not.toContain(name);
      }
      // In a group nobody who has not joined hears anything.
      expect(names(fresh).filter((name) => name.includes(':'))).toEqual([]);
    });

    test.each(FAMILIES)('$leave → `{data:{conversationId}}`: no more events of it; others go on', async (family) => {
      const { anna, boris, clara, id } = await makeConversation(server());
      const [annas, boriss] = await Promise.all([joined(server(), anna, id, family.join), joined(server(), boris, id, family.join)]);
      const other = await makeDirect(server(), anna, boris);
      await boriss.ask(family.join, { conversationId: other.id });
      expect(await boriss.ask(family.leave, { conversationId: id })).toEqual({ data: { conversationId: id } });
      await annas.ask(family.send, { conversationId: id, content: 'left' });
      await annas.ask(family.send, { conversationId: other.id, content: 'stays' });
      await boriss.next(family.message, ({ content }) => content === 'stays');
      expect(boriss.of(family.message)).toHaveLength(1);
      // Leaving is of the socket, not of the membership.
      expect(await boriss.ask(family.send, { conversationId: id, content: 'by token' })).toMatchObject({ data: { content: 'by token' } });
      const stranger = await depthClient(server(), (await makeUsers(server(), 'Dina'))[0]);
      for (const event of [family.join, family.leave])
        expect(await stranger.ask(event, { conversationId: id })).toMatchObject({ error: { code: 'FORBIDDEN', message: 'Access denied' } });
      expect(await stranger.ask(family.join, { conversationId: 'nonsense' })).toMatchObject({ error: { code: 'CHAT_NOT_FOUND' } });
      expect(clara).toBeTruthy();
    });

    test('an event may arrive before any join: the token authorises it; `{error}` where it may not', async () => {
      const { anna, id } = await makeConversation(server());
      const annas = await depthClient(server(), anna);
      expect(await annas.ask('message:send', { conversationId: id, content: 'early' })).toMatchObject({ data: { seq: 1 } });
      const stranger = await depthClient(server(), (await makeUsers(server(), 'Dina'))[0]);
      for (const [event, payload] of [
        ['message:send', { content: 'x' }],
        ['chat:message', { content: 'x' }],
        ['user:typing', { isTyping: true }],
        ['chat:read', { messageId: 'x' }],
        ['message:edit', { messageId: 'x', content: 'x' }],
        ['message:delete', { messageId: 'x' }],
        ['message:react', { messageId: 'x', emoji: 'x', on: true }],
      ] as const) {
        const answer = await stranger.ask(event, { conversationId: id, ...payload });
        expect(answer).toEqual({ error: expect.objectContaining({ code: 'FORBIDDEN', message: 'Access denied', event }) });
      }
      expect(stranger.of('error')).toEqual([]);
    });

    test('`{data: Message}` is what was stored, and is not read again: nothing can fail after that', async () => {
      const { anna, id } = await makeConversation(server());
      const [annas, plain] = [await joined(server(), anna, id), await v2Client(server(), anna)];
      const statements = countStatements(server());
      const v2Send = await statements(() => say(plain, id, 'x'));
      expect(await statements(() => annas.ask('message:send', { conversationId: id, content: 'x' }))).toBe(v2Send);
      const { data } = await annas.ask('message:send', { conversationId: id, content: 'once' });
      expect(await annas.next('message:new', ({ content }) => content === 'once')).toEqual({ ...data, status: 'sent' });
    });

    test('a repeated clientMessageId is acknowledged as the first was; another content is `CONFLICT`, in camelCase', async () => {
      const { anna, boris, id } = await makeConversation(server());
      const [annas, boriss] = await Promise.all([joined(server(), anna, id), joined(server(), boris, id)]);
      const draft = { conversationId: id, content: 'once', clientMessageId: 'one' };
      const first = await annas.ask('message:send', draft);
      expect(first.data.clientMessageId).toBe('one');
      expect((await annas.ask('chat:message', draft)).data.id).toBe(first.data.id);
      expect(await annas.ask('message:send', { ...draft, content: 'other' })).toMatchObject({
        error: { code: 'CONFLICT', details: { field: 'clientMessageId' } },
      });
      expect((await annas.ask('message:send', { conversationId: id, content: 'reply', replyTo: first.data.id })).data.replyTo).toBe(
        first.data.id,
      );
      expect(await annas.ask('message:send', { conversationId: id, content: 'reply', replyTo: 'x' })).toMatchObject({
        error: { details: { field: 'replyTo' } },
      });
      await boriss.next('message:new', ({ content }) => content === 'reply');
      expect(boriss.of('message:new')).toHaveLength(2);
    });
  });

  describe('`type`: `text`, `image`, `file` (default `text`)', () => {
    test('"v2 sees image as `photo` and file as `text` with the file in `metadata.file`"; `metadata` passes unchanged', async () => {
      const { anna, boris, id } = await makeConversation(server());
      const [annas, depths, v2s] = await Promise.all([joined(server(), anna, id), joined(server(), boris, id), v2Client(server(), boris)]);
      const url = 'https://files.test/1';
      const own = { file: { url, name: 'own' }, Other_Key: 1 };
      const drafts = [
        { content: 'text', metadata: file },
        { content: url, type: 'image', metadata: { width: 3, Alt_Text: 'x' } },
        { content: url, type: 'file', metadata: file },
        { content: 'see this', type: 'file', metadata: own },
        { content: url, type: 'file' },
      ];
      for (const draft of drafts) expect(await annas.ask('message:send', { conversationId: id, ...draft })).toMatchObject({ data: draft });
      const inDepth = await depths.count('message:new', drafts.length);
      expect(inDepth.map(({ type, content, metadata }) => ({ type, content, metadata }))).toEqual(
        drafts.map((draft) => ({ type: 'text', metadata: {}, ...draft })),
      );
      const inV2 = await v2s.count('chat:message:new', drafts.length);
      expect(inV2.map(({ type, content, metadata }) => ({ type, content, metadata }))).toEqual([
        { type: 'text', content: 'text', metadata: file },
        { type: 'photo', content: url, metadata: { width: 3, Alt_Text: 'x' } },
        { type: 'text', content: url, metadata: { ...file, file: { url, ...file } } },
        { type: 'text', content: 'see this', metadata: own },
        { type: 'text', content: url, metadata: { file: { url } } },
      ]);
      // Found by the file's name, as v2 finds one.
      const found = ok(await server().api('GET', `/api/v2/search/messages?q=${encodeURIComponent('отчёт')}`, { as: boris }))
        .data as object[];
      expect(found).toMatchObject([{ type: 'text', content: url, metadata: file }]);
      // As history, and as catching up, have them.
      const history = ok(await server().api('GET', `/api/v2/chats/${id}/messages`, { as: boris })).data as typeof inV2;
      expect(history.map(({ type, metadata }) => ({ type, metadata }))).toEqual(inV2.map(({ type, metadata }) => ({ type, metadata })));
      const { streams } = await depths.ask('sync', { cursors: { [`chat:${id}`]: 0 } });
      expect(streams[`chat:${id}`].events.map(({ data }: { data: unknown }) => data)).toEqual(inDepth);
    });

    test('"Depth sees photo as `image`, video and voice as `file`, the rest as `text`"', async () => {
      const { anna, boris, id } = await makeConversation(server());
      const [v2s, depths] = await Promise.all([v2Client(server(), anna), joined(server(), boris, id, 'chat:join')]);
      const url = 'https://files.test/1';
      const rest = [
        ['photo', url, 'image', { width: 1, Some_Key: 2 }],
        ['video', url, 'file', { duration: 1, thumbnail: url }],
        ['voice', url, 'file', { duration: 2 }],
        ['location', '1.5,2.5', 'text', { lat: 1.5, lng: 2.5 }],
        ['profile_share', boris, 'text', { name: 'B' }],
        ['post_share', 'post', 'text', { author_name: 'B' }],
        ['booking_proposal', 'Cut', 'text', { service_id: '1' }],
        ['text', 'text', 'text', { file: { name: 'a file that v2 speaks of' } }],
      ] as const;
      for (const [type, content, , metadata] of rest)
        expect(await v2s.ask('chat:message:send', { chat_id: id, type, content, metadata })).toMatchObject({ status: 'sent' });
      const got = await depths.count('chat:message', rest.length);
      expect(got.map(({ type, content, metadata }) => [content, type, metadata])).toEqual(
        rest.map(([, content, type, metadata]) => [content, type, metadata]),
      );
    });

    test('what v2 could not show is refused, naming the field; a length over the limit is `MESSAGE_TOO_LARGE`', async () => {
      const { anna, id } = await makeConversation(server());
      const annas = await depthClient(server(), anna);
      for (const [draft, code, field] of [
        [{ content: 'no url', type: 'image' }, 'INVALID_DATA', 'content'],
        [{ content: 'https://x.test/1', type: 'image', metadata: { width: 'wide' } }, 'INVALID_DATA', 'metadata.width'],
        [{ content: 'x', type: 'photo' }, 'INVALID_DATA', 'type'],
        [{ content: '' }, 'INVALID_DATA', 'content'],
        [{ content: 'x', metadata: [] }, 'INVALID_DATA', 'metadata'],
        [{ content: 'x'.repeat(4_097) }, 'MESSAGE_TOO_LARGE', 'content'],
        [{ content: 'x', metadata: { a: 'x'.repeat(17_000) } }, 'MESSAGE_TOO_LARGE', 'metadata'],
      ] as const) {
        const answer = await annas.ask('message:send', { conversationId: id, ...draft });
        expect(answer).toMatchObject({ error: { code, details: { field } } });
      }
      expect(await annas.ask('message:send', {})).toMatchObject({ error: { message: 'بيانات غير صالحة' } });
    });
  });

  describe('editing, deleting and reacting, in both families', () => {
    test.each(FAMILIES)('after $join: `message:updated`, `message:deleted`, `message:reaction`', async (family) => {
      const { anna, boris, id } = await makeConversation(server());
      const [annas, boriss, v2s] = await Promise.all([
        joined(server(), anna, id, family.join),
        joined(server(), boris, id, family.join),
        v2Client(server(), boris),
      ]);
      const { data: message } = await annas.ask(family.send, { conversationId: id, content: 'first' });
      const messageId = message.id as string;
      const place = { conversationId: id, messageId };
      const edited = await annas.ask('message:edit', { ...place, content: 'second' });
      expect(edited).toMatchObject({ data: { id: messageId, content: 'second', version: 2, editedAt: expect.stringMatching(TIME) } });
      expect(await boriss.next('message:updated')).toEqual({ ...edited.data, status: 'sent' });
      expect(await boriss.ask('message:edit', { ...place, content: 'theirs' })).toMatchObject({ error: { code: 'FORBIDDEN' } });
      expect(await boriss.ask('message:react', { ...place, emoji: '👍', on: true })).toEqual({ data: { ...place, emoji: '👍', on: true } });
      const reaction = { chatId: id, ...place, userId: boris, emoji: '👍', on: true, count: 1, version: 3 };
      expect(await annas.next('message:reaction')).toEqual(reaction);
      expect(await annas.ask('message:delete', place)).toEqual({ data: place });
      expect(await boriss.next('message:deleted')).toEqual({ chatId: id, ...place, deletedAt: expect.stringMatching(TIME), version: 4 });
      expect(await annas.ask('message:edit', { ...place, content: 'gone' })).toMatchObject({
        error: { code: 'NOT_FOUND', details: { field: 'messageId' } },
      });
      ok(await server().api('PATCH', `/api/v2/chats/${id}`, { as: anna, body: { title: 'New' } }));
      expect(await boriss.next('chat:changed')).toMatchObject({
        id,
        chatId: id,
        conversationId: id,
        title: 'New',
        memberCount: 3,
        version: 5,
      });
      await v2s.next('chat:changed');
      expect(v2s.all.map(({ event }) => event).filter((name) => name.startsWith('chat:message:') || name === 'chat:changed')).toEqual([
        'chat:message:new',
        'chat:message:updated',
        'chat:message:reaction',
        'chat:message:deleted',
        'chat:changed',
      ]);
    });
  });

  describe('"A message sent on `/` arrives on `/chat` in both families and the reverse, each once, with receipts and typing crossing too"', () => {
    test('messages', async () => {
      const { anna, boris, clara, id } = await makeConversation(server());
      const [onRoot, inChat, inConversation] = await Promise.all([
        v2Client(server(), anna),
        joined(server(), boris, id, 'chat:join'),
        joined(server(), clara, id),
      ]);
      await say(onRoot, id, 'from /');
      await inChat.ask('chat:message', { conversationId: id, content: 'from chat:*' });
      await inConversation.ask('message:send', { conversationId: id, content: 'from message:*' });
      const expected = ['from /', 'from chat:*', 'from message:*'];
      for (const [client, name] of [
        [onRoot, 'chat:message:new'],
        [inChat, 'chat:message'],
        [inConversation, 'message:new'],
      ] as const) {
        await client.count(name, 3);
        await caughtUp(client);
        expect(client.of(name).map(({ content }) => content as string)).toEqual(expected);
        expect(client.of(name).map(({ version }) => version as number)).toEqual([1, 2, 3]);
      }
      for (const client of [inChat, inConversation]) expect(names(client).filter((name) => name.startsWith('chat:message:'))).toEqual([]);
    });

    test('typing, "to the others", and its end', async () => {
      const { anna, boris, clara, id } = await makeConversation(server());
      const [onRoot, inChat, inConversation] = await Promise.all([
        v2Client(server(), anna),
        joined(server(), boris, id, 'chat:join'),
        joined(server(), clara, id),
      ]);
      const inDepth = (userId: string, userName: string, isTyping: boolean) => ({ userId, userName, conversationId: id, isTyping });
      const inV2 = (user_id: string, user_name: string, is_typing: boolean) => ({ chat_id: id, user_id, user_name, is_typing });
      expect(await inChat.ask('chat:typing', { conversationId: id, isTyping: true })).toEqual({ data: {} });
      expect(await onRoot.next('chat:typing')).toEqual(inV2(boris, 'Boris', true));
      expect(await inConversation.next('user:typing')).toEqual(inDepth(boris, 'Boris', true));
      inChat.close();
      expect(await onRoot.next('chat:typing', ({ is_typing }) => !is_typing)).toEqual(inV2(boris, 'Boris', false));
      expect(await inConversation.next('user:typing', ({ isTyping }) => !isTyping)).toEqual(inDepth(boris, 'Boris', false));
      const again = await joined(server(), boris, id, 'chat:join');
      await onRoot.ask('chat:typing', { chat_id: id, is_typing: true });
      expect(await again.next('chat:typing')).toEqual(inDepth(anna, 'Anna', true));
      await onRoot.ask('chat:typing', { chat_id: id, is_typing: false });
      expect(await inConversation.next('user:typing', ({ userId, isTyping }) => userId === anna && !isTyping)).toEqual(
        inDepth(anna, 'Anna', false),
      );
      await inConversation.ask('user:typing', { conversationId: id, isTyping: true });
      await again.next('chat:typing', ({ userId }) => userId === clara);
      await caughtUp(inConversation);
      expect(inConversation.of('user:typing').filter(({ userId }) => userId === clara)).toEqual([]);
    });

    test.each(FAMILIES)(
      '$read → `{data:{readAt}}`; to the others in their words, to the sender on `/` for each message',
      async (family) => {
        const { anna, boris, clara, id } = await makeConversation(server());
        const [onRoot, reader, tablet, other] = await Promise.all([
          v2Client(server(), anna),
          joined(server(), boris, id, family.join),
          joined(server(), boris, id, 'chat:join'),
          joined(server(), clara, id),
        ]);
        const first = await say(onRoot, id, 'one');
        const second = await say(onRoot, id, 'two');
        const { data } = await reader.ask(family.read, { conversationId: id, messageId: second.message_id });
        expect(data).toEqual({ readAt: expect.stringMatching(TIME) });
        const read = { chat_id: id, read_by: boris, read_at: data.readAt };
        expect(await onRoot.count('chat:message:read', 2)).toEqual([
          { message_id: first.message_id, ...read },
          { message_id: second.message_id, ...read },
        ]);
        const told = { conversationId: id, messageId: second.message_id, userId: boris, readAt: data.readAt };
        expect(await other.next('message:read')).toEqual(told);
        expect(await tablet.next('chat:read')).toEqual(told);
        // Reading again changes nothing and tells nobody; nor is who reads told.
        await reader.ask(family.read, { conversationId: id, messageId: first.message_id });
        const { message_id } = await say(onRoot, id, 'three');
        await reader.next(family.message, ({ content }) => content === 'three');
        const annas = await v2Client(server(), clara);
        await annas.ask('chat:message:read', { chat_id: id, message_id });
        expect(await reader.next(family.read, ({ userId }) => userId === clara)).toMatchObject({
          conversationId: id,
          messageId: message_id,
        });
        await caughtUp(reader, other, onRoot);
        expect(reader.of(family.read)).toHaveLength(1);
        expect(other.of('message:read').map(({ userId }) => userId as string)).toEqual([boris, clara]);
        expect(onRoot.of('chat:message:read').filter(({ read_by }) => read_by === boris)).toHaveLength(2);
        expect(await reader.ask(family.read, { conversationId: id, messageId: 'x' })).toMatchObject({
          error: { code: 'NOT_FOUND', details: { field: 'messageId' } },
        });
      },
    );

    test('a message written to a Depth socket is delivered: its sender on `/` is told', async () => {
      const { anna, boris, id } = await makeConversation(server());
      const [onRoot] = await Promise.all([v2Client(server(), anna), joined(server(), boris, id)]);
      const { message_id } = await say(onRoot, id, 'hello');
      expect(await onRoot.next('chat:message:delivered')).toMatchObject({ message_id, delivered_to: boris });
    });
  });

  describe("`private:message` Message: a direct message, to the recipient's Depth sockets that have not joined it", () => {
    test('not to the sender, not to who joined, not of groups; it counts as delivered', async () => {
      const { anna, boris, id } = await makeDialogue(server());
      const [sender, annasTablet, fresh, elsewhere, inIt] = await Promise.all([
        v2Client(server(), anna),
        depthClient(server(), anna),
        depthClient(server(), boris),
        depthClient(server(), boris),
        joined(server(), boris, id),
      ]);
      const { id: group } = ok(
        await server().api('POST', '/api/v2/chats', { as: anna, body: { type: 'group', member_ids: [boris], title: 'G' } }),
      );
      await elsewhere.ask('chat:join', { conversationId: group });
      const { message_id } = await say(sender, id, 'psst');
      await say(sender, group, 'to the group');
      const message = await inIt.next('message:new');
      expect(message).toMatchObject({ id: message_id, content: 'psst', conversationId: id });
      for (const client of [fresh, elsewhere]) expect(await client.next('private:message')).toEqual(message);
      await elsewhere.next('chat:message');
      await caughtUp(fresh, annasTablet, inIt, elsewhere);
      for (const client of [fresh, elsewhere]) expect(client.of('private:message')).toHaveLength(1);
      for (const client of [annasTablet, inIt]) expect(client.of('private:message')).toEqual([]);
      expect(elsewhere.of('chat:message').map(({ content }) => content as string)).toEqual(['to the group']);

      inIt.close();
      await sender.next('chat:message:delivered', (receipt) => receipt.message_id === message_id);
      const second = await say(sender, id, 'again');
      expect(await sender.next('chat:message:delivered', (receipt) => receipt.message_id === second.message_id)).toMatchObject({
        delivered_to: boris,
      });
      await fresh.ask('chat:join', { conversationId: id });
      await say(sender, id, 'in it');
      await fresh.next('chat:message', ({ content }) => content === 'in it');
      expect(fresh.of('private:message').map(({ content }) => content as string)).toEqual(['psst', 'again']);
    });
  });

  describe('`sync` and `auth:refresh` on `/chat`, in its own words', () => {
    test.each(FAMILIES)('"the same events with the same payloads as it would have had live", after $join', async (family) => {
      const { anna, boris, id } = await makeConversation(server());
      const [annas, stayed] = await Promise.all([joined(server(), anna, id, family.join), joined(server(), boris, id, family.join)]);
      const { data: kept } = await annas.ask(family.send, { conversationId: id, content: 'kept' });
      const { data: gone } = await annas.ask(family.send, { conversationId: id, content: 'gone' });
      await annas.ask('message:edit', { conversationId: id, messageId: kept.id, content: 'kept, edited' });
      await annas.ask('message:react', { conversationId: id, messageId: kept.id, emoji: '👍', on: true });
      ok(await server().api('PATCH', `/api/v2/chats/${id}`, { as: anna, body: { title: 'New' } }));
      await annas.ask('message:delete', { conversationId: id, messageId: gone.id });
      await stayed.next('message:deleted');
      const live = stayed.all.flatMap(({ event, data }) =>
        data?.version === undefined ? [] : [{ version: data.version as number, event, data }],
      );
      expect(live.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6]);

      const back = await joined(server(), boris, id, family.join);
      const stream = `chat:${id}`;
      const { streams } = await back.ask('sync', { cursors: { [stream]: 0 } });
      const withoutDeleted = live.map((one) =>
        one.version === 2 ? { ...one, data: { ...one.data, content: '', metadata: {}, deletedAt: expect.stringMatching(TIME) } } : one,
      );
      expect(streams[stream]).toEqual({
        events: withoutDeleted,
        version: 6,
        hasMore: false,
        reset: false,
        receipts: expect.objectContaining({ [boris]: { deliveredSeq: 2, readSeq: 0 } }),
      });
      expect((await back.ask('sync', { cursors: { [stream]: 4 } })).streams[stream].events).toEqual(live.slice(4));
    });

    test('a socket that joined nothing, or other conversations, may ask for all of its own: their versions, and what follows one', async () => {
      const { anna, boris, id } = await makeConversation(server());
      const other = await makeDirect(server(), anna, boris);
      const onRoot = await v2Client(server(), anna);
      await say(onRoot, id, 'one');
      await say(onRoot, other.id, 'two');
      const fresh = await depthClient(server(), boris);
      const { streams } = await fresh.ask('sync', { cursors: {} });
      expect(Object.keys(streams).toSorted()).toEqual([`chat:${id}`, `chat:${other.id}`].toSorted());
      expect(streams[`chat:${id}`]).toEqual({ events: [], version: 1, hasMore: false, reset: false, receipts: null });
      await fresh.ask('conversation:join', { conversationId: other.id });
      const asked = await fresh.ask('sync', { cursors: { [`chat:${id}`]: 0, user: 0, orders: 0 } });
      expect(asked.streams[`chat:${id}`].events).toMatchObject([{ version: 1, event: 'message:new', data: { content: 'one' } }]);
      for (const foreign of ['user', 'orders']) expect(asked.streams[foreign]).toMatchObject({ error: { code: 'NOT_FOUND' } });
    });

    test('`auth:refresh` answers `{status: ok, expiresAt}`', async () => {
      const { anna } = await makeDialogue(server());
      const annas = await depthClient(server(), anna);
      expect(await annas.ask('auth:refresh', { token: server().token(anna) })).toEqual({
        status: 'ok',
        expiresAt: expect.stringMatching(TIME),
      });
      expect(await annas.ask('auth:refresh', { token: 'bad' })).toMatchObject({ error: { code: 'UNAUTHORIZED' } });
    });
  });

  test('being removed takes effect on joined sockets at once', async () => {
    const { anna, boris, id } = await makeConversation(server());
    const [annas, boriss] = await Promise.all([joined(server(), anna, id), joined(server(), boris, id)]);
    await annas.ask('message:send', { conversationId: id, content: 'both' });
    await boriss.next('message:new');
    ok(await server().api('DELETE', `/api/v2/chats/${id}/members/${boris}`, { as: anna }));
    await annas.next('chat:changed');
    await annas.ask('message:send', { conversationId: id, content: 'without' });
    await caughtUp(boriss);
    expect(boriss.of('message:new')).toHaveLength(1);
    expect(await boriss.ask('message:send', { conversationId: id, content: 'x' })).toMatchObject({ error: { code: 'FORBIDDEN' } });
  });

  test('"Every socket gets a stream\'s events in `version` order, each once", over each transport, while another is joined and left', async () => {
    const { anna, boris, clara, id } = await makeConversation(server());
    const other = await makeDirect(server(), anna, boris);
    const auth = { token: server().token(boris) };
    const open: [string, Parameters<typeof connected>[2], string][] = [
      ['/chat', { auth, transports: ['polling'] }, 'message:new'],
      ['/chat', { auth, transports: ['polling', 'websocket'] }, 'chat:message'],
      ['/chat', { auth, perMessageDeflate: { threshold: 0 } }, 'message:new'],
      ['/', { auth }, 'chat:message'],
    ];
    const receivers = await Promise.all(
      open.map(async ([namespace, options, name]) => {
        const client = await connected(server().url, namespace, options);
        await client.ask(name === 'message:new' ? 'conversation:join' : 'chat:join', { conversationId: id });
        return { client, name };
      }),
    );
    const [onRoot, onChat] = [await v2Client(server(), anna), await depthClient(server(), clara)];
    const COUNT = 300;
    const all = Array.from({ length: COUNT }, (_, i) => i + 1);
    const content = (i: number) => `${i}${i % 20 === 0 ? ' large'.repeat(500) : ''}`;
    await Promise.all([
      ...all.map((i) => (i % 2 ? say(onRoot, id, content(i)) : onChat.ask('message:send', { conversationId: id, content: content(i) }))),
      ...receivers.flatMap(({ client, name }) =>
        ['join', 'leave', 'join', 'leave'].map((what) =>
          client.ask(`${name === 'message:new' ? 'conversation' : 'chat'}:${what}`, { conversationId: other.id }),
        ),
      ),
    ]);
    for (const { client, name } of receivers) {
      await client.next(name, ({ version }) => version === COUNT);
      expect(client.of(name).map(({ version }) => version as number)).toEqual(all);
    }
  });

  test('the document’s `ChatClient` class, as it is written', async () => {
    const { anna, boris, id } = await makeConversation(server());
    const [annas, boriss] = await Promise.all([depthClient(server(), anna), depthClient(server(), boris)]);
    const [mine, theirs] = [new ChatClient(annas.socket), new ChatClient(boriss.socket)];
    // Without a callback: what is sent next comes after it on the same connection.
    mine.joinConversation(id);
    theirs.joinConversation(id);
    await caughtUp(annas, boriss);
    const sent = await mine.sendMessage(id, 'مرحبا');
    expect(sent).toMatchObject({ conversationId: id, content: 'مرحبا', type: 'text', senderId: anna });
    await boriss.next('message:new');
    await annas.ask('message:edit', { conversationId: id, messageId: sent.id, content: 'أهلا' });
    await annas.ask('user:typing', { conversationId: id, isTyping: true });
    await boriss.next('user:typing');
    expect(theirs.conversations.get(id)).toMatchObject([{ id: sent.id, content: 'مرحبا' }]);
    expect(mine.conversations.get(id)).toHaveLength(1);
    expect(theirs.updates).toMatchObject([{ id: sent.id, content: 'أهلا' }]);
    expect(theirs.typists).toEqual([{ userId: anna, conversationId: id }]);
    expect(mine.typists).toEqual([]);
    await expect(theirs.sendMessage('nothing', 'x')).rejects.toMatchObject({ code: 'CHAT_NOT_FOUND', message: 'المحادثة غير موجودة' });
    await expect(theirs.sendMessage(id, '')).rejects.toMatchObject({ code: 'INVALID_DATA', message: 'بيانات غير صالحة' });
  });

  test('a lone list around the payload, no callback, polling: as clients do', async () => {
    const { anna, boris, id } = await makeConversation(server());
    const boriss = await joined(server(), boris, id, 'chat:join');
    const annas = await connected(server().url, '/chat', { token: server().token(anna), transports: ['polling'] });
    annas.tell('chat:join', [{ conversationId: id }]);
    annas.tell('chat:message', { conversationId: id, content: 'polled' });
    annas.tell('chat:message');
    expect(await boriss.next('chat:message')).toMatchObject({ content: 'polled' });
    await annas.next('chat:message');
    expect(await annas.next('error')).toMatchObject({ code: 'INVALID_DATA', event: 'chat:message' });
  });
});
