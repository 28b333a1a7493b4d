import type { v2 } from '@majlis/contract';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { makeGroup, makeUsers, ok, UNLIMITED, v2Client } from '../support/chats.ts';
import { POSTGRES_SERVER, temporaryDatabase } from '../support/engines.ts';
import { spawnServer, type Api, type SpawnedServer } from '../support/server.ts';
import { closeClients, type Client } from '../support/sockets.ts';

const MESSAGES = 400;
const ACKS_BETWEEN_KILLS = 60;
/** How many of a client's messages are under way at once. */
const IN_FLIGHT = 25;
const RECONNECTING = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 };

interface Ack {
  message_id: string;
  created_at: string;
  seq: number;
}

/** A client with an offline queue: what was not acknowledged is sent again on every connection, under its old id and in its old order. */
class Writer {
  readonly acks = new Map<string, Ack>();
  /** Ids that were acknowledged twice, and not alike. */
  readonly contradictions: string[] = [];
  readonly done: Promise<void>;
  readonly #client: Client;
  readonly #chatId: string;
  readonly #name: string;
  readonly #waiting: string[];
  readonly #underWay = new Set<string>();
  readonly #finish: () => void;

  constructor(client: Client, chatId: string, name: string) {
    this.#client = client;
    this.#chatId = chatId;
    this.#name = name;
    this.#waiting = Array.from({ length: MESSAGES }, (_, i) => `${name}-${i}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
    client.socket.on('connect', () => this.#again());
    this.#send();
  }

  /** The ids in the order in which they were first sent. */
  get ids(): string[] {
    return Array.from({ length: MESSAGES }, (_, i) => `${this.#name}-${i}`);
  }

  #again(): void {
    for (const id of this.#underWay) this.#emit(id);
    this.#send();
  }

  #send(): void {
    while (this.#client.socket.connected && this.#underWay.size < IN_FLIGHT && this.#waiting.length > 0) {
      const id = this.#waiting.shift()!;
      this.#underWay.add(id);
      this.#emit(id);
    }
  }

  #emit(id: string): void {
    this.#client.socket.emit(
      'chat:message:send',
      { chat_id: this.#chatId, type: 'text', content: `text of ${id}`, client_message_id: id },
      (ack: Ack & { status: string }) => {
        if (ack.status !== 'sent') return;
        const { message_id, created_at, seq } = ack;
        const before = this.acks.get(id);
        if (before && !isDeepStrictEqual(before, { message_id, created_at, seq })) this.contradictions.push(id);
        this.acks.set(id, { message_id, created_at, seq });
        this.#underWay.delete(id);
        if (this.acks.size === MESSAGES) this.#finish();
        else this.#send();
      },
    );
  }
}

async function history(server: Api, userId: string, chatId: string): Promise<v2.Message[]> {
  const all: v2.Message[] = [];
  for (;;) {
    const { data } = ok(await server.api('GET', `/api/v2/chats/${chatId}/messages?after_seq=${all.length}&limit=200`, { as: userId }));
    if (data.length === 0) return all;
    all.push(...data);
  }
}

const engines = [
  { name: 'SQLite', missing: false, database: async () => ({ url: undefined, drop: async () => undefined }) },
  { name: 'PostgreSQL', missing: POSTGRES_SERVER === undefined, database: () => temporaryDatabase(POSTGRES_SERVER!) },
];

for (const engine of engines) {
  describe.skipIf(engine.missing)(`kill -9 in the middle of a burst (${engine.name})`, () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'majlis-crash-'));
    let server: SpawnedServer | undefined;
    let database: Awaited<ReturnType<typeof engine.database>> | undefined;
    afterEach(async () => {
      closeClients();
      await server?.stop();
      await database?.drop();
      rmSync(dataDir, { recursive: true, force: true });
    });

    test('"The acknowledgement is sent after the message is durably stored, never before": three crashes lose no acknowledged message, and what is sent again is there once, in order', async () => {
      database = await engine.database();
      const start = (port: string) =>
        spawnServer({
          ...UNLIMITED,
          DATA_DIR: dataDir,
          PORT: port,
          LOG_LEVEL: 'warn',
          ...(database!.url && { DATABASE_URL: database!.url }),
        });
      let running = (server = await start('0'));
      const { port } = new URL(running.url);
      const [anna, boris, clara] = await makeUsers(running, 'Anna', 'Boris', 'Clara');
      const chat = await makeGroup(running, anna, boris, clara);
      const stream = `chat:${chat.id}`;
      const claras = await v2Client(running, clara, RECONNECTING);
      const writers = [
        new Writer(await v2Client(running, anna, RECONNECTING), chat.id, 'anna'),
        new Writer(await v2Client(running, boris, RECONNECTING), chat.id, 'boris'),
      ];
      const acked = () => writers.reduce((sum, { acks }) => sum + acks.size, 0);

      // The one who stayed: what came live, and after every reconnection what follows the version up to which nothing is missing.
      const changes = new Map<number, v2.Message>();
      const take = (version: number, message: v2.Message) => {
        const before = changes.get(version);
        if (before) expect(message).toEqual(before);
        changes.set(version, message);
      };
      const lived: number[][] = [[]];
      claras.socket.on('chat:message:new', (message: v2.Message) => {
        lived.at(-1)!.push(message.version);
        take(message.version, message);
      });
      claras.socket.on('connect', () => lived.push([]));
      const catchUp = async () => {
        for (let more = true; more;) {
          let version = 0;
          while (changes.has(version + 1)) version++;
          const page: v2.StreamPage = (await claras.ask('sync', { cursors: { [stream]: version } })).streams[stream];
          expect(page.reset).toBe(false);
          for (const event of page.events) take(event.version, event.data as v2.Message);
          more = page.has_more;
        }
      };

      for (let kill = 1; kill <= 3; kill++) {
        const target = acked() + ACKS_BETWEEN_KILLS;
        await claras.until(() => (claras.of('chat:message:new').length >= target || acked() >= target ? true : undefined));
        const promised = new Map(writers.flatMap(({ acks }) => [...acks]));
        expect(await running.kill('SIGKILL')).toBe('SIGKILL');
        expect(promised.size).toBeLessThan(2 * MESSAGES);
        running = server = await start(port);
        const stored = new Map((await history(running, clara, chat.id)).map((message) => [message.client_message_id!, message]));
        for (const [id, ack] of promised)
          expect(stored.get(id)).toMatchObject({ id: ack.message_id, seq: ack.seq, created_at: ack.created_at });
        await claras.count('sync:required', kill + 1);
        expect(claras.of('sync:required').at(-1)).toMatchObject({ reason: 'reconnection' });
        await catchUp();
      }
      await Promise.all(writers.map(({ done }) => done));
      await catchUp();

      const order = Array.from({ length: 2 * MESSAGES }, (_, i) => i + 1);
      const messages = await history(running, clara, chat.id);
      expect(messages.map(({ seq }) => seq)).toEqual(order);
      expect(messages.map(({ client_message_id }) => client_message_id!).toSorted()).toEqual(writers.flatMap(({ ids }) => ids).toSorted());
      for (const message of messages) expect(message.content).toBe(`text of ${message.client_message_id}`);
      const bySeq = (ids: Map<string, Ack>) => [...ids].toSorted(([, a], [, b]) => a.seq - b.seq).map(([id]) => id);
      for (const writer of writers) {
        expect(bySeq(writer.acks)).toEqual(writer.ids);
        expect(writer.contradictions).toEqual([]);
        for (const [id, { seq, message_id }] of writer.acks)
          expect(messages[seq - 1]).toMatchObject({ id: message_id, client_message_id: id });
      }
      expect([...changes.keys()].toSorted((a, b) => a - b)).toEqual(order);
      for (const [version, message] of changes) expect({ ...messages[version - 1], status: 'sent' }).toEqual(message);
      // On each connection in order, and nothing twice.
      for (const versions of lived) expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
    }, 60_000);
  });
}
