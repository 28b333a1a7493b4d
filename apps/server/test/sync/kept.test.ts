import type { v2 } from '@majlis/contract';
import { describe, expect, test } from 'vitest';
import { Retention } from '../../src/log/retention.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { caughtUp, makeGroup, makeUsers, ok, onServers, say, v2Client, v2Clients } from '../support/chats.ts';
import { seededRandom } from '../support/random.ts';
import type { Client } from '../support/sockets.ts';
import { catchUp, heard, upTo, type StreamEvent } from './streams.ts';

onServers('the log', (server) => {
  describe('what is no longer kept', () => {
    const DAY_MS = 86_400_000;
    async function forget(days: number) {
      const retention = server().app.get(Retention, { strict: false });
      const queue = server().app.get(WriteQueue, { strict: false });
      while ((await queue.run([], (tx) => retention.forgetSome(tx, Date.now() + days * DAY_MS))) > 0);
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
