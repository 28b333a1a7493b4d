import { Inject, Injectable } from '@nestjs/common';
import { isUuid, LIMITS, v2 } from '@majlis/contract';
import { v7 as uuidv7 } from 'uuid';
import { Failure, invalid } from '../../errors.ts';
import { insertEntry, readCounters, rewriteEntry } from '../../log/stream-log.repository.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Database, Storage } from '../../storage/storage.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { chatStream } from './chat-id.ts';
import { ChatDirectory, type KnownChat } from './chat-directory.ts';
import type { DeletedMessage, EditedMessage, Reacted } from './chat-entries.ts';
import { findMember } from './chats.repository.ts';
import { ChatsService, type Actor } from './chats.service.ts';
import { creationEntry, recordOf, type MessageRecord, type MessageStatus, type MessageType } from './message-record.ts';
import {
  claimMayMention,
  countEmoji,
  countReactions,
  deleteReactions,
  findTracesOf,
  findMessage,
  findMessages,
  mayMention,
  messagesAsSent,
  messagesAt,
  pageMessages,
  readReactions,
  setReaction,
  updateMessage,
  type MessageRow,
} from './messages.repository.ts';
import { ReceiptsService } from './receipts.service.ts';
import { SEND, type Sent } from './send-command.ts';

/** A message as its sender gives it. */
export type MessageDraft = Omit<v2.MessageDraft, 'type'> & { type: MessageType };

/** A message and how far it has come, as its reader is shown it. */
export interface MessageView {
  message: MessageRecord;
  status: MessageStatus;
}

/** A page of a chat's messages, ascending. */
export interface MessagePage {
  messages: MessageView[];
  hasMore: boolean;
}

/** Messages of a chat that follow a seq. */
export interface CatchUpPage extends MessagePage {
  /** Of the last message here, from which to ask again; the chat's own where nothing follows. */
  lastSeq: number;
}

/** How much may still be put into an answer. */
export interface Room {
  messages: number;
  bytes: number;
}

/** What is said in chats: sending, editing, deleting, reacting, and reading it back. */
@Injectable()
export class MessagesService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #directory: ChatDirectory;
  readonly #chats: ChatsService;
  readonly #receipts: ReceiptsService;
  readonly #users: UserDirectory;
  readonly #mentionListeners: (() => void)[] = [];
  readonly #deletionListeners: ((tx: WriteTransaction, messageId: string) => Promise<void>)[] = [];
  readonly #tellMayMention = () => this.#mentionListeners.forEach((listener) => listener());

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    directory: ChatDirectory,
    chats: ChatsService,
    receipts: ReceiptsService,
    users: UserDirectory,
  ) {
    this.#storage = storage;
    this.#queue = queue;
    this.#directory = directory;
    this.#chats = chats;
    this.#receipts = receipts;
    this.#users = users;
  }

  /**
   * Sends a message; resolves when it is durable. A repeated `client_message_id` stores nothing and resolves as the first did.
   * @throws Failure CHAT_NOT_FOUND, FORBIDDEN, CONFLICT, INVALID_DATA, UNAVAILABLE
   */
  async send(senderId: string, chatId: string, draft: MessageDraft): Promise<Sent> {
    // Without a wait where memory knows both: sends of one socket to one chat keep their order.
    const chat = this.#directory.known(chatId) ?? (await this.#directory.get(chatId));
    const sender = this.#users.get(senderId) ?? (await this.#users.load(senderId));
    if (!sender) throw new Failure('FORBIDDEN');
    if (chat.blocked) requireNotBlocked(chat, senderId);
    const mayMention = draft.content.includes('@') && (draft.type === 'text' || draft.type === 'booking_proposal');
    const sent = this.#queue.execute(SEND, {
      chat,
      mayMention,
      draft: {
        id: uuidv7(),
        chatId: chat.id,
        senderId,
        senderName: sender.name,
        senderAvatar: sender.avatar,
        type: draft.type,
        content: draft.content,
        metadata: completeMetadata(draft),
        clientMessageId: draft.client_message_id ?? null,
        replyTo: replyTarget(draft.reply_to),
      },
    });
    if (mayMention) void sent.then(this.#tellMayMention, ignore);
    return sent;
  }

  /** Calls `listener` when a message was sent that may mention somebody. */
  onMayMention(listener: () => void): void {
    this.#mentionListeners.push(listener);
  }

  /** Messages that may mention somebody and have not been looked at, the oldest first; deleted ones without their content. */
  async mayMention(limit: number): Promise<MessageRecord[]> {
    return (await mayMention(this.#storage.db, limit)).map((row) => recordOf(row, []));
  }

  /**
   * Takes those of `messages` that have not been looked at: of all nodes that ask, one gets each, once. One that says something else by
   * now stays, to be looked at anew. @param tx holds the locks of their chats' streams @returns the ids of those that it got
   */
  async claimMayMention(tx: WriteTransaction, messages: readonly MessageRecord[]): Promise<ReadonlySet<string>> {
    return new Set(await claimMayMention(tx.db, messages));
  }

  /** Calls `listener` in each transaction that deletes a message: what is kept of its words elsewhere goes with it. */
  onDeletion(listener: (tx: WriteTransaction, messageId: string) => Promise<void>): void {
    this.#deletionListeners.push(listener);
  }

  /** Changes the text of the actor's own text message. @throws Failure CHAT_NOT_FOUND, FORBIDDEN, NOT_FOUND, INVALID_DATA */
  async edit(actor: Actor, chatId: string, messageId: string, content: string): Promise<MessageRecord> {
    const stream = await this.#streamOf(chatId, actor);
    return this.#queue.run([stream], async (tx) => {
      const row = await this.ofMember(tx, actor.userId, chatId, messageId);
      if (row.sender_id !== actor.userId) throw new Failure('FORBIDDEN');
      if (row.type !== 'text') throw invalid('message_id', 'only text messages can be edited');
      if (row.edited_at === null) await keepOriginal(tx, stream, row);
      const reactions = await readReactions(tx.db, [messageId]);
      const version = tx.stream(stream).version + 1;
      const message = recordOf({ ...row, content, version, edited_at: tx.now }, reactions);
      tx.append(stream, 'message.edited', { ...message, previous: row.content_version } satisfies EditedMessage);
      await updateMessage(tx.db, messageId, { content, version, content_version: version, edited_at: tx.now });
      return message;
    });
  }

  /**
   * Deletes a message: its sender or an administrator. Its content leaves the messages and every entry of the log; deleting again
   * changes nothing. @throws Failure CHAT_NOT_FOUND, FORBIDDEN, NOT_FOUND
   */
  async remove(actor: Actor, chatId: string, messageId: string): Promise<void> {
    const stream = await this.#streamOf(chatId);
    await this.#queue.run([stream], async (tx) => {
      const row = await findMessage(tx.db, chatId, messageId);
      const member = (await findMember(tx.db, chatId, actor.userId)) !== undefined;
      if (!member && !actor.isAdmin) throw new Failure('FORBIDDEN', undefined, 'Access denied');
      if (!row) throw new Failure('NOT_FOUND', { field: 'message_id' });
      if (row.sender_id !== actor.userId && !actor.isAdmin) throw new Failure('FORBIDDEN');
      if (row.deleted_at === null) await this.#removeContent(tx, stream, row);
    });
  }

  /** Sets or takes back a reaction; where it was so already nothing happens. @throws Failure CHAT_NOT_FOUND, FORBIDDEN, NOT_FOUND */
  async react(actor: Actor, chatId: string, messageId: string, emoji: string, on: boolean): Promise<void> {
    const stream = await this.#streamOf(chatId, on ? actor : undefined);
    await this.#queue.run([stream], async (tx) => {
      await this.ofMember(tx, actor.userId, chatId, messageId);
      const changed = await setReaction(tx.db, { message_id: messageId, user_id: actor.userId, emoji }, on, tx.now);
      if (!changed) return;
      const count = await countReactions(tx.db, messageId, emoji);
      if (on && count === 1 && (await countEmoji(tx.db, messageId)) > LIMITS.reactionsOfMessage)
        throw invalid('emoji', `a message has at most ${LIMITS.reactionsOfMessage} different reactions`);
      const version = tx.append(stream, 'message.reacted', { chatId, messageId, userId: actor.userId, emoji, on, count } satisfies Reacted);
      await updateMessage(tx.db, messageId, { version });
    });
  }

  /** A page of a chat's history, ascending. What is fetched counts as delivered. @throws Failure CHAT_NOT_FOUND, FORBIDDEN */
  async history(
    userId: string,
    chatId: string,
    range: { afterSeq?: number | undefined; beforeSeq?: number | undefined; limit: number },
  ): Promise<MessagePage> {
    const chat = await this.#chats.ofMember(userId, chatId);
    const messages = await this.#page(this.#storage.db, chat, userId, { ...range, limit: range.limit + 1 });
    const hasMore = messages.length > range.limit;
    // The one that tells whether there is more lies at the far end.
    if (hasMore) messages.splice(range.afterSeq === undefined ? 0 : -1, 1);
    this.#delivered(chat, userId, messages);
    return { messages, hasMore };
  }

  /**
   * The messages of a chat after a seq, as many as there is room for.
   * @param room what it takes is subtracted; the first message that is asked for is given however large it is
   * @throws Failure CHAT_NOT_FOUND, FORBIDDEN
   */
  async after(userId: string, chatId: string, afterSeq: number, room: Room): Promise<CatchUpPage> {
    const chat = await this.#chats.ofMember(userId, chatId);
    // In one snapshot: a last seq that is newer than the page would take the client past what it was not given.
    const { found, seq } = await this.#storage.snapshot(async (db) => ({
      found: await this.#page(db, chat, userId, { afterSeq, limit: room.messages + 1 }),
      seq: (await readCounters(db, [chat.stream])).get(chat.stream)?.seq ?? 0,
    }));
    const messages: MessageView[] = [];
    for (const view of found.slice(0, room.messages)) {
      const bytes = Buffer.byteLength(JSON.stringify(view.message));
      if (bytes > room.bytes && room.messages < LIMITS.syncEvents) break;
      messages.push(view);
      room.messages--;
      room.bytes -= bytes;
    }
    this.#delivered(chat, userId, messages);
    const last = messages.at(-1)?.message.seq;
    const hasMore = messages.length < found.length;
    return { messages, lastSeq: last ?? (hasMore ? afterSeq : seq), hasMore };
  }

  /** Messages by id as `userId` is shown them, in the order of `ids`; the caller has checked that they may be seen. */
  async byIds(userId: string, ids: readonly string[]): Promise<MessageView[]> {
    const records = await this.records(ids);
    return ids.flatMap((id) => {
      const message = records.get(id);
      return message ? [this.#view(this.#directory.known(message.chatId), userId, message)] : [];
    });
  }

  /** The message at a place of a chat, as it is now. */
  async at(chatId: string, seq: number): Promise<MessageRecord | undefined> {
    const [message] = await this.#withReactions(this.#storage.db, await messagesAt(this.#storage.db, [{ chatId, seq }]));
    return message;
  }

  /** A message that `userId` can see, whichever chat it is in. @throws Failure NOT_FOUND, FORBIDDEN */
  async visible(userId: string, messageId: string): Promise<MessageRecord> {
    const message = isUuid(messageId) ? (await this.records([messageId])).get(messageId) : undefined;
    if (!message) throw new Failure('NOT_FOUND', { field: 'message_id' });
    await this.#chats.ofMember(userId, message.chatId);
    return message;
  }

  /** Messages by id, as far as they exist; the caller has checked that they may be seen. */
  async records(ids: readonly string[]): Promise<Map<string, MessageRecord>> {
    const records = await this.#withReactions(this.#storage.db, await findMessages(this.#storage.db, ids));
    return new Map(records.map((message) => [message.id, message]));
  }

  /** A message that was just written, as `userId` is shown it: it is not read again, so that nothing can fail after it was stored. */
  shown(userId: string, message: MessageRecord): MessageView {
    return this.#view(this.#directory.known(message.chatId), userId, message);
  }

  /** One message as `userId` is shown it. @throws Failure CHAT_NOT_FOUND, FORBIDDEN, NOT_FOUND */
  async one(userId: string, chatId: string, messageId: string): Promise<MessageView> {
    await this.#chats.ofMember(userId, chatId);
    const [view] = isUuid(messageId) ? await this.byIds(userId, [messageId]) : [];
    if (!view || view.message.chatId !== chatId) throw new Failure('NOT_FOUND', { field: 'message_id' });
    return view;
  }

  /** Deletes everything that a person said, and the name it was said under. Others' messages stay. */
  async eraseSender(userId: string): Promise<void> {
    // Looked for in large portions, because each look passes over all that is done; done in small ones, so that no commit holds up
    // everybody else's messages.
    const FOUND = 10_000;
    const PORTION = 50;
    for (;;) {
      const found = await findTracesOf(this.#storage.db, userId, FOUND);
      if (found.length === 0) return;
      for (let i = 0; i < found.length; i += PORTION) await this.#eraseTraces(found.slice(i, i + PORTION));
    }
  }

  async #eraseTraces(traces: readonly { id: string; chat_id: string }[]): Promise<void> {
    const streams = [...new Set(traces.map((message) => chatStream(message.chat_id)))];
    await this.#queue.run(streams, async (tx) => {
      for (const { id, chat_id } of traces) {
        const row = await findMessage(tx.db, chat_id, id);
        if (!row) continue;
        if (row.deleted_at === null) await this.#removeContent(tx, chatStream(chat_id), row);
        await rewriteEntries(tx, chatStream(chat_id), row, { senderName: '', senderAvatar: null });
        await updateMessage(tx.db, id, { sender_name: '', sender_avatar: null });
      }
    });
  }

  /** Takes a message's content out of its row and out of all that carried it, and appends the deletion. */
  async #removeContent(tx: WriteTransaction, stream: string, row: MessageRow): Promise<void> {
    const deleted: DeletedMessage = { chatId: row.chat_id, messageId: row.id, seq: row.seq, deletedAt: tx.now };
    const version = tx.append(stream, 'message.deleted', deleted);
    await updateMessage(tx.db, row.id, { content: '', metadata: '{}', version, deleted_at: tx.now });
    await deleteReactions(tx.db, row.id);
    await rewriteEntries(tx, stream, row, { content: '', metadata: {}, deletedAt: tx.now });
    for (const listener of this.#deletionListeners) await listener(tx, row.id);
  }

  /** @param writer who is going to write in it @throws Failure FORBIDDEN where the writer is blocked in it */
  async #streamOf(chatId: string, writer?: Actor): Promise<string> {
    const chat = this.#directory.known(chatId) ?? (await this.#directory.get(chatId));
    if (writer) requireNotBlocked(chat, writer.userId);
    return chat.stream;
  }

  /** The message, where the user is a member at this commit and it has not been deleted. @throws Failure FORBIDDEN, NOT_FOUND */
  async ofMember(tx: WriteTransaction, userId: string, chatId: string, messageId: string): Promise<MessageRow> {
    if (!(await findMember(tx.db, chatId, userId))) throw new Failure('FORBIDDEN', undefined, 'Access denied');
    const row = await findMessage(tx.db, chatId, messageId);
    if (!row || row.deleted_at !== null) throw new Failure('NOT_FOUND', { field: 'message_id' });
    return row;
  }

  async #page(db: Database, chat: KnownChat, userId: string, range: Parameters<typeof pageMessages>[2]): Promise<MessageView[]> {
    const messages = await this.#withReactions(db, await pageMessages(db, chat.id, range));
    return messages.map((message) => this.#view(chat, userId, message));
  }

  async #withReactions(db: Database, rows: readonly MessageRow[]): Promise<MessageRecord[]> {
    const reactions = Map.groupBy(
      await readReactions(
        db,
        rows.map((row) => row.id),
      ),
      (reaction) => reaction.message_id,
    );
    return rows.map((row) => recordOf(row, reactions.get(row.id) ?? []));
  }

  #view(chat: KnownChat | undefined, userId: string, message: MessageRecord): MessageView {
    return { message, status: chat && message.senderId === userId ? this.#receipts.statusOf(chat, message) : 'sent' };
  }

  #delivered(chat: KnownChat, userId: string, views: readonly MessageView[]): void {
    if (views.length > 0)
      this.#receipts.fetched(
        chat,
        userId,
        views.map(({ message }) => message),
      );
  }
}

/** A blocked user cannot write in a direct chat: contract §8. The refusal does not tell why. */
function requireNotBlocked({ blocked }: KnownChat, userId: string): void {
  if (blocked?.has(userId)) throw new Failure('FORBIDDEN', undefined, 'Access denied');
}

/** Whoever sent it is told. */
const ignore = () => undefined;

/** A reply names a message by id; one of another form cannot exist. */
function replyTarget(replyTo: string | null | undefined): string | null {
  if (replyTo === null || replyTo === undefined) return null;
  if (!isUuid(replyTo)) throw invalid('reply_to', 'must be a message id');
  return replyTo;
}

/** A location's coordinates are filled from its content where absent, and refused where different: contract §4. */
function completeMetadata({ type, content, metadata = {} }: MessageDraft): Record<string, unknown> {
  if (type !== 'location') return metadata;
  const { lat, lng } = v2.parseCoordinates(content)!;
  for (const [key, value] of [
    ['lat', lat],
    ['lng', lng],
  ] as const) {
    if (metadata[key] !== undefined && metadata[key] !== value) throw invalid(`metadata.${key}`, 'differs from content');
  }
  return { ...metadata, lat, lng };
}

/** The row is the log's entry of the message's creation; before an edit changes it, the log gets an entry of its own. */
async function keepOriginal(tx: WriteTransaction, stream: string, row: MessageRow): Promise<void> {
  const forgotten = (await readCounters(tx.db, [stream])).get(stream)!.forgotten;
  // Nobody is given it any more, and a lone entry below what was forgotten would be taken for the neighbour of what follows.
  if (row.created_version <= forgotten) return;
  const [sent] = await messagesAsSent(tx.db, row.chat_id, row.seq - 1, 1);
  await insertEntry(tx.db, creationEntry(stream, sent!), row.seq);
}

/** Changes what every log entry that carries a message says of it. */
async function rewriteEntries(tx: WriteTransaction, stream: string, row: MessageRow, change: Partial<MessageRecord>): Promise<void> {
  // Each edit's entry knows where the content stood before it, so no index over the log is needed to find them all.
  for (let at: number | undefined = row.content_version; at !== undefined;) {
    const entry = await tx.entry(stream, at);
    if (!entry) return;
    const data = entry.data as EditedMessage;
    await rewriteEntry(tx.db, stream, at, { ...data, ...change });
    at = entry.kind === 'message.edited' ? data.previous : undefined;
  }
}
