import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { setTimeout as delay } from 'node:timers/promises';
import { Follower } from '../../log/follower.ts';
import type { LogEntry } from '../../log/log-entry.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { LOGGER } from '../../logger.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage, WriteConnection } from '../../storage/storage.ts';
import { CHAT_PREFIX, chatIdOf } from '../chats/chat-id.ts';
import { CHATS_A_STEP, indexChats, type IndexingStep } from './indexing.ts';
import { findBehindOfMember, lockIndex, sweepBehind, tryLockIndex } from './search.repository.ts';

const INDEXED_KINDS: ReadonlySet<string> = new Set(['message.created', 'message.edited', 'message.deleted']);

// Single messages gather for a moment and share a commit; a search does not wait for it.
const GATHER_MS = 1_000;
// Slow enough that nobody else's message waits for long behind the index; while the server is busy, slower: the index may trail, and a
// search brings what it looks through up to date.
const MESSAGES_A_SECOND = { quiet: 2_000, busy: 200 };
const RETRY_MS = 1_000;
// Hints beyond this are dropped, and found by looking through all chats instead.
const HINTS = 10_000;
const SWEEP_CHATS = 1_000;
// For what no hint came of: another node's messages while the carrier was away, and crashes.
const SWEEP_EVERY_MS = 600_000;

// A search waits for its own chats no longer than this.
const CATCH_UP_MESSAGES = 5_000;
const CATCH_UP_STEPS = 200;

/**
 * Keeps the full-text index behind the messages, out of the way of sending: in small steps, on any node, with its position in the store.
 * The log is the truth (what is behind is known from versions); the entries that this node hears of are hints where to look.
 */
@Injectable()
export class SearchIndexer {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #logger: Logger;
  readonly #hinted = new Set<string>();
  readonly #stop = new AbortController();
  /** Where looking through all chats goes on; null when it is through. */
  #sweepAfter: string | null = '';
  #sweptAt = 0;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, follower: Follower, @Inject(LOGGER) logger: Logger) {
    this.#storage = storage;
    this.#queue = queue;
    this.#logger = logger;
    follower.onEntry((entry) => this.#hint(entry), CHAT_PREFIX);
  }

  /** Begins to index in the background. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when the step that is under way has ended; what is left is found at the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    await this.#running;
  }

  /**
   * Brings the index of a user's chats up to date (with `chatId` of that one), so that a search finds what was just acknowledged; at
   * most 5,000 messages of it. @throws Failure UNAVAILABLE, StoreUnavailable
   */
  async catchUp(userId: string, chatId?: string): Promise<void> {
    let messages = 0;
    for (let steps = 0; messages < CATCH_UP_MESSAGES && steps < CATCH_UP_STEPS; steps++) {
      const behind = await findBehindOfMember(this.#storage.db, userId, chatId, CHATS_A_STEP);
      if (behind.length === 0) return;
      const step = await this.#write(async (connection) => {
        await lockIndex(connection);
        return indexChats(connection, behind);
      });
      messages += step.messages;
    }
  }

  #hint({ kind, stream }: LogEntry): void {
    if (!INDEXED_KINDS.has(kind)) return;
    if (this.#hinted.size < HINTS) this.#hinted.add(chatIdOf(stream));
    else this.#sweepAfter = '';
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#sweep();
        if (this.#hinted.size > 0) {
          const step = await this.#indexHinted();
          // Where another node is at it, there is no hurry.
          await pause(
            step ? Math.max(1, (step.messages / MESSAGES_A_SECOND[this.#queue.busy ? 'busy' : 'quiet']) * 1_000) : GATHER_MS,
            signal,
          );
        } else if (this.#sweepAfter === null) {
          await this.#hinting();
          await pause(GATHER_MS, signal);
        }
      } catch (err) {
        this.#logger.warn({ err }, 'Indexing messages failed and is tried again');
        await pause(RETRY_MS, signal);
      }
    }
  }

  /** Looks through the next chats where there is room for what it finds. */
  async #sweep(): Promise<void> {
    if (this.#sweepAfter === null && Date.now() - this.#sweptAt > SWEEP_EVERY_MS) this.#sweepAfter = '';
    if (this.#sweepAfter === null || this.#hinted.size > CHATS_A_STEP) return;
    const { chatIds, next } = await sweepBehind(this.#storage.db, this.#sweepAfter, SWEEP_CHATS);
    for (const chatId of chatIds) this.#hinted.add(chatId);
    this.#sweepAfter = next;
    if (next === null) this.#sweptAt = Date.now();
  }

  /** One step over what was hinted; undefined where another node indexes now. */
  async #indexHinted(): Promise<IndexingStep | undefined> {
    const chatIds: string[] = [];
    for (const chatId of this.#hinted) {
      if (chatIds.push(chatId) === CHATS_A_STEP) break;
    }
    // Before the step: a hint that comes while it runs stays.
    for (const chatId of chatIds) this.#hinted.delete(chatId);
    let step: IndexingStep | undefined;
    try {
      step = await this.#write(async (connection) => ((await tryLockIndex(connection)) ? indexChats(connection, chatIds) : undefined));
      return step;
    } finally {
      for (const chatId of step ? step.unfinished : chatIds) this.#hinted.add(chatId);
    }
  }

  /** Resolves at the next hint, when looking through all chats is due, or when it is time to stop. */
  async #hinting(): Promise<void> {
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    const due = new AbortController();
    await Promise.race([woken, pause(SWEEP_EVERY_MS, due.signal)]);
    due.abort();
    this.#wake = undefined;
  }

  /** SQLite has one writer, which is the queue's; PostgreSQL has a connection to spare, so nobody waits for the index. */
  #write<T>(work: (connection: WriteConnection) => Promise<T>): Promise<T> {
    return this.#storage.engine === 'sqlite' ? this.#queue.run([], ({ connection }) => work(connection)) : this.#storage.transaction(work);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
