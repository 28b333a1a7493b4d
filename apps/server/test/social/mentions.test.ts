import { describe, expect, test, vi } from 'vitest';
import { ChatsService } from '../../src/features/chats/chats.service.ts';
import { idsMeantBy, mentionRuns } from '../../src/features/social/mentions.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { caughtUp, makeDirect, makeGroup, makeUsers, ok, onServers, say, UNLIMITED, v2Client, v2Clients } from '../support/chats.ts';
import { temporaryFolder } from '../support/engines.ts';
import { freshId, spawnServer } from '../support/server.ts';
import { closeClients, type Client } from '../support/sockets.ts';

describe('"A mention is `@` and the longest existing id of `[A-Za-z0-9_.-]`"', () => {
  test('what could be an id is what follows each `@`, each once', () => {
    const runs: [string, string[]][] = [
      ['no one', []],
      ['@', []],
      ['@anna', ['anna']],
      ['Привет, @anna-1_b.c!', ['anna-1_b.c']],
      ['@a@b @a', ['a', 'b']],
      ['(@anna)', ['anna']],
      ['@анна', []],
      ['@annaанна', ['anna']],
      [`@${'x'.repeat(70)}`, ['x'.repeat(64)]],
    ];
    for (const [text, expected] of runs) expect(mentionRuns(text), text).toEqual(expected);
    expect(mentionRuns(Array.from({ length: 90 }, (_, i) => `@u${i}`).join(' '))).toHaveLength(50);
    expect(idsMeantBy('ab.')).toEqual(['ab.', 'ab', 'a']);
  });
});

onServers('mentions', (server) => {
  test('in posts and comments: `mention` to each who is named, once; the longest id that exists is meant', async () => {
    const [author, writer] = await makeUsers(server(), 'Author', 'Writer');
    const base = freshId('anna');
    const [anna, annaBel, gone] = [base, `${base}bel`, `${base}gone`];
    for (const id of [anna, annaBel, gone]) await server().createUser(id, { name: id });
    ok(await server().api('DELETE', `/api/v2/users/${gone}`, { key: true }));
    const clients = await v2Clients(server(), author, anna, annaBel);
    const content = `@${annaBel}. and @${annaBel}, and @${author}; nobody: @${freshId()} @@ @Author`;
    const { id } = ok(await server().api('POST', '/api/v2/posts', { as: writer, body: { content } }));
    const comment = { as: writer, body: { content: `@${gone}` } };
    const { id: commentId } = ok(await server().api('POST', `/api/v2/posts/${id}/comments`, comment));
    await caughtUp(...clients);
    const mentions = clients.map((client) => client.of('notification:new').map(({ type, body, data }) => [type, body, data]));
    const inPost = ['mention', `Writer: ${content}`, { post_id: id, user_id: writer }];
    expect(mentions).toEqual([
      [inPost],
      // Who was erased is nobody: the longest id that exists is hers.
      [['mention', `Writer: @${gone}`, { post_id: id, comment_id: commentId, user_id: writer }]],
      [inPost],
    ]);
  });

  const blocked = async (user: string, by: string) => ok(await server().api('PUT', `/api/v2/users/${user}/block`, { as: by }));
  const mentionsOf = (client: Client) => client.of('notification:new').filter(({ type }) => type === 'mention');

  test('in chat messages: only members, "One\'s own actions raise no notification to oneself", and nobody who muted the chat or blocked the sender', async () => {
    const [writer, anna, muting, blocking, stranger] = await makeUsers(server(), 'Writer', 'Anna', 'Muting', 'Blocking', 'Stranger');
    // Their ids begin alike: the longest that exists is meant, whether or not that one is a member.
    const annaBel = `${anna}bel`;
    await server().createUser(annaBel, { name: 'Annabel' });
    const chat = await makeGroup(server(), writer, anna, muting, blocking);
    ok(await server().api('PUT', `/api/v2/chats/${chat.id}/mute`, { as: muting, body: { until: '2100-01-01T00:00:00Z' } }));
    await blocked(writer, blocking);
    const clients = await v2Clients(server(), writer, anna, muting, blocking, stranger);
    const [writers, annas] = clients;
    await say(writers, chat.id, `not her: @${annaBel}; nobody: @ @nobody @${stranger} @${writer} @${muting} @${blocking}`);
    await say(writers, chat.id, `https://example.org/@${anna}`, { type: 'photo' });
    const { message_id: id } = await say(writers, chat.id, `@${anna}, look. @${anna}!`);
    expect(await annas.next('notification:new')).toMatchObject({
      type: 'mention',
      title: 'You were mentioned',
      body: `Writer: @${anna}, look. @${anna}!`,
      data: { chat_id: chat.id, message_id: id, user_id: writer },
    });
    // `booking_proposal`: text.
    const { message_id: proposal } = await say(writers, chat.id, `@${anna}, shall we?`, { type: 'booking_proposal' });
    await annas.next('notification:new', ({ data }) => data.message_id === proposal);
    // They are looked at in their order: when the last has been told, all before it have been.
    const { message_id: last } = await say(writers, chat.id, `@${anna} again`);
    await annas.next('notification:new', ({ data }) => data.message_id === last);
    await caughtUp(...clients);
    expect(clients.map((client) => mentionsOf(client).length)).toEqual([0, 3, 0, 0, 0]);
  });

  /** Where in the store this text stands. */
  const placesOf = async (text: string) => {
    const { db } = server().app.get<Storage>(STORAGE, { strict: false });
    const pattern = `%${text}%`;
    const [told, logged] = await Promise.all([
      db.selectFrom('notifications').select('body as text').where('body', 'like', pattern).execute(),
      db.selectFrom('stream_log').select('data as text').where('data', 'like', pattern).execute(),
    ]);
    return [...told, ...logged];
  };

  test('"nothing deleted stays readable in the log": nor in the notification of a mention, of which the rest stays', async () => {
    const [writer, anna] = await makeUsers(server(), 'Writer', 'Anna');
    const chat = await makeDirect(server(), writer, anna);
    const [writers, annas] = await v2Clients(server(), writer, anna);
    const secret = freshId('secret');
    const { message_id } = await say(writers, chat.id, `@${anna} ${secret}`);
    const told = await annas.next('notification:new');
    await say(writers, chat.id, `@${anna} another`);
    const other = await annas.next('notification:new', ({ id }) => id !== told.id);
    // What it said first is in the notification, whatever it says when it is deleted.
    await writers.ask('chat:message:edit', { chat_id: chat.id, message_id, content: 'changed' });
    expect(await placesOf(secret)).not.toEqual([]);
    expect(await writers.ask('chat:message:delete', { chat_id: chat.id, message_id })).toEqual({ status: 'ok' });
    expect(await placesOf(secret)).toEqual([]);
    const left = { ...told, body: '' };
    expect(ok(await server().api('GET', '/api/v2/notifications', { as: anna })).data).toEqual([other, left]);
    const { events } = (await annas.ask('sync', { cursors: { user: told.version - 1 } })).streams.user;
    expect(events.map(({ data }: { data: unknown }) => data)).toEqual([left, other]);
  });

  test('…nor where the mention is told and the message deleted in one commit', async () => {
    const [writer, anna] = await makeUsers(server(), 'Writer', 'Anna');
    const chat = await makeDirect(server(), writer, anna);
    const [writers, annas] = await v2Clients(server(), writer, anna);
    const queue = server().app.get(WriteQueue, { strict: false });
    const run = queue.run.bind(queue);
    const { promise: held, resolve: hold } = Promise.withResolvers<() => void>();
    const queued = vi.spyOn(queue, 'run').mockImplementation((streams, work) => {
      if (!streams.includes(`user:${anna}`)) return run(streams, work);
      const { promise: due, resolve } = Promise.withResolvers<void>();
      hold(resolve);
      return due.then(() => run(streams, work));
    });
    try {
      const secret = freshId('secret');
      const { message_id } = await say(writers, chat.id, `@${anna} ${secret}`);
      const tell = await held;
      queued.mockImplementation(async (streams, work) => {
        if (streams.includes(`chat:${chat.id}`)) tell();
        await Promise.resolve();
        return run(streams, work);
      });
      expect(await writers.ask('chat:message:delete', { chat_id: chat.id, message_id })).toEqual({ status: 'ok' });
      await annas.next('notification:new');
      expect(await placesOf(secret)).toEqual([]);
    } finally {
      queued.mockRestore();
    }
  });

  test('a message that is deleted while it is looked at tells nobody what it said; one that is edited tells what it says', async () => {
    const [writer, anna] = await makeUsers(server(), 'Writer', 'Anna');
    const chat = await makeDirect(server(), writer, anna);
    const [writers, annas] = await v2Clients(server(), writer, anna);
    // Of all that the look at a message asks, this comes after its words were read.
    const asked = vi.spyOn(server().app.get(ChatsService, { strict: false }), 'mutedBy');
    const sayAndMeanwhile = async (content: string, event: string, more: object = {}) => {
      const { promise: looking, resolve: looks } = Promise.withResolvers<void>();
      const { promise: done, resolve: goOn } = Promise.withResolvers<void>();
      asked.mockImplementationOnce(async () => {
        looks();
        await done;
        return new Set();
      });
      const { message_id } = await say(writers, chat.id, content);
      await looking;
      expect(await writers.ask(event, { chat_id: chat.id, message_id, ...more })).toMatchObject({ status: 'ok' });
      goOn();
    };
    try {
      const secret = freshId('secret');
      await sayAndMeanwhile(`@${anna} ${secret}`, 'chat:message:delete');
      await sayAndMeanwhile(`@${anna} ${secret}`, 'chat:message:edit', { content: `@${anna} hello` });
      expect((await annas.next('notification:new')).body).toBe(`Writer: @${anna} hello`);
      await say(writers, chat.id, `@${anna} last`);
      await annas.next('notification:new', ({ body }) => body.endsWith('last'));
      expect(mentionsOf(annas)).toHaveLength(2);
    } finally {
      asked.mockRestore();
    }
  });

  test('who blocked the author is not spoken to in posts and comments either', async () => {
    const [author, blocking, other] = await makeUsers(server(), 'Author', 'Blocking', 'Other');
    await blocked(author, blocking);
    const clients = await v2Clients(server(), blocking, other);
    ok(await server().api('POST', '/api/v2/posts', { as: author, body: { content: `@${blocking} @${other}` } }));
    await caughtUp(...clients);
    expect(clients.map((client) => mentionsOf(client).length)).toEqual([0, 1]);
  });
});

test('a message that was acknowledged before a crash notifies whom it mentions, once', async () => {
  const folder = await temporaryFolder();
  let server = await spawnServer({ ...UNLIMITED, DATA_DIR: folder.path, LOG_LEVEL: 'warn' });
  try {
    const [writer, anna] = await makeUsers(server, 'Writer', 'Anna');
    const chat = await makeDirect(server, writer, anna);
    const writers = await v2Client(server, writer);
    const sent: Promise<string>[] = [];
    for (let i = 0; i < 60; i++) sent.push(say(writers, chat.id, `@${anna} ${i}`).then(({ message_id: id }) => id));
    const acknowledged = new Set<string>();
    for (const one of sent) one.then((id) => acknowledged.add(id)).catch(() => undefined);
    // In the middle: of some has been told, others have only been noted.
    await Promise.any(sent);
    await server.kill('SIGKILL');
    server = await spawnServer({ ...UNLIMITED, DATA_DIR: folder.path, LOG_LEVEL: 'warn' });
    const { data: messages } = ok(await server.api('GET', `/api/v2/chats/${chat.id}/messages?limit=200`, { as: anna }));
    const stored = messages.map(({ id }: { id: string }) => id).toSorted();
    expect(stored).toEqual(expect.arrayContaining([...acknowledged]));
    const notified = async () => {
      const { data } = ok(await server.api('GET', '/api/v2/notifications?limit=200', { as: anna }));
      return data.map(({ data: about }: { data: { message_id: string } }) => about.message_id).toSorted();
    };
    await expect.poll(notified, { timeout: 20_000 }).toEqual(stored);
  } finally {
    closeClients();
    await server.stop();
    await folder.remove();
  }
});
