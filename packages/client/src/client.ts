import { CatchUp } from './catch-up.ts';
import { Connection, type StateChange } from './connection.ts';
import { Emitter } from './emitter.ts';
import { onNetworkBack } from './environment.ts';
import { MajlisError, errorFromWire, isRecord } from './errors.ts';
import { createCall } from './http.ts';
import { uuid } from './ids.ts';
import type { ConnectionState } from './machine.ts';
import { resolveOptions, type ClientOptions, type ResolvedOptions } from './options.ts';
import { Outbox, type OutboxChange, type QueuedMessage } from './outbox.ts';
import { createRest, type Rest } from './rest.ts';
import { withStreams } from './snapshots.ts';
import { Streams, type StreamEvent } from './streams.ts';
import { renewalDelay, tokenExpiry } from './token.ts';
import { TypingNotices } from './typing.ts';
import {
  streamOf,
  type Acks,
  type ClientEventName,
  type MessageDraft,
  type Receipts,
  type Requests,
  type SendAck,
  type ServerEvents,
} from './wire.ts';

/** What the SDK itself tells, beside the events of the server. */
export interface ClientEvents extends ServerEvents {
  state: StateChange;
  /** Everything that happened while away has been handed on as events, or answered by `reset`. */
  synced: { user_id: string };
  /** What happened in this stream (`chat:<id>`, `user`) can no longer be told event by event: read it anew by REST. */
  reset: { stream: string };
  /** How far each member of a chat has received and read, as of the last catch-up. */
  receipts: { chat_id: string; receipts: Receipts };
  /** A message was queued, sent, or refused for good. */
  outbox: OutboxChange;
  /** Something went wrong that no call can reject with: the server complains about the connection, or a catch-up failed and is tried again. */
  error: MajlisError;
}

/** Makes a client for one user. It does nothing before `connect`. */
export function createClient(options: ClientOptions): MajlisClient {
  return new MajlisClient(options);
}

/**
 * One user's line to a Majlis server. It keeps the connection up, hands on every event once and in the order of its stream
 * whatever happens in between, and sends every message once and in order, whenever there is a connection to send it on.
 */
export class MajlisClient {
  /** The REST calls, with the same tokens. */
  readonly rest: Rest;
  /** The user that the token is for, once it has been connected. */
  userId: string | null = null;

  readonly #options: ResolvedOptions;
  readonly #emitter = new Emitter<ClientEvents & Record<string, unknown>>();
  readonly #connection: Connection;
  readonly #streams: Streams;
  readonly #catchUp: CatchUp;
  readonly #outbox: Outbox;
  readonly #typing: TypingNotices;
  #deviceId: Promise<string> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  /** The server's clock less this machine's, in milliseconds. */
  #clockOffset = 0;
  #forgetOnline: (() => void) | undefined;

  constructor(given: ClientOptions) {
    const options = (this.#options = resolveOptions(given));
    this.#connection = new Connection(options, () => (this.#deviceId ??= this.#readDeviceId()), {
      onState: (change) => this.#onState(change),
      onEvent: (name, payload) => this.#onEvent(name, payload),
    });
    this.#streams = new Streams(options.cursors);
    this.#catchUp = new CatchUp({
      streams: this.#streams,
      sync: (cursors) => this.request('sync', { cursors }),
      deliver: (events) => this.#deliver(events),
      onReceipts: (stream, receipts) => this.#emitter.emit('receipts', { chat_id: stream.slice('chat:'.length), receipts }),
      onReset: (stream) => this.#emitter.emit('reset', { stream }),
      onSynced: () => this.#emitter.emit('synced', { user_id: this.userId ?? '' }),
      onError: (error) => this.#emitter.emit('error', error),
      backoff: options.backoff,
    });
    this.#outbox = new Outbox({
      send: ({ queued_at: _, ...message }) => this.request('chat:message:send', message),
      onChange: (change) => this.#emitter.emit('outbox', change),
      storage: options.storage,
      storageKey: `${options.storageKey}:outbox`,
      maxQueued: options.maxQueued,
      backoff: options.backoff,
    });
    // A notice that does not get through is not worth a word.
    this.#typing = new TypingNotices((chat_id, is_typing) => {
      if (this.state === 'connected') this.request('chat:typing', { chat_id, is_typing }).catch(() => undefined);
    });
    const call = createCall({
      ...options,
      token: async (refused) => await options.getToken({ reason: refused === null ? 'needed' : 'refused', previous: refused }),
    });
    this.rest = withStreams(createRest(call), this.#streams);
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** Connects, and from then on stays connected until `close`. Resolves when connected for the first time; rejects with `CLOSED` if it never can be. */
  async connect(): Promise<void> {
    void this.#outbox.restore();
    this.#forgetOnline ??= onNetworkBack(() => this.#connection.retryNow());
    this.#connection.connect();
    await this.#connection.whenConnected();
  }

  /** Ends the connection and stays away. Messages that are still queued are rejected with `CLOSED`, and kept in `storage` for next time. */
  close(): void {
    this.#connection.close();
  }

  /** Listens to an event of the server, by its name on the wire, or of the SDK; the answer ends it. */
  on<K extends keyof ClientEvents>(event: K, listener: (payload: ClientEvents[K]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  /**
   * Sends a message, now or as soon as there is a connection, after those that were sent to this chat before. Resolves when the
   * server has stored it; rejects when the server refuses it for good, or with `QUEUE_FULL` or `CLOSED`.
   */
  send(chatId: string, draft: MessageDraft): Promise<SendAck> {
    if (this.state === 'closed') return Promise.reject(new MajlisError('CLOSED', 'The client is closed'));
    this.#typing.forget(chatId);
    return this.#outbox.add({
      ...draft,
      chat_id: chatId,
      client_message_id: draft.client_message_id ?? uuid(),
      queued_at: new Date().toISOString(),
    });
  }

  /** Messages that the server has not acknowledged yet, oldest first. */
  pending(chatId?: string): QueuedMessage[] {
    return this.#outbox.pending(chatId);
  }

  /** Call it at every key press, and with `false` when the text is gone; the SDK sends as little of it as does. */
  typing(chatId: string, isTyping: boolean): void {
    this.#typing.set(chatId, isTyping);
  }

  /** Everything up to this message is read. */
  read(chat_id: string, message_id: string): Promise<Acks['chat:message:read']> {
    return this.request('chat:message:read', { chat_id, message_id });
  }

  /** Changes the text of one's own message. */
  edit(chat_id: string, message_id: string, content: string): Promise<Acks['chat:message:edit']> {
    return this.request('chat:message:edit', { chat_id, message_id, content });
  }

  /** Deletes a message. */
  remove(chat_id: string, message_id: string): Promise<Acks['chat:message:delete']> {
    return this.request('chat:message:delete', { chat_id, message_id });
  }

  /** Sets a reaction, or takes it back. */
  react(chat_id: string, message_id: string, emoji: string, on: boolean): Promise<Acks['chat:message:react']> {
    return this.request('chat:message:react', { chat_id, message_id, emoji, on });
  }

  /** Sends an event and resolves with its acknowledgement; rejects with the server's error, `TIMEOUT`, `CONNECTION_LOST` or `CLOSED`. */
  async request<Name extends ClientEventName>(event: Name, payload: Requests[Name]): Promise<Acks[Name]> {
    return (await this.#connection.request(event, payload)) as Acks[Name];
  }

  /** Asks how far the members of a chat have received and read, which no event tells afresh; the answer is a `receipts` event. */
  catchUp(chatId: string): void {
    this.#catchUp.fill(`chat:${chatId}`);
  }

  /** The version handed on last, by stream: give it to `createClient` next time together with the data that was kept. */
  cursors(): Record<string, number> {
    return this.#streams.cursors();
  }

  #onState(change: StateChange): void {
    if (change.state === 'connected') {
      this.#outbox.resume();
    } else {
      clearTimeout(this.#renewal);
      this.#catchUp.stop();
      this.#typing.forget();
      if (change.state === 'closed') this.#outbox.close();
      else this.#outbox.pause();
    }
    if (change.state === 'closed') {
      this.#forgetOnline?.();
      this.#forgetOnline = undefined;
    }
    this.#emitter.emit('state', change);
  }

  #onEvent(name: string, payload: unknown): void {
    if (!isRecord(payload)) return;
    const stream = streamOf(name, payload);
    if (stream !== undefined) {
      this.#deliver(this.#streams.offer({ stream, version: Number(payload['version']), event: name, data: payload }));
      if (this.#streams.hasGap(stream)) this.#catchUp.fill(stream);
      return;
    }
    if (name === 'error') {
      if (payload['event'] === undefined) this.#emitter.emit('error', errorFromWire(payload));
      return;
    }
    if (name === 'connected') {
      this.userId = String(payload['user_id']);
      this.#clockOffset = (Date.parse(String(payload['timestamp'])) || Date.now()) - Date.now();
      this.#planRenewal();
    }
    if (name === 'sync:required') this.#catchUp.start();
    this.#emitter.emit(name, payload);
  }

  #deliver(events: StreamEvent[]): void {
    for (const { event, data } of events) {
      if (event === 'chat:created' && isRecord(data)) this.#streams.seed(`chat:${String(data['id'])}`, Number(data['chat_version']));
      if (event === 'chat:removed' && isRecord(data)) this.#streams.forget(`chat:${String(data['chat_id'])}`);
      this.#emitter.emit(event, data);
    }
  }

  /** Replaces the token before it ends, so that the connection outlives it. By the server's clock: this machine's may be off. */
  #planRenewal(): void {
    clearTimeout(this.#renewal);
    const { token } = this.#connection;
    const delay = token && renewalDelay(tokenExpiry(token), Date.now() + this.#clockOffset, this.#options.refreshBeforeMs);
    if (token && delay) this.#renewal = setTimeout(() => void this.#renew(token), delay);
  }

  async #renew(previous: string): Promise<void> {
    try {
      const token = await this.#options.getToken({ reason: 'expiring', previous });
      if (token === null || token === previous || this.#connection.token !== previous) return;
      await this.request('auth:refresh', { token });
      this.#connection.token = token;
    } catch {
      // The old token is good for a while yet; should it end, the server says so and the connection asks for another.
    } finally {
      if (this.state === 'connected') this.#planRenewal();
    }
  }

  /** Kept, so that the server can tell this device's reconnection from another device's connection. */
  async #readDeviceId(): Promise<string> {
    const { deviceId, storage, storageKey } = this.#options;
    if (deviceId !== undefined) return deviceId;
    const made = uuid();
    try {
      const kept = await storage.getItem(`${storageKey}:device`);
      if (kept !== null) return kept;
      await storage.setItem(`${storageKey}:device`, made);
    } catch {
      // A storage that is full or forbidden: this id then lives as long as the process.
    }
    return made;
  }
}
