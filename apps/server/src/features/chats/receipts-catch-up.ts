import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { REDIS_LINK } from '../../cluster/cluster.module.ts';
import type { RedisLink } from '../../cluster/redis-link.ts';
import { Follower } from '../../log/follower.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { ChatDirectory, type KnownChat } from './chat-directory.ts';
import { CHAT_PREFIX } from './chat-id.ts';
import { readMemberships } from './chats.repository.ts';
import { MESSAGE_CREATED, type MessageRecord } from './message-record.ts';
import { othersMessages } from './messages.repository.ts';
import { ReadingService } from './reading.service.ts';
import { ReceiptsService, type Delivery } from './receipts.service.ts';

// Longer than a node takes to store what it noted, and to notice that Redis is away.
const LOOK_EVERY_MS = 2_500;

type Row = Awaited<ReturnType<typeof readMemberships>>[number];

/**
 * Receipts go between nodes over the bus. What it loses while Redis is away is in the database a second later: of the chats in which
 * something was said since shortly before, it is looked up there, and senders hear of it after all. On one node nothing of this runs.
 */
@Injectable()
export class ReceiptsCatchUp implements OnApplicationBootstrap, OnModuleDestroy {
  /** Chats in which something was said since the last look, and in the time before. */
  #recent = new Set<string>();
  #before = new Set<string>();
  /** Chats of which the bus may have lost something. */
  readonly #doubtful = new Set<string>();
  #looksLeft = 0;
  #looking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(REDIS_LINK) private readonly link: RedisLink | undefined,
    @Inject(STORAGE) private readonly storage: Storage,
    private readonly follower: Follower,
    private readonly directory: ChatDirectory,
    private readonly receipts: ReceiptsService,
    private readonly reading: ReadingService,
  ) {}

  onApplicationBootstrap(): void {
    const { link } = this;
    if (!link) return;
    this.follower.onEntry(({ kind, data }) => {
      if (kind === MESSAGE_CREATED) this.#recent.add((data as MessageRecord).chatId);
    }, CHAT_PREFIX);
    this.#timer = setInterval(() => {
      // A slow look is not overtaken by the next: both would tell the same.
      if (this.#looking) return;
      this.#looking = true;
      void this.#look(link).finally(() => (this.#looking = false));
    }, LOOK_EVERY_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  async #look(link: RedisLink): Promise<void> {
    const { up } = link;
    if (!up) {
      for (const chatId of [...this.#before, ...this.#recent]) this.#doubtful.add(chatId);
      // Once more when Redis is back: what was noted last is stored by then.
      this.#looksLeft = 2;
    }
    this.#before = this.#recent;
    this.#recent = new Set();
    if (this.#looksLeft === 0) return;
    if (up) this.#looksLeft--;
    for (const chatId of this.#doubtful) {
      const chat = this.directory.current(chatId);
      // Where the store is away, it is looked again.
      if (chat) await this.#catchUp(chat).catch(() => (this.#looksLeft = 2));
    }
    if (this.#looksLeft > 0) return;
    this.#doubtful.clear();
    // Of chats in which nothing was said meanwhile memory may not know who has read them.
    this.directory.forgetAll();
  }

  async #catchUp(chat: KnownChat): Promise<void> {
    const { db } = this.storage;
    for (const row of await readMemberships(db, chat.id)) {
      const member = chat.members.get(row.user_id);
      if (!member) continue;
      await this.#delivered(chat, row);
      if (row.read_seq > member.readSeq) await this.#read(chat, row, member.readSeq);
    }
  }

  async #read(chat: KnownChat, { user_id: readBy, read_seq: upToSeq, read_at: readAt }: Row, afterSeq: number): Promise<void> {
    const range = { afterSeq, upToSeq, limit: LIMITS.readReceiptsPushed };
    const found = await othersMessages(this.storage.db, chat.id, readBy, range);
    this.receipts.readElsewhere(chat, readBy, upToSeq);
    const last = found.at(-1);
    if (!last || chat.members.size > LIMITS.receiptsPushedUpToMembers) return;
    const messages = found.map(({ id, seq, sender_id }) => ({ id, seq, senderId: sender_id }));
    this.reading.tell({
      chatId: chat.id,
      readBy,
      readAt: readAt ?? Date.now(),
      messageId: last.id,
      messages,
      tellSenders: true,
      sessionId: null,
    });
  }

  async #delivered(chat: KnownChat, { user_id: userId, delivered_seq: watermark, delivered_ahead: ahead }: Row): Promise<void> {
    const ranges: [number, number][] = [[1, watermark], ...(ahead === null ? [] : (JSON.parse(ahead) as [number, number][]))];
    const deliveries: Delivery[] = [];
    for (const [from, to] of ranges.flatMap(([from, to]) => this.receipts.receivedElsewhere(chat, userId, from, to))) {
      const range = { afterSeq: from - 1, upToSeq: to, limit: LIMITS.readReceiptsPushed };
      for (const { id, seq, sender_id } of await othersMessages(this.storage.db, chat.id, userId, range))
        deliveries.push({ chatId: chat.id, messageId: id, seq, senderId: sender_id, deliveredTo: [userId], deliveredAt: Date.now() });
    }
    if (chat.members.size <= LIMITS.receiptsPushedUpToMembers) this.receipts.tellHere(deliveries);
  }
}
