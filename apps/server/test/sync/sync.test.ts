import { LIMITS, type v2 } from '@majlis/contract';
import { expect, test } from 'vitest';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { caughtUp, makeDirect, makeGroup, makeUsers, ok, onServers, say, v2Client, v2Clients } from '../support/chats.ts';
import { depthClient } from '../depth/depth.ts';
import { catchUp, heard, upTo, type StreamEvent } from './streams.ts';

onServers('sync', (server) => {
  async function pair() {
    const [anna, boris, clara] = await makeUsers(server(), 'Anna', 'Boris', 'Clara');
    const [annas, boriss, claras] = await v2Clients(server(), anna, boris, clara);
    const chat = await makeGroup(server(), anna, boris);
    return { anna, boris, clara, annas, boriss, claras, chat, stream: `chat:${chat.id}` };
  }

  /** Everything that can happen to a chat; 16 changes. */
  async function live({ anna, clara, annas, boriss, chat }: Awaited<ReturnType<typeof pair>>) {
    const chatPath = `/api/v2/chats/${chat.id}`;
    const first = await say(annas, chat.id, 'first ❤️', { client_message_id: 'c-1', metadata: { z: [1, { a: null }], a: 'ж' } });
    await boriss.ask('chat:message:send', {
      chat_id: chat.id,
      type: 'location',
      content: '1.5,2',
      metadata: { floor: 3 },
      reply_to: first.message_id,
    });
    await boriss.ask('chat:message:send', { chat_id: chat.id, type: 'photo', content: 'https://a.test/1.jpg', metadata: { width: 1 } });
    ok(await server().api('PATCH', chatPath, { as: anna, body: { title: 'Новое имя' } }));
    await boriss.ask('chat:message:react', { chat_id: chat.id, message_id: first.message_id, emoji: '👍', on: true });
    await annas.ask('chat:message:edit', { chat_id: chat.id, message_id: first.message_id, content: 'first, edited' });
    await annas.ask('chat:message:edit', { chat_id: chat.id, message_id: first.message_id, content: 'first, edited twice' });
    await boriss.ask('chat:message:react', { chat_id: chat.id, message_id: first.message_id, emoji: '👍', on: false });
    ok(await server().api('POST', `${chatPath}/members`, { as: anna, body: { user_ids: [clara] } }));
    await say(annas, chat.id, 'with Clara');
    // What is told live says the name of its moment, and so it stays.
    await server().createUser(anna, { name: 'Anna Karenina' });
    const last = await say(annas, chat.id, 'by another name');
    ok(await server().api('DELETE', `${chatPath}/members/${clara}`, { as: anna }));
    ok(await server().api('POST', `${chatPath}/members`, { as: anna, body: { user_ids: [clara] } }));
    const gone = await say(boriss, chat.id, 'to be deleted');
    await boriss.ask('chat:message:edit', { chat_id: chat.id, message_id: gone.message_id, content: 'to be deleted, edited' });
    await annas.ask('chat:message:react', { chat_id: chat.id, message_id: gone.message_id, emoji: '👎', on: true });
    return { last, gone };
  }

  test('a client that comes back "gets the same events with the same payloads as it would have had live"', async () => {
    const all = await pair();
    const { boris, clara, annas, boriss, claras, stream } = all;
    await live(all);
    const last = 16;
    await annas.next('chat:message:reaction', ({ version }) => version === last);
    await caughtUp(annas, boriss, claras);
    const lived = heard(annas, stream);
    expect(lived.map(({ version }) => version)).toEqual(upTo(1, last));
    expect(new Set(lived.map(({ event }) => event))).toEqual(
      new Set(['chat:message:new', 'chat:message:updated', 'chat:message:reaction', 'chat:changed']),
    );
    const back = await v2Client(server(), boris);
    for (const from of upTo(0, last)) {
      const { streams } = await back.ask('sync', { cursors: { [stream]: from } });
      const { events, ...rest } = streams[stream] as v2.StreamPage;
      expect(events).toEqual(lived.slice(from));
      expect(rest).toEqual({ version: last, has_more: false, reset: false, receipts: expect.any(Object) });
    }
    for (const [userId, client] of [
      [boris, boriss],
      [clara, claras],
    ] as const) {
      const { events } = await catchUp(await v2Client(server(), userId), 'user', 0);
      expect(events).toEqual(heard(client, 'user'));
      expect(events.map(({ version }) => version)).toEqual(upTo(1, events.length));
    }
    expect(heard(claras, 'user').map(({ event }) => event)).toEqual(['chat:created', 'chat:removed', 'chat:created']);
  });

  test('"except that what has since been deleted … comes without its content"', async () => {
    const all = await pair();
    const { boris, annas, boriss, chat, stream } = all;
    const { gone } = await live(all);
    await boriss.ask('chat:message:delete', { chat_id: chat.id, message_id: gone.message_id });
    const { deleted_at } = await annas.next('chat:message:deleted');
    const expected = heard(annas, stream).map(({ data, ...event }) => ({
      ...event,
      data: (data as v2.Message).id === gone.message_id ? { ...(data as v2.Message), content: '', metadata: {}, deleted_at } : data,
    }));
    const { events } = await catchUp(await v2Client(server(), boris), stream, 0);
    expect(events).toEqual(expected);
    expect(JSON.stringify(events)).not.toContain('to be deleted');
  });

  test('"Streams of the user that it did not name come with their current `version` and no events"', async () => {
    const all = await pair();
    const { anna, boris, boriss, chat, stream } = all;
    await live(all);
    const empty = await makeDirect(server(), anna, boris);
    const rest = { events: [], has_more: false, reset: false, receipts: null };
    const { streams } = await boriss.ask('sync', { cursors: {} });
    expect(streams).toEqual({
      [stream]: { version: 16, ...rest },
      [`chat:${empty.id}`]: { version: 0, ...rest },
      user: { version: 2, ...rest },
    });
    const named = await boriss.ask('sync', { cursors: { user: 1 } });
    expect(Object.keys(named.streams).toSorted()).toEqual([stream, `chat:${empty.id}`, 'user'].toSorted());
    expect(named.streams.user.events.map(({ data }: StreamEvent) => (data as v2.Chat).id)).toEqual([empty.id]);
    expect(named.streams[stream]).toEqual({ version: 16, ...rest });
    // A stream that ends at the version that is asked for is up to date.
    expect((await boriss.ask('sync', { cursors: { [stream]: 16, [`chat:${empty.id}`]: 0 } })).streams).toMatchObject({
      [stream]: { events: [], version: 16, has_more: false, reset: false },
      [`chat:${empty.id}`]: { events: [], version: 0, has_more: false, reset: false },
    });
    expect(chat.version).toBe(0);
  });

  test('"a stream that is not the user\'s is answered in its place by `{error}`", and the others are answered', async () => {
    const { annas, stream } = await pair();
    const names = [
      'nothing',
      'chat:',
      'user:',
      'chats:1',
      '',
      ':',
      'user:somebody',
      'ticket:1',
      'directory',
      'directory:1',
      'constructor',
      'x'.repeat(5_000),
    ];
    const { streams } = await annas.ask('sync', { cursors: { ...Object.fromEntries(names.map((name) => [name, 0])), [stream]: 0 } });
    for (const name of names) {
      expect([name, streams[name].error.code]).toEqual([name, expect.stringMatching(/^(NOT_FOUND|CHAT_NOT_FOUND|FORBIDDEN)$/)]);
      expect(streams[name].error).toMatchObject({ message: expect.any(String), timestamp: expect.any(String), event: 'sync' });
    }
    expect(streams[stream]).toMatchObject({ events: [], version: 0, reset: false });
  });

  test('"An answer holds at most 200 events … over all its streams (`has_more`)"', async () => {
    const { anna, boris, annas, boriss, chat, stream } = await pair();
    const other = await makeDirect(server(), anna, boris);
    await Promise.all([...upTo(1, 330).map((i) => say(annas, chat.id, `${i}`)), ...upTo(1, 50).map((i) => say(annas, other.id, `${i}`))]);
    const { streams } = await boriss.ask('sync', { cursors: { [`chat:${other.id}`]: 20, [stream]: 0, user: 0 } });
    expect(streams[`chat:${other.id}`]).toMatchObject({ version: 50, has_more: false });
    expect(streams[`chat:${other.id}`].events).toHaveLength(30);
    expect(streams[stream]).toMatchObject({ version: 170, has_more: true, reset: false });
    expect(streams[stream].events).toHaveLength(170);
    // No room was left for it: it is answered with where it was asked from.
    expect(streams.user).toMatchObject({ events: [], version: 0, has_more: true, reset: false });
    const { events, pages } = await catchUp(boriss, stream, 0);
    expect(pages.map((page) => page.events.length)).toEqual([200, 130]);
    await boriss.until(() => (heard(boriss, stream).length === 330 ? true : undefined));
    expect(events).toEqual(heard(boriss, stream));
  });

  test('"and 256 KiB over all its streams": and each answer leads on', async () => {
    const { anna, boris, annas, boriss, chat, stream } = await pair();
    const other = await makeDirect(server(), anna, boris);
    // As large as they can be, and many small ones, whose keys weigh more than their content.
    const large = { metadata: { large: 'x'.repeat(16_000) } };
    await Promise.all(upTo(1, 25).map(() => say(annas, chat.id, '\u0001'.repeat(4_000), large)));
    await Promise.all(upTo(1, 205).map((i) => say(annas, other.id, 'ж'.repeat(500), { metadata: { i }, client_message_id: `${i}` })));
    const bytes = (answer: unknown) => Buffer.byteLength(JSON.stringify(answer));
    const cursors: Record<string, number> = { [stream]: 0, [`chat:${other.id}`]: 0 };
    const found = new Map<string, StreamEvent[]>([
      [stream, []],
      [`chat:${other.id}`, []],
    ]);
    for (let more = true, answers = 0; more; answers++) {
      const answer = await boriss.ask('sync', { cursors });
      expect(bytes(answer)).toBeLessThanOrEqual(LIMITS.syncBytes);
      expect(answers).toBeLessThan(10);
      more = false;
      for (const name of Object.keys(cursors)) {
        const page: v2.StreamPage = answer.streams[name];
        found.get(name)!.push(...page.events);
        cursors[name] = page.version;
        more ||= page.has_more;
      }
    }
    for (const [name, events] of found) expect(events).toEqual(heard(boriss, name));
  });

  test('"and 256 KiB over all its streams", receipts among them: who asks about what has more is told of all, in other words too', async () => {
    const [anna] = await makeUsers(server(), 'Anna');
    const others = await makeUsers(server(), ...upTo(1, 99).map((i) => `${i}${'ы'.repeat(40)}`));
    const chats = await Promise.all(upTo(1, 30).map(() => makeGroup(server(), anna, ...others)));
    const streams = chats.map(({ id }) => `chat:${id}`);
    for (const annas of [await v2Client(server(), anna), await depthClient(server(), anna)]) {
      const members: number[] = [];
      for (let asked = streams; asked.length > 0;) {
        const answer = await annas.ask('sync', { cursors: Object.fromEntries(asked.map((stream) => [stream, 0])) });
        expect(Buffer.byteLength(JSON.stringify(answer))).toBeLessThanOrEqual(LIMITS.syncBytes);
        const pages = asked.map((stream) => ({ stream, ...answer.streams[stream] }));
        const waiting = pages.filter((page) => page.has_more ?? page.hasMore);
        for (const page of waiting) expect(page).toMatchObject({ events: [], version: 0, reset: false, receipts: null });
        for (const { receipts } of pages) if (receipts) members.push(Object.keys(receipts).length);
        expect(waiting.length).toBeLessThan(asked.length);
        asked = waiting.map(({ stream }) => stream);
      }
      expect(members).toEqual(streams.map(() => 100));
    }
  });

  test('"a question at most 100 streams"', async () => {
    const { annas, stream } = await pair();
    const names = upTo(1, 99).map((i) => `chat:${i}`);
    const question = (...more: string[]) =>
      annas.ask('sync', { cursors: Object.fromEntries([...names, ...more].map((name) => [name, 0])) });
    expect((await question(stream)).streams[stream]).toMatchObject({ events: [], version: 0 });
    expect(await question(stream, 'user')).toMatchObject({
      status: 'error',
      error: { code: 'INVALID_DATA', details: { field: 'cursors' } },
    });
  });

  test('a version that is "unknown answers `reset:true`: reload by REST"', async () => {
    const all = await pair();
    const { boriss, stream } = all;
    await live(all);
    const { streams } = await boriss.ask('sync', { cursors: { [stream]: 17, user: 999_999 } });
    expect(streams[stream]).toMatchObject({ events: [], version: 16, has_more: false, reset: true });
    expect(streams.user).toMatchObject({ events: [], version: 1, has_more: false, reset: true });
  });

  test('"Being added … takes effect": whoever is added finds the chat\'s whole history, "also from before joining"', async () => {
    const { anna, clara, annas, claras, chat, stream } = await pair();
    await say(annas, chat.id, 'before');
    ok(await server().api('POST', `/api/v2/chats/${chat.id}/members`, { as: anna, body: { user_ids: [clara] } }));
    await say(annas, chat.id, 'after');
    const { events } = await catchUp(claras, stream, 0);
    expect(events.map(({ version }) => version)).toEqual([1, 2, 3]);
    expect(events).toEqual(heard(annas, stream));
  });

  test('a client that reconnects misses nothing: `sync` from the version that it had, and live from there', async () => {
    const { boris, annas, chat, stream } = await pair();
    const boriss = await v2Client(server(), boris, { reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 5 });
    const got = new Map<number, StreamEvent>();
    const take = (events: StreamEvent[]) => events.forEach((event) => got.set(event.version, event));
    const sending = (async () => {
      for (let i = 0; i < 150; i++) await say(annas, chat.id, `${i}`);
    })();
    for (let round = 1; round <= 5; round++) {
      await boriss.until(() => (heard(boriss, stream).some(({ version }) => version > round * 20) ? true : undefined));
      boriss.cut();
      await boriss.count('connected', round + 1);
      take(heard(boriss, stream));
      let had = 0;
      while (got.has(had + 1)) had++;
      const { events } = await catchUp(boriss, stream, had);
      expect(events.map(({ version }) => version)).toEqual(upTo(had + 1, had + events.length));
      for (const event of events) expect(got.get(event.version) ?? event).toEqual(event);
      take(events);
    }
    await sending;
    await boriss.until(() => (heard(boriss, stream).at(-1)?.version === 150 ? true : undefined));
    take(heard(boriss, stream));
    expect([...got.keys()].toSorted((a, b) => a - b)).toEqual(upTo(1, 150));
    // And nothing came twice on one connection.
    expect(heard(boriss, stream).map(({ version }) => version)).toEqual([...new Set(heard(boriss, stream).map(({ version }) => version))]);
  });

  test('"or erased comes without its content": nor the name and picture of who was erased', async () => {
    const all = await pair();
    const { anna, boris, annas, boriss, chat, stream } = all;
    const { gone, last } = await live(all);
    await boriss.ask('chat:message:delete', { chat_id: chat.id, message_id: gone.message_id });
    await annas.ask('chat:message:delete', { chat_id: chat.id, message_id: last.message_id });
    const before = (await catchUp(boriss, stream, 0)).events;
    expect((await server().api('DELETE', `/api/v2/users/${anna}`, { key: true })).status).toBe(204);
    const { events } = await catchUp(boriss, stream, 0);
    expect(events.slice(0, before.length).map(({ version, event }) => [version, event])).toEqual(
      before.map(({ version, event }) => [version, event]),
    );
    const others = (await boriss.ask('sync', { cursors: { user: 0 } })).streams.user.events;
    expect(others).toHaveLength(1);
    const seen = JSON.stringify([events, others]);
    for (const trace of ['name":"Anna', 'avatars.test/Anna', 'first ❤️', 'first, edited', 'with Clara', 'by another name'])
      expect(seen).not.toContain(trace);
    for (const trace of ['name":"Boris"', 'avatars.test/Boris', 'name":"Clara"', '1.5,2']) expect(seen).toContain(trace);
    const storage = server().app.get<Storage>(STORAGE, { strict: false });
    const stored = [
      await storage.db.selectFrom('stream_log').selectAll().where('data', 'like', `%${anna}%`).execute(),
      await storage.db.selectFrom('messages').selectAll().where('sender_id', '=', anna).execute(),
    ];
    expect(stored.every((rows) => rows.length > 0)).toBe(true);
    expect(JSON.stringify(stored)).not.toMatch(/name\\?":\\?"Anna|avatars\.test\/Anna|first|with Clara|by another/i);
    // The others' conversation stays readable.
    const { data } = ok(await server().api('GET', `/api/v2/chats/${chat.id}/messages?after_seq=0`, { as: boris }));
    expect(data.map(({ sender_id, sender_name, content }: v2.Message) => [sender_id, sender_name, content !== ''])).toEqual([
      [anna, '', false],
      [boris, 'Boris', true],
      [boris, 'Boris', true],
      [anna, '', false],
      [anna, '', false],
      [boris, 'Boris', false],
    ]);
  });
});
