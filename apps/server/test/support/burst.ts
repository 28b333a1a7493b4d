/** Messages that are sent whatever happens meanwhile, those who listen to them, and what must hold of both in the end. */
import type { v2 } from '@majlis/contract';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import { ok } from './chats.ts';
import type { Api } from './server.ts';
import type { Client } from './sockets.ts';

/** How clients of a burst come back. */
export const RECONNECTING = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 };

const RETRY_MS = 20;

export interface Ack {
  message_id: string;
  created_at: string;
  seq: number;
}

/**
 * A client with an offline queue: what was not acknowledged, or refused, is sent again under its old id and in its old order, also on
 * every new connection. With more than one message under way their order is only sure where none of them is refused.
 */
export class Writer {
  readonly acks = new Map<string, Ack>();
  /** Codes of refusals, in order. */
  readonly refusals: string[] = [];
  /** Ids that were acknowledged twice, and not alike. */
  readonly contradictions: string[] = [];
  /** Ids in the order in which they were first sent. */
  readonly ids: string[] = [];
  readonly #client: Client;
  readonly #chatId: string;
  readonly #name: string;
  readonly #inFlight: number;
  readonly #underWay = new Set<string>();
  #onDone: () => void = () => undefined;
  #left: number;

  /** @param messages how many it sends before it is told to go on; Infinity until `finish` */
  constructor(client: Client, chatId: string, name: string, { messages, inFlight }: { messages: number; inFlight: number }) {
    this.#client = client;
    this.#chatId = chatId;
    this.#name = name;
    this.#left = messages;
    this.#inFlight = inFlight;
    client.socket.on('connect', () => {
      for (const id of this.#underWay) this.#emit(id);
      this.#send();
    });
    this.#send();
  }

  /** How many messages were sent and not acknowledged yet. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** Sends so many more. */
  goOn(messages: number): void {
    this.#left += messages;
    this.#send();
  }

  /** Begins nothing new; resolves when what is under way was acknowledged. */
  finish(): Promise<void> {
    this.#left = 0;
    return this.done();
  }

  /** Resolves when all that it has to send was acknowledged. */
  done(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDone = () => {
        if (this.#left === 0 && this.#underWay.size === 0) resolve();
      };
      this.#onDone();
    });
  }

  #send(): void {
    while (this.#client.socket.connected && this.#underWay.size < this.#inFlight && this.#left > 0) {
      this.#left--;
      const id = `${this.#name}-${this.ids.length}`;
      this.ids.push(id);
      this.#underWay.add(id);
      this.#emit(id);
    }
  }

  #emit(id: string): void {
    this.#client.socket.emit(
      'chat:message:send',
      { chat_id: this.#chatId, type: 'text', content: `text of ${id}`, client_message_id: id },
      (answer: (Ack & { status: 'sent' }) | { status: 'error'; error: { code: string } }) => {
        if (answer.status === 'error') {
          this.refusals.push(answer.error.code);
          const { id: connection } = this.#client.socket;
          // A new connection sends it again itself.
          void delay(RETRY_MS).then(() => this.#client.socket.id === connection && this.#emit(id));
          return;
        }
        const { message_id, created_at, seq } = answer;
        const before = this.acks.get(id);
        if (before && !isDeepStrictEqual(before, { message_id, created_at, seq })) this.contradictions.push(id);
        this.acks.set(id, { message_id, created_at, seq });
        this.#underWay.delete(id);
        this.#send();
        this.#onDone();
      },
    );
  }
}

/** One who listens to a chat: what came live, and what `catchUp` fetched of what did not. */
export class Listener {
  readonly client: Client;
  /** By version, however it came. */
  readonly changes = new Map<number, v2.Message>();
  /** The versions that came live, for each connection. */
  readonly lived: number[][] = [[]];
  /** Versions that came twice, and not alike. */
  readonly contradictions: number[] = [];
  readonly #stream: string;

  constructor(client: Client, chatId: string) {
    this.client = client;
    this.#stream = `chat:${chatId}`;
    client.socket.on('chat:message:new', (message: v2.Message) => {
      this.lived.at(-1)!.push(message.version);
      this.#take(message.version, message);
    });
    client.socket.on('connect', () => this.lived.push([]));
  }

  #take(version: number, message: v2.Message): void {
    const before = this.changes.get(version);
    if (before && !isDeepStrictEqual(message, before)) this.contradictions.push(version);
    this.changes.set(version, message);
  }

  /** Fetches what follows the version up to which nothing is missing, as a client does that came back or saw a gap. */
  async catchUp(): Promise<void> {
    for (let more = true; more;) {
      let version = 0;
      while (this.changes.has(version + 1)) version++;
      const page: v2.StreamPage = (await this.client.ask('sync', { cursors: { [this.#stream]: version } })).streams[this.#stream];
      if (page.reset) throw new Error(`version ${version} is unknown to the server`);
      for (const event of page.events) this.#take(event.version, event.data as v2.Message);
      more = page.has_more;
    }
  }
}

/** All messages of a chat. */
export async function history(server: Api, userId: string, chatId: string): Promise<v2.Message[]> {
  const all: v2.Message[] = [];
  for (;;) {
    const { data } = ok(await server.api('GET', `/api/v2/chats/${chatId}/messages?after_seq=${all.length}&limit=200`, { as: userId }));
    if (data.length === 0) return all;
    all.push(...data);
  }
}

/** Who sent: all ids in the order of sending, and how each was acknowledged. */
export type Sent = Pick<Writer, 'ids' | 'acks' | 'contradictions'>;

/** Nothing that was acknowledged is lost, doubled or out of order, in the store and for everyone who listened. All writers are done. */
export function expectNothingLost(messages: v2.Message[], writers: readonly Sent[], listeners: readonly Listener[]): void {
  const sent = writers.flatMap(({ ids }) => ids);
  const order = sent.map((_, i) => i + 1);
  expect(messages.map(({ seq }) => seq)).toEqual(order);
  expect(messages.map(({ client_message_id }) => client_message_id!).toSorted()).toEqual(sent.toSorted());
  for (const message of messages) expect(message.content).toBe(`text of ${message.client_message_id}`);
  for (const writer of writers) {
    expect([...writer.acks].toSorted(([, a], [, b]) => a.seq - b.seq).map(([id]) => id)).toEqual(writer.ids);
    expect(writer.contradictions).toEqual([]);
    for (const [id, { seq, message_id }] of writer.acks) expect(messages[seq - 1]).toMatchObject({ id: message_id, client_message_id: id });
  }
  for (const { changes, lived, contradictions } of listeners) {
    expect(contradictions).toEqual([]);
    expect([...changes.keys()].toSorted((a, b) => a - b)).toEqual(order);
    for (const [version, message] of changes) expect({ ...messages[version - 1], status: 'sent' }).toEqual(message);
    // On each connection in order, and nothing twice.
    for (const versions of lived) expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
  }
}
