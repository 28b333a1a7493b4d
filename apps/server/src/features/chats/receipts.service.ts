import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { busKind, NodeBus } from '../../cluster/node-bus.ts';
import { WriteQueue, type Command } from '../../log/write-queue.ts';
import { ChatDirectory, type KnownChat, type Membership, type UnstoredDelivery } from './chat-directory.ts';
import { chatStream } from './chat-id.ts';
import type { MessageRecord, MessageStatus } from './message-record.ts';
import { storeDelivered } from './messages.repository.ts';
import { addRange, covers } from './seq-ranges.ts';

/** A message reached recipients for the first time. */
export interface Delivery {
  chatId: string;
  messageId: string;
  seq: number;
  senderId: string;
  deliveredTo: readonly string[];
  deliveredAt: number;
}

/** What is told of a message that was received. */
export type ReceivedMessage = Pick<MessageRecord, 'id' | 'seq' | 'senderId'>;

/** Members received everything from one message of a chat to another. */
interface Received {
  chatId: string;
  users: readonly string[];
  from: number;
  to: number;
}

/** A member has read up to a message. */
interface HasRead {
  chatId: string;
  userId: string;
  seq: number;
}

const DELIVERED = busKind<readonly Delivery[]>('receipts.delivered');
const CROWD_RECEIVED = busKind<Received>('receipts.crowd');
const READ = busKind<HasRead>('receipts.read');

// Receipts are states: what a crash loses of them is told again when the message is next fetched.
const STORE_EVERY_MS = 1_000;

const STORE_DELIVERED: Command<readonly UnstoredDelivery[], void> = {
  name: 'store-delivered',
  streams: () => [],
  async runAll(tx, inputs) {
    await storeDelivered(
      tx.connection,
      inputs.flat().map(({ chatId, userId, delivered }) => ({
        chatId,
        userId,
        watermark: delivered.watermark,
        ahead: delivered.ahead.length === 0 ? null : JSON.stringify(delivered.ahead),
      })),
    );
    return inputs.map(() => undefined);
  },
};

/**
 * How far each member has received and read: kept in memory, stored a little later and all at once. Every node that has the chat keeps
 * the same; who has the recipient's socket says so, and stores it.
 */
@Injectable()
export class ReceiptsService implements OnApplicationShutdown {
  readonly #queue: WriteQueue;
  readonly #directory: ChatDirectory;
  readonly #bus: NodeBus;
  readonly #listeners: ((deliveries: readonly Delivery[]) => void)[] = [];
  /** In chats with many members: since when each audience has had every message. */
  readonly #crowds = new Map<string, { chat: KnownChat; users: ReadonlySet<string>; from: number; to: number }>();
  #timer: NodeJS.Timeout | undefined;
  /** The latest `store`. */
  #storing = Promise.resolve();

  constructor(queue: WriteQueue, directory: ChatDirectory, bus: NodeBus) {
    this.#queue = queue;
    this.#directory = directory;
    this.#bus = bus;
    // Where the store is away nobody is told: `sync` says how far everybody has come.
    bus.on(DELIVERED, (deliveries) => directory.whenKnown(deliveries[0]!.chatId, (chat) => this.#deliveredElsewhere(chat, deliveries)));
    bus.on(CROWD_RECEIVED, ({ chatId, users, from, to }) => {
      const chat = directory.known(chatId);
      if (chat) for (const userId of users) this.receivedElsewhere(chat, userId, from, to);
    });
    bus.on(READ, ({ chatId, userId, seq }) => {
      const chat = directory.known(chatId);
      if (chat) this.readElsewhere(chat, userId, seq);
    });
  }

  /** Calls `listener` with deliveries that senders are to be told of. */
  onDelivered(listener: (deliveries: readonly Delivery[]) => void): void {
    this.#listeners.push(listener);
  }

  /** A live message was written to sockets of `users`. */
  live(chat: KnownChat, message: MessageRecord, users: ReadonlySet<string>): void {
    if (chat.members.size > LIMITS.receiptsPushedUpToMembers) return this.#crowd(chat, message, users);
    const { seq } = message;
    const deliveredTo: string[] = [];
    this.#advance(chat, message.senderId, seq);
    for (const userId of users) if (userId !== message.senderId && this.#advance(chat, userId, seq)) deliveredTo.push(userId);
    if (deliveredTo.length === 0) return;
    this.#tell([{ chatId: chat.id, messageId: message.id, seq, senderId: message.senderId, deliveredTo, deliveredAt: Date.now() }]);
  }

  /** A member fetched these messages, ascending and without gaps. */
  fetched(chat: KnownChat, userId: string, messages: readonly ReceivedMessage[]): void {
    this.#received(chat, userId, messages, this.#add(chat, userId, messages[0]!.seq, messages.at(-1)!.seq));
  }

  #received(chat: KnownChat, userId: string, messages: readonly ReceivedMessage[], added: readonly [number, number][]): void {
    if (added.length === 0 || chat.members.size > LIMITS.receiptsPushedUpToMembers) return;
    const deliveredAt = Date.now();
    const deliveries = messages
      .filter(({ seq, senderId }) => senderId !== userId && added.some(([from, to]) => from <= seq && seq <= to))
      .map(({ id, seq, senderId }) => ({ chatId: chat.id, messageId: id, seq, senderId, deliveredTo: [userId], deliveredAt }));
    if (deliveries.length > 0) this.#tell(deliveries);
  }

  /**
   * A member has read up to `seq`: memory follows what was stored.
   * @param messages those that became read, as far as their senders are told
   */
  read(chat: KnownChat, userId: string, seq: number, messages: readonly ReceivedMessage[]): void {
    // A chat that is being loaded may have been read before this was stored.
    if (!this.#directory.known(chat.id)) this.#directory.forget(chat.id);
    if (!this.#hasRead(chat, userId, seq)) return;
    // Who has read has received, though perhaps never fetched (a notification's text, another node).
    this.#received(chat, userId, messages, this.#add(chat, userId, 1, seq));
    this.#bus.publish(READ, { chatId: chat.id, userId, seq }, chatStream(chat.id));
  }

  /** Another node says that a member received these, and stores it. @returns which were not known here */
  receivedElsewhere(chat: KnownChat, userId: string, from: number, to: number): readonly (readonly [number, number])[] {
    const member = this.#current(chat).members.get(userId);
    if (!member || to < from) return [];
    const { ranges, added } = addRange(member.delivered, from, to);
    member.delivered = ranges;
    this.#directory.restated(chat.id, userId, ranges);
    return added;
  }

  /** Another node says that a member has read up to `seq`, and so received it. */
  readElsewhere(chat: KnownChat, userId: string, seq: number): void {
    if (this.#hasRead(chat, userId, seq)) this.receivedElsewhere(chat, userId, 1, seq);
  }

  /** Tells the senders' sockets of this node. */
  tellHere(deliveries: readonly Delivery[]): void {
    for (const listener of this.#listeners) listener(deliveries);
  }

  /** How far a message has come with all members but its sender. */
  statusOf(chat: KnownChat, message: Pick<MessageRecord, 'seq' | 'senderId'>): MessageStatus {
    this.#settleCrowd(chat.id);
    let everybody: MessageStatus = 'read';
    let others = 0;
    for (const [userId, member] of chat.members) {
      if (userId === message.senderId) continue;
      others++;
      if (!covers(member.delivered, message.seq) && member.readSeq < message.seq) return 'sent';
      if (member.readSeq < message.seq) everybody = 'delivered';
    }
    return others === 0 ? 'sent' : everybody;
  }

  /** How far each member of a chat has come; null where there are too many to list. */
  watermarks(chat: KnownChat): Record<string, { delivered_seq: number; read_seq: number }> | null {
    if (chat.members.size > LIMITS.receiptsPushedUpToMembers) return null;
    const all: Record<string, { delivered_seq: number; read_seq: number }> = {};
    for (const [userId, { delivered, readSeq }] of chat.members) all[userId] = { delivered_seq: delivered.watermark, read_seq: readSeq };
    return all;
  }

  /** Stores what is not stored yet; where the store is away, it is tried again later. */
  store(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return (this.#storing = this.#storing.then(() => this.#storeNow()));
  }

  // Sockets and requests have ended by now, and the store has not.
  async onApplicationShutdown(): Promise<void> {
    await this.store();
    clearTimeout(this.#timer);
  }

  async #storeNow(): Promise<void> {
    for (const chatId of this.#crowds.keys()) this.#settleCrowd(chatId);
    await this.#directory.storeUnstored((all) => this.#queue.execute(STORE_DELIVERED, all)).catch(() => this.#storeLater());
  }

  // With many members, one note for all of them: everybody in this audience has had every message since `from`.
  #crowd(chat: KnownChat, { seq }: MessageRecord, users: ReadonlySet<string>): void {
    const crowd = this.#crowds.get(chat.id);
    if (crowd && crowd.users === users && crowd.chat === chat && crowd.to === seq - 1) crowd.to = seq;
    else {
      this.#settleCrowd(chat.id);
      this.#crowds.set(chat.id, { chat, users, from: seq, to: seq });
    }
    this.#storeLater();
  }

  #settleCrowd(chatId: string): void {
    const crowd = this.#crowds.get(chatId);
    if (!crowd) return;
    this.#crowds.delete(chatId);
    const { chat, users, from, to } = crowd;
    for (const userId of users) this.#add(chat, userId, from, to);
    this.#bus.publish(CROWD_RECEIVED, { chatId, users: [...users], from, to }, chatStream(chatId));
  }

  /** @returns false where the user is no member */
  #hasRead(chat: KnownChat, userId: string, seq: number): boolean {
    const member = this.#current(chat).members.get(userId);
    if (!member) return false;
    member.readSeq = Math.max(member.readSeq, seq);
    return true;
  }

  // A recipient with sockets on two nodes is told of by both: the sender's sockets hear of the first.
  #deliveredElsewhere(chat: KnownChat, deliveries: readonly Delivery[]): void {
    const news = deliveries.flatMap((delivery) => {
      const deliveredTo = delivery.deliveredTo.filter(
        (userId) => this.receivedElsewhere(chat, userId, delivery.seq, delivery.seq).length > 0,
      );
      return deliveredTo.length === 0 ? [] : [{ ...delivery, deliveredTo }];
    });
    this.tellHere(news);
  }

  /** A member got the live message `seq`. @returns false where it had been received */
  #advance(chat: KnownChat, userId: string, seq: number): boolean {
    const member = chat.members.get(userId);
    if (!member) return false;
    const { watermark, ahead } = member.delivered;
    if (seq !== watermark + 1 || ahead.length > 0) return this.#add(chat, userId, seq, seq).length > 0;
    // By far the most frequent: the next message of somebody who has everything.
    member.delivered = { watermark: seq, ahead };
    this.#directory.unstored(chat.id, userId, member.delivered);
    this.#storeLater();
    return true;
  }

  // A chat that was dropped and loaded again while somebody worked with it has a successor.
  #current(chat: KnownChat): KnownChat {
    return this.#directory.known(chat.id) ?? chat;
  }

  #add(chat: KnownChat, userId: string, from: number, to: number): [number, number][] {
    const member: Membership | undefined = this.#current(chat).members.get(userId);
    if (!member) return [];
    const { ranges, added } = addRange(member.delivered, from, to);
    if (added.length === 0) return added;
    member.delivered = ranges;
    this.#directory.unstored(chat.id, userId, ranges);
    this.#storeLater();
    return added;
  }

  #storeLater(): void {
    this.#timer ??= setTimeout(() => void this.store(), STORE_EVERY_MS);
  }

  /** @param deliveries of one chat */
  #tell(deliveries: readonly Delivery[]): void {
    this.tellHere(deliveries);
    this.#bus.publish(DELIVERED, deliveries, chatStream(deliveries[0]!.chatId));
  }
}
