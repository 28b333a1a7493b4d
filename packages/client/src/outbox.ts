import { backoff, type BackoffOptions } from './backoff.ts';
import { MajlisError, retryAfterMs } from './errors.ts';
import type { Storage } from './storage.ts';
import type { MessageDraft, SendAck } from './wire.ts';

/** A message that the server has not acknowledged yet. */
export interface QueuedMessage extends MessageDraft {
  readonly chat_id: string;
  readonly client_message_id: string;
  /** When it was put in the queue, by this machine's clock. */
  readonly queued_at: string;
}

/** What became of a queued message. */
export type OutboxChange =
  | { status: 'queued'; message: QueuedMessage }
  | { status: 'sent'; message: QueuedMessage; ack: SendAck }
  /** The server will never take it; it is out of the queue. */
  | { status: 'failed'; message: QueuedMessage; error: MajlisError };

/** `later`: on the next connection. `soon`: after a wait, on this one. `few`: like soon, but not for ever. Anything else is final. */
const retryByCode: Readonly<Record<string, 'later' | 'soon' | 'few'>> = {
  TIMEOUT: 'later',
  CONNECTION_LOST: 'later',
  CLOSED: 'later',
  NETWORK: 'later',
  UNAUTHORIZED: 'later',
  RATE_LIMIT: 'soon',
  UNAVAILABLE: 'soon',
  SOCKET_ERROR: 'few',
};
const FEW = 5;

interface OutboxOptions {
  /** Sends one message and waits for its acknowledgement; rejects with `MajlisError`. */
  send: (message: QueuedMessage) => Promise<SendAck>;
  onChange: (change: OutboxChange) => void;
  storage: Storage;
  storageKey: string;
  maxQueued: number;
  backoff: BackoffOptions;
}

interface Waiting {
  promise: Promise<SendAck>;
  resolve: (ack: SendAck) => void;
  reject: (error: MajlisError) => void;
}

/**
 * The send queue. Every message has a `client_message_id`, so sending again after a lost acknowledgement stores nothing
 * twice. Within a chat one message at a time is under way: that is what keeps their order through refusals and retries.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #queue: QueuedMessage[] = [];
  readonly #waiting = new Map<string, Waiting>();
  /** Chats whose queue is being worked off. */
  readonly #lanes = new Set<string>();
  /** Number of the present connection; 0 while there is none. */
  #connection = 0;
  #connections = 0;
  /** Connected, and the earlier session's messages are in their place. */
  #ready = false;
  #restored: Promise<void> | undefined;
  /** Reads and writes of the storage follow one another, so that a slow one never ends with an older queue than the latest. */
  #stored: Promise<void> = Promise.resolve();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Queues a message. Resolves with the acknowledgement, however long that takes; rejects if the server refuses it for good. */
  add(message: QueuedMessage): Promise<SendAck> {
    const queued = this.#waiting.get(message.client_message_id);
    if (queued) return queued.promise;
    if (this.#queue.length >= this.#options.maxQueued) {
      return Promise.reject(new MajlisError('QUEUE_FULL', `${this.#options.maxQueued} messages wait to be sent`));
    }
    const waiting = {} as Waiting;
    waiting.promise = new Promise((resolve, reject) => Object.assign(waiting, { resolve, reject }));
    this.#waiting.set(message.client_message_id, waiting);
    this.#queue.push(message);
    this.#save();
    this.#options.onChange({ status: 'queued', message });
    this.#start(message.chat_id);
    return waiting.promise;
  }

  /** What waits, oldest first. */
  pending(chatId?: string): QueuedMessage[] {
    return chatId === undefined ? [...this.#queue] : this.#queue.filter((message) => message.chat_id === chatId);
  }

  /** Takes up what an earlier session left behind, ahead of what was queued since; once, until `close`. */
  restore(): Promise<void> {
    if (this.#restored) return this.#restored;
    this.#restored = this.#stored.then(async () => {
      const saved = await this.#load();
      const known = new Set(this.#queue.map((message) => message.client_message_id));
      const found = saved.filter((message) => !known.has(message.client_message_id));
      this.#queue = [...found, ...this.#queue];
      this.#save();
      for (const message of found) this.#options.onChange({ status: 'queued', message });
    });
    return (this.#stored = this.#restored);
  }

  /** There is a connection: work the queue off. */
  resume(): void {
    const connection = (this.#connection = ++this.#connections);
    void this.restore().then(() => {
      if (this.#connection !== connection) return;
      this.#ready = true;
      for (const chatId of new Set(this.#queue.map((message) => message.chat_id))) this.#start(chatId);
    });
  }

  /** The connection is gone: everything stays where it is. */
  pause(): void {
    this.#connection = 0;
    this.#ready = false;
  }

  /** Rejects every waiting `add` with `CLOSED`; the messages stay in the storage for the next session. */
  close(): void {
    this.pause();
    this.#restored = undefined;
    const error = new MajlisError('CLOSED', 'The client was closed before the message was sent');
    for (const message of this.#queue.splice(0)) this.#settle(message, { status: 'failed', message, error });
  }

  #start(chatId: string): void {
    if (this.#ready && !this.#lanes.has(chatId)) void this.#work(chatId);
  }

  async #work(chatId: string): Promise<void> {
    this.#lanes.add(chatId);
    let attempt = 0;
    for (let message = this.#next(chatId); message && this.#ready; message = this.#next(chatId)) {
      const connection = this.#connection;
      try {
        this.#finish({ status: 'sent', message, ack: await this.#options.send(message) });
        attempt = 0;
      } catch (thrown) {
        const error = thrown instanceof MajlisError ? thrown : new MajlisError('NETWORK', String(thrown));
        const retry = retryByCode[error.code];
        if (retry === 'later') {
          // On a newer connection than the one that lost the message, this is "later" already.
          if (this.#connection === connection) break;
        } else if (retry === undefined || (retry === 'few' && attempt >= FEW)) {
          this.#finish({ status: 'failed', message, error });
          attempt = 0;
        } else {
          await sleep(retryAfterMs(error) ?? backoff(attempt++, this.#options.backoff));
        }
      }
    }
    this.#lanes.delete(chatId);
  }

  #next(chatId: string): QueuedMessage | undefined {
    return this.#queue.find((message) => message.chat_id === chatId);
  }

  #finish(change: Exclude<OutboxChange, { status: 'queued' }>): void {
    const at = this.#queue.indexOf(change.message);
    if (at === -1) return;
    this.#queue.splice(at, 1);
    this.#save();
    this.#settle(change.message, change);
  }

  #settle(message: QueuedMessage, change: Exclude<OutboxChange, { status: 'queued' }>): void {
    const waiting = this.#waiting.get(message.client_message_id);
    this.#waiting.delete(message.client_message_id);
    if (change.status === 'sent') waiting?.resolve(change.ack);
    else waiting?.reject(change.error);
    this.#options.onChange(change);
  }

  /** Not before the storage was read: it would end with less than it had. */
  #save(): void {
    if (!this.#restored) return;
    const { storage, storageKey } = this.#options;
    const text = JSON.stringify(this.#queue);
    this.#stored = this.#stored
      .then(async () => void (await storage.setItem(storageKey, text)))
      // A full or forbidden storage costs the queue its life beyond this process, not the message.
      .catch(() => undefined);
  }

  async #load(): Promise<QueuedMessage[]> {
    try {
      return parseQueue(await this.#options.storage.getItem(this.#options.storageKey));
    } catch {
      return [];
    }
  }
}

function parseQueue(text: string | null): QueuedMessage[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
