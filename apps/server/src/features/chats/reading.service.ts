import { Inject, Injectable } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { Failure } from '../../errors.ts';
import { busKind, NodeBus } from '../../cluster/node-bus.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { chatStream } from './chat-id.ts';
import { unreadCounts } from './chats.repository.ts';
import { ChatsService } from './chats.service.ts';
import { findMessage, moveReadWatermark, othersMessages } from './messages.repository.ts';
import { ReceiptsService, type ReceivedMessage } from './receipts.service.ts';

/** Messages that became read. */
export interface ReadReceipt {
  chatId: string;
  readBy: string;
  readAt: number;
  /** Up to which all is read. */
  messageId: string;
  /** The newest 100, ascending. */
  messages: readonly ReceivedMessage[];
  /** Whether their senders are told: not in chats with very many members. */
  tellSenders: boolean;
  /** The socket that read, which is not told itself; null where it was a request. */
  sessionId: string | null;
}

const BECAME_READ = busKind<ReadReceipt>('reading.read');

/** Moving the read watermark. */
@Injectable()
export class ReadingService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #chats: ChatsService;
  readonly #receipts: ReceiptsService;
  readonly #bus: NodeBus;
  readonly #listeners: ((receipt: ReadReceipt) => void)[] = [];

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, chats: ChatsService, receipts: ReceiptsService, bus: NodeBus) {
    this.#bus = bus;
    bus.on(BECAME_READ, (receipt) => this.tell(receipt));
    this.#storage = storage;
    this.#queue = queue;
    this.#chats = chats;
    this.#receipts = receipts;
  }

  /** Calls `listener` with what became read. */
  onRead(listener: (receipt: ReadReceipt) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Everything up to this message is read; reading it again changes nothing.
   * @returns when, in milliseconds
   * @throws Failure CHAT_NOT_FOUND, FORBIDDEN, NOT_FOUND, UNAVAILABLE
   */
  async read(reader: { userId: string; sessionId: string | null }, chatId: string, messageId: string): Promise<number> {
    const { userId } = reader;
    const chat = await this.#chats.ofMember(userId, chatId);
    const message = await findMessage(this.#storage.db, chatId, messageId);
    if (!message) throw new Failure('NOT_FOUND', { field: 'message_id' });
    const readAt = Date.now();
    if (message.seq <= (chat.members.get(userId)?.readSeq ?? 0)) return readAt;
    const before = await this.#queue.run([], (tx) => moveReadWatermark(tx.db, chatId, userId, message.seq, readAt));
    if (before === undefined) return readAt;
    const range = { afterSeq: before, upToSeq: message.seq, limit: LIMITS.readReceiptsPushed };
    const messages = (await othersMessages(this.#storage.db, chatId, userId, range)).map(({ id, seq, sender_id }) => ({
      id,
      seq,
      senderId: sender_id,
    }));
    this.#receipts.read(chat, userId, message.seq, messages);
    const tellSenders = chat.members.size <= LIMITS.receiptsPushedUpToMembers;
    const receipt: ReadReceipt = { chatId, readBy: userId, readAt, messageId, messages, tellSenders, sessionId: reader.sessionId };
    this.tell(receipt);
    this.#bus.publish(BECAME_READ, receipt, chatStream(chatId));
    return readAt;
  }

  /** How many messages of others the user has not read in a chat. */
  async unread(userId: string, chatId: string): Promise<number> {
    return (await unreadCounts(this.#storage.db, chatId, [userId])).get(userId) ?? 0;
  }

  /** Tells the sockets of this node. */
  tell(receipt: ReadReceipt): void {
    for (const listener of this.#listeners) listener(receipt);
  }
}
