import { LIMITS, type v2 } from '@majlis/contract';
import { describe, expect, test } from 'vitest';
import { Retention } from '../../src/log/retention.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { caughtUp, makeDirect, makeGroup, makeUsers, ok, onServers, say, v2Client, v2Clients } from '../support/chats.ts';
import { seededRandom } from '../support/random.ts';
import type { Client } from '../support/sockets.ts';

type StreamEvent = v2.StreamPage['events'][number];

/** The events of the stream of a chat. */
const OF_CHAT = new Set(['chat:message:new', 'chat:message:updated', 'chat:message:deleted', 'chat:message:reaction', 'chat:changed']);
/** The events of a user's own stream. */
const OF_USER = new Set(['chat:created', 'chat:removed']);

/** What a client that stayed received of a stream, in the words of `sync`. */
function heard(client: Client, stream: string): StreamEvent[] {
  return client.all.flatMap(({ event, data }) => {
    const mine = stream === 'user' ? OF_USER.has(event) : OF_CHAT.has(event) && `chat:${data.chat_id ?? data.id}` === stream;
    return mine ? [{ version: data.version, event, data }] : [];
  });
}

/** Asks for a stream until there is no more. */
async function catchUp(client: Client, stream: string, from: number): Promise<{ events: StreamEvent[]; pages: v2.StreamPage[] }> {
  const pages: v2.StreamPage[] = [];
  for (let version = from; ; version = pages.at(-1)!.version) {
    const { streams } = await client.ask('sync', { cursors: { [stream]: version } });
    pages.push(streams[stream]);
    if (!streams[stream].has_more) return { events: pages.flatMap(({ events }) => events), pages };
  }
}

const upTo = (from: number, to: number) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);

onServers('streams', (server) => {
  describe('sync', () => {
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
      expect(heard(boriss, stream).map(({ version }) => version)).toEqual([
        ...new Set(heard(boriss, stream).map(({ version }) => version)),
      ]);
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

  describe('what is no longer kept', () => {
    const DAY_MS = 86_400_000;
    async function forget(days: number) {
      const retention = server().app.get(Retention, { strict: false });
      while ((await retention.forgetSome(Date.now() + days * DAY_MS)) > 0);
    }

    test('"A version that is older than what is kept (`STREAM_RETENTION_DAYS`, 7) … answers `reset:true`"; what is younger is still there', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      const chat = await makeGroup(server(), anna, boris);
      const stream = `chat:${chat.id}`;
      const rename = (title: string) => server().api('PATCH', `/api/v2/chats/${chat.id}`, { as: anna, body: { title } }).then(ok);
      const { message_id } = await say(annas, chat.id, 'kept');
      await annas.ask('chat:message:edit', { chat_id: chat.id, message_id, content: 'kept, edited' });
      await rename('old');
      const ask = async (version: number) => {
        const { events, ...page } = (await boriss.ask('sync', { cursors: { [stream]: version } })).streams[stream] as v2.StreamPage;
        return { versions: events.map((event) => event.version), version: page.version, reset: page.reset };
      };
      await forget(6);
      expect(await ask(0)).toEqual({ versions: [1, 2, 3], version: 3, reset: false });
      await forget(8);
      expect(await ask(0)).toEqual({ versions: [], version: 3, reset: true });
      expect(await ask(2)).toEqual({ versions: [], version: 3, reset: true });
      expect(await ask(3)).toEqual({ versions: [], version: 3, reset: false });
      expect((await boriss.ask('sync', { cursors: { user: 0 } })).streams.user).toMatchObject({ events: [], version: 1, reset: true });

      // It goes on as if nothing had been.
      await say(annas, chat.id, 'later');
      await rename('later');
      expect(await ask(3)).toEqual({ versions: [4, 5], version: 5, reset: false });
      expect(await ask(2)).toEqual({ versions: [], version: 5, reset: true });
      const { events } = await catchUp(boriss, stream, 3);
      expect(events).toEqual(heard(boriss, stream).slice(3));
      // The messages themselves stay, and what was deleted after its entry was forgotten is gone as well.
      await annas.ask('chat:message:delete', { chat_id: chat.id, message_id });
      const { data } = ok(await server().api('GET', `/api/v2/chats/${chat.id}/messages`, { as: boris }));
      expect(data.map(({ content }: v2.Message) => content)).toEqual(['', 'later']);
    });

    test('a message from before what is kept may be changed: what is kept stays whole', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      const chat = await makeGroup(server(), anna, boris);
      const stream = `chat:${chat.id}`;
      const old = [await say(annas, chat.id, 'edited'), await say(annas, chat.id, 'deleted'), await say(annas, chat.id, 'both')];
      const of = (i: number) => ({ chat_id: chat.id, message_id: old[i]!.message_id });
      ok(await server().api('PATCH', `/api/v2/chats/${chat.id}`, { as: anna, body: { title: 'x' } }));
      await forget(8);
      await say(annas, chat.id, 'one');
      await say(annas, chat.id, 'two');
      await annas.ask('chat:message:edit', { ...of(0), content: 'edited!' });
      await annas.ask('chat:message:edit', { ...of(2), content: 'both!' });
      await say(annas, chat.id, 'three');
      await annas.ask('chat:message:delete', of(1));
      await annas.ask('chat:message:delete', of(2));
      await caughtUp(boriss);
      const lived = heard(boriss, stream);
      expect(lived.map(({ version }) => version)).toEqual(upTo(1, 11));
      for (const from of upTo(4, 11)) {
        const { events } = await catchUp(boriss, stream, from);
        expect(events.map(({ version, event }) => [version, event])).toEqual(
          lived.slice(from).map(({ version, event }) => [version, event]),
        );
      }
      for (const from of upTo(0, 3))
        expect((await boriss.ask('sync', { cursors: { [stream]: from } })).streams[stream]).toMatchObject({ reset: true });
    });

    test('whatever happened in whatever order: from every version that is kept `sync` gives what was live, page by page', async () => {
      const random = seededRandom();
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const [annas, boriss] = await v2Clients(server(), anna, boris);
      const chat = await makeGroup(server(), anna, boris);
      const stream = `chat:${chat.id}`;
      const chat_id = chat.id;
      const mine: string[] = [];
      const one = () => ({ chat_id, message_id: mine[random.below(mine.length)] });
      const steps: (() => Promise<unknown>)[] = [
        ...Array.from({ length: 4 }, () => async () => void mine.push((await say(annas, chat_id, `said ${mine.length}`)).message_id)),
        () => annas.ask('chat:message:edit', { ...one(), content: `edited ${random.below(1_000)}` }),
        () => annas.ask('chat:message:edit', { ...one(), content: `edited ${random.below(1_000)}` }),
        () => annas.ask('chat:message:delete', one()),
        () => boriss.ask('chat:message:react', { ...one(), emoji: random.below(2) ? '👍' : '👎', on: random.below(3) > 0 }),
        () => server().api('PATCH', `/api/v2/chats/${chat_id}`, { as: anna, body: { title: `title ${random.below(1_000)}` } }),
      ];
      let kept = 0;
      for (let round = 0; round < 40; round++) {
        if (mine.length === 0) await steps[0]!();
        await Promise.all(Array.from({ length: 1 + random.below(6) }, () => steps[random.below(steps.length)]!()));
        if (random.below(12) > 0) continue;
        await forget(8);
        // Only rows of the log's own are forgotten; messages that were sent after the last one are kept.
        await caughtUp(boriss);
        kept = heard(boriss, stream).findLast(({ event }) => event !== 'chat:message:new')?.version ?? kept;
      }
      await caughtUp(boriss);
      const { version } = ok(await server().api('GET', `/api/v2/chats/${chat_id}`, { as: boris }));
      const lived = await boriss.until(() => (heard(boriss, stream).at(-1)?.version === version ? heard(boriss, stream) : undefined));
      const deleted = new Map(
        lived.flatMap(({ event, data }) =>
          event === 'chat:message:deleted'
            ? [[(data as { message_id: string }).message_id, (data as { deleted_at: string }).deleted_at]]
            : [],
        ),
      );
      const now = lived.map(({ data, ...event }) => {
        const deleted_at = deleted.get((data as v2.Message).id);
        return { ...event, data: deleted_at === undefined ? data : { ...(data as v2.Message), content: '', metadata: {}, deleted_at } };
      });
      for (const from of upTo(kept, version)) {
        const { events } = await catchUp(boriss, stream, from);
        expect(events, `SEED=${random.seed} from ${from}`).toEqual(now.slice(from));
      }
      for (const from of upTo(0, kept - 1)) {
        const page = (await boriss.ask('sync', { cursors: { [stream]: from } })).streams[stream];
        expect(page, `SEED=${random.seed} from ${from}`).toMatchObject({ reset: true, version });
      }
    });
  });

  describe('reading and listening', () => {
    test('"Chats … read by REST carry the `version` of the same snapshot, so there is no hole between reading and listening"', async () => {
      const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
      const chat = await makeGroup(server(), anna, boris);
      const stream = `chat:${chat.id}`;
      const [annas, witness] = await v2Clients(server(), anna, boris);
      const stop = new AbortController();
      const writers = [
        (async () => {
          for (let i = 0; !stop.signal.aborted; i++)
            await Promise.all([say(annas, chat.id, `a ${i}`), say(annas, chat.id, `b ${i}`), say(witness, chat.id, `own ${i}`)]);
        })(),
        (async () => {
          for (let i = 0; !stop.signal.aborted; i++)
            ok(await server().api('PATCH', `/api/v2/chats/${chat.id}`, { as: anna, body: { title: `title ${i}` } }));
        })(),
        (async () => {
          while (!stop.signal.aborted) {
            const { message_id } = await say(annas, chat.id, 'edited');
            await annas.ask('chat:message:edit', { chat_id: chat.id, message_id, content: 'edited!' });
            await annas.ask('chat:message:delete', { chat_id: chat.id, message_id });
          }
        })(),
      ];
      const read: v2.Chat[] = [];
      const followed: { from: number; client: Client; events: StreamEvent[] }[] = [];
      for (let round = 0; round < 20; round++) {
        const [snapshot] = ok(await server().api('GET', '/api/v2/chats', { as: boris })).data as v2.Chat[];
        read.push(snapshot!, ok(await server().api('GET', `/api/v2/chats/${chat.id}`, { as: boris })));
        const client = await v2Client(server(), boris);
        followed.push({ from: snapshot!.version, client, events: (await catchUp(client, stream, snapshot!.version)).events });
      }
      stop.abort();
      await Promise.all(writers);
      const { version: last } = ok(await server().api('GET', `/api/v2/chats/${chat.id}`, { as: boris })) as v2.Chat;
      const everything = await witness.until(() => (heard(witness, stream).at(-1)?.version === last ? heard(witness, stream) : undefined));
      expect(everything.map(({ version }) => version)).toEqual(upTo(1, last));

      // What was read is what all changes up to its version make, and none after.
      for (const { version, last_seq, title, last_message } of read) {
        const before = everything.filter((event) => event.version <= version);
        const messages = before.filter(({ event }) => event === 'chat:message:new');
        expect([version, last_seq]).toEqual([version, messages.length]);
        expect(title).toBe((before.findLast(({ event }) => event === 'chat:changed')?.data as v2.Chat | undefined)?.title ?? 'Group');
        expect(last_message?.seq ?? 0).toBe(last_seq);
        expect(last_message?.version ?? 0).toBeLessThanOrEqual(version);
      }
      // And whoever listens from there has everything after it.
      for (const { from, client, events } of followed) {
        const union = new Map<number, StreamEvent>();
        await client.until(() => (heard(client, stream).at(-1)?.version === last ? true : undefined));
        for (const event of [...events, ...heard(client, stream)]) union.set(event.version, event);
        expect([...union.keys()].filter((version) => version > from).toSorted((a, b) => a - b)).toEqual(upTo(from + 1, last));
        const versions = heard(client, stream).map(({ version }) => version);
        expect(versions).toEqual(upTo(versions[0]!, last));
      }
    });
  });
});
