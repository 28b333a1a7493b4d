import { Inject, Injectable } from '@nestjs/common';
import { Failure } from '../../errors.ts';
import { isUuid } from '@majlis/contract';
import { Follower } from '../../log/follower.ts';
import { streamKind, type LogEntry } from '../../log/log-entry.ts';
import { readCounters } from '../../log/stream-log.repository.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Database, Storage } from '../../storage/storage.ts';
import { BlocksService, USER_BLOCKED, type UserBlocked } from '../users/blocks.service.ts';
import { DIRECTORY_STREAM } from '../users/user-directory.ts';
import { CHAT_PREFIX, chatIdOf, chatStream } from './chat-id.ts';
import { findChat, readMemberships } from './chats.repository.ts';
import type { SeqRanges } from './seq-ranges.ts';

/** How far one member has come in a chat. */
export interface Membership {
  delivered: SeqRanges;
  readSeq: number;
}

/** A chat as memory knows it. */
export interface KnownChat {
  readonly id: string;
  /** Kept with it: a name made anew for each message would be hashed anew for each look-up. */
  readonly stream: string;
  /** Stands for the id in the indexes of messages. */
  readonly key: number;
  readonly type: 'direct' | 'group';
  readonly createdBy: string;
  readonly members: Map<string, Membership>;
  /** Of a direct chat: who may not write in it, because the other has blocked them. */
  readonly blocked: ReadonlySet<string> | undefined;
  /** When it was read from the store (`performance.now`). */
  readonly readAt: number;
  /** The version of the chat's stream up to which `members` is exact. */
  version: number;
  lastSeq: number;
}

/** How far a member has received, not stored yet. */
export interface UnstoredDelivery {
  chatId: string;
  userId: string;
  delivered: SeqRanges;
}

/** A chat that is being read, and what the log said of it meanwhile. */
interface Loading {
  readonly heard: LogEntry[];
  readonly chat: Promise<KnownChat | undefined>;
}

/** By chat and user. */
type Unstored = Map<string, Map<string, SeqRanges>>;

/** The kinds of chat log entries after which memory no longer knows the members. */
const CHANGES_MEMBERS = new Set(['chat.changed']);

// A bound on members kept, not on chats: one chat of 5,000 costs what 2,500 direct chats do.
const KEPT_MEMBERSHIPS = 1_000_000;

// What other nodes know of a chat's receipts and have stored by then: nobody tells a node that does not follow the chat.
const RECEIPTS_OLD_MS = 1_000;

/**
 * The chats that are being used, in memory, so that sending a message asks the database nothing. Dropped when the log says that the
 * members changed; a writer holds `version` against the locked stream and asks the database where they differ.
 */
@Injectable()
export class ChatDirectory {
  readonly #storage: Storage;
  readonly #blocks: BlocksService;
  readonly #follower: Follower;
  readonly #chats = new Map<string, KnownChat>();
  readonly #byStream = new Map<string, KnownChat>();
  readonly #loading = new Map<string, Loading>();
  /** What memory knows better than the database until it is stored: a chat that is loaded again must not forget it. */
  #unstored: Unstored = new Map();
  /** What is being stored. */
  #storing: Unstored = new Map();
  /** How often something was stored: a chat that was read before that may be older than what memory knew. */
  #stored = 0;
  #memberships = 0;

  constructor(@Inject(STORAGE) storage: Storage, follower: Follower, blocks: BlocksService) {
    this.#storage = storage;
    this.#blocks = blocks;
    this.#follower = follower;
    follower.onSkipped((stream) => {
      if (streamKind(stream) === CHAT_PREFIX) this.forget(chatIdOf(stream));
    });
    follower.onEntry(({ kind, data }) => {
      if (kind === USER_BLOCKED) this.#forgetDirect(data as UserBlocked);
    }, DIRECTORY_STREAM);
    follower.onEntry((entry) => {
      // A load that began before this entry may have read what was before it.
      if (CHANGES_MEMBERS.has(entry.kind)) return this.forget(chatIdOf(entry.stream));
      const chat = this.#byStream.get(entry.stream);
      if (chat) this.#hear(chat, entry);
      else if (this.#loading.size > 0) this.#loading.get(chatIdOf(entry.stream))?.heard.push(entry);
    }, CHAT_PREFIX);
  }

  #hear(chat: KnownChat, entry: LogEntry): void {
    if (entry.version <= chat.version) return;
    // What this node did not hear of may have changed the members.
    if (entry.version > chat.version + 1) return this.forget(chat.id);
    chat.version = entry.version;
    if (entry.kind === 'message.created') chat.lastSeq = (entry.data as { seq: number }).seq;
  }

  /** The chat where memory knows it. Of one that this node does not follow it may be old: for what goes to sockets here, not for who may do what. */
  known(chatId: string): KnownChat | undefined {
    return this.#chats.get(chatId);
  }

  /** The chat where memory knows it as the log has told it so far. */
  current(chatId: string): KnownChat | undefined {
    const chat = this.#chats.get(chatId);
    return chat && this.#follower.follows(chat.stream) ? chat : undefined;
  }

  /**
   * Calls `work` with the chat as memory knows it: at once, or when it is loaded, in the order of the calls. For what passes: where the
   * chat cannot be loaded nothing is done.
   */
  whenKnown(chatId: string, work: (chat: KnownChat) => void): void {
    const chat = this.#chats.get(chatId);
    if (chat) work(chat);
    else void this.#whenLoaded(chatId, work).catch(() => undefined);
  }

  // What was dropped while it was loaded is loaded again: what `work` notes on it, its successor would not know.
  async #whenLoaded(chatId: string, work: (chat: KnownChat) => void): Promise<void> {
    let chat: KnownChat | undefined;
    while (!(chat = this.#chats.get(chatId))) await this.get(chatId);
    work(chat);
  }

  /** The chat, as it is now. @throws Failure CHAT_NOT_FOUND where there is none, or the id has another form */
  async get(chatId: string): Promise<KnownChat> {
    const chat = this.current(chatId) ?? (isUuid(chatId) ? await this.#loadCurrent(chatId) : undefined);
    if (!chat) throw new Failure('CHAT_NOT_FOUND');
    return chat;
  }

  /** Drops a chat: its members changed. */
  forget(chatId: string): void {
    this.#loading.delete(chatId);
    const chat = this.#chats.get(chatId);
    if (!chat) return;
    this.#memberships -= chat.members.size;
    this.#chats.delete(chatId);
    this.#byStream.delete(chat.stream);
  }

  // Blocks are rare, so a look through the chats is cheaper than an index over them.
  #forgetDirect({ userId, blockedId }: UserBlocked): void {
    // A load that is under way may have read what was before it.
    this.#loading.clear();
    for (const { id, type, members } of this.#chats.values())
      if (type === 'direct' && members.has(userId) && members.has(blockedId)) this.forget(id);
  }

  /** Drops all chats: memory may not know all receipts. What is not stored yet is kept. */
  forgetAll(): void {
    for (const id of [...this.#loading.keys(), ...this.#chats.keys()]) this.forget(id);
  }

  /** Notes how far a member has received, to be stored later. */
  unstored(chatId: string, userId: string, delivered: SeqRanges): void {
    let members = this.#unstored.get(chatId);
    if (!members) this.#unstored.set(chatId, (members = new Map()));
    members.set(userId, delivered);
  }

  /** Another node says how far a member has received, and stores it; what waits here to be stored must not take it back. */
  restated(chatId: string, userId: string, delivered: SeqRanges): void {
    const members = this.#unstored.get(chatId);
    if (members?.has(userId)) members.set(userId, delivered);
  }

  /** Stores everything that is not stored yet, one call after the other. Where `store` fails all of it is kept. @throws what `store` throws */
  async storeUnstored(store: (all: readonly UnstoredDelivery[]) => Promise<void>): Promise<void> {
    if (this.#unstored.size === 0) return;
    this.#storing = this.#unstored;
    this.#unstored = new Map();
    const all: UnstoredDelivery[] = [];
    for (const [chatId, members] of this.#storing) for (const [userId, delivered] of members) all.push({ chatId, userId, delivered });
    try {
      await store(all);
    } catch (error) {
      // What was noted since is newer.
      for (const { chatId, userId, delivered } of all)
        if (!this.#unstored.get(chatId)?.has(userId)) this.unstored(chatId, userId, delivered);
      throw error;
    } finally {
      this.#storing = new Map();
      this.#stored++;
    }
  }

  // Several nodes, and no socket here that has the chat: another node may have changed it unheard.
  async #loadCurrent(chatId: string): Promise<KnownChat | undefined> {
    const known = this.#chats.get(chatId);
    if (known) {
      const stream = chatStream(chatId);
      const counters = (await readCounters(this.#storage.db, [stream])).get(stream);
      const recent = performance.now() - known.readAt < RECEIPTS_OLD_MS;
      if (recent && known.version === (counters?.version ?? 0) && this.#chats.get(chatId) === known) return known;
      this.forget(chatId);
    }
    return this.#load(chatId);
  }

  #load(chatId: string): Promise<KnownChat | undefined> {
    const underWay = this.#loading.get(chatId);
    if (underWay) return underWay.chat;
    const loading: Loading = { heard: [], chat: this.#read(chatId) };
    this.#loading.set(chatId, loading);
    const isCurrent = () => this.#loading.get(chatId) === loading && this.#loading.delete(chatId);
    loading.chat.then(
      // Where it was dropped meanwhile, what was read may be old: it serves those who waited, whose writes are checked, and nobody else.
      (chat) => isCurrent() && chat && this.#keep(chat, loading),
      isCurrent,
    );
    return loading.chat;
  }

  async #read(chatId: string): Promise<KnownChat | undefined> {
    for (;;) {
      let stored: number;
      const chat = await this.#storage.snapshot((db) => {
        // Not before: while many wait for a connection something is always being stored.
        stored = this.#stored;
        return this.#readOnce(db, chatId);
      });
      if (this.#stored === stored!) return chat;
    }
  }

  async #readOnce(db: Database, chatId: string): Promise<KnownChat | undefined> {
    const readAt = performance.now();
    const chat = await findChat(db, chatId);
    if (!chat) return undefined;
    const stream = chatStream(chatId);
    const counters = (await readCounters(db, [stream])).get(stream) ?? { version: 0, seq: 0 };
    const members = new Map<string, Membership>();
    for (const row of await readMemberships(db, chatId)) {
      const ahead = row.delivered_ahead === null ? [] : (JSON.parse(row.delivered_ahead) as [number, number][]);
      members.set(row.user_id, { delivered: { watermark: row.delivered_seq, ahead }, readSeq: row.read_seq });
    }
    const { version, seq: lastSeq } = counters;
    const [one, other] = members.keys();
    const blocked = chat.type === 'direct' ? await this.#blocks.blockedAmong(db, one!, other!) : undefined;
    return { id: chatId, stream, key: chat.key, type: chat.type, createdBy: chat.created_by, members, blocked, readAt, version, lastSeq };
  }

  #keep(chat: KnownChat, { heard }: Loading): void {
    for (const unstored of [this.#storing, this.#unstored]) {
      for (const [userId, delivered] of unstored.get(chat.id) ?? []) {
        const member = chat.members.get(userId);
        if (member) member.delivered = delivered;
      }
    }
    this.#chats.set(chat.id, chat);
    this.#byStream.set(chat.stream, chat);
    this.#memberships += chat.members.size;
    for (const id of this.#chats.keys()) {
      if (this.#memberships <= KEPT_MEMBERSHIPS) break;
      if (id !== chat.id) this.forget(id);
    }
    for (const entry of heard) this.#hear(chat, entry);
  }
}
