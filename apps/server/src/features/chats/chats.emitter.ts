import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { depth, v2 } from '@majlis/contract';
import type { LogEntry } from '../../log/log-entry.ts';
import { StreamLog } from '../../log/stream-log.ts';
import { Interests } from '../../realtime/interests.ts';
import { Publisher, type Audience, type Interest, type StreamKind } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { SyncService } from '../sync/sync.service.ts';
import { UserStreams } from '../users/user-streams.ts';
import { chatStream } from './chat-id.ts';
import { ChatDirectory, type KnownChat } from './chat-directory.ts';
import type { ChatAdded, ChatRemoved, DeletedMessage } from './chat-entries.ts';
import { CHAT_PROJECTIONS } from './chats.projection.ts';
import { readChatIds, unreadCounts } from './chats.repository.ts';
import { ChatsService } from './chats.service.ts';
import { DEPTH, namesOf, viewOf } from './depth-views.projection.ts';
import { toDepthMessage } from './depth-shapes.ts';
import { MESSAGE_CREATED, creationEntry, type MessageRecord } from './message-record.ts';
import { messagesAsSent } from './messages.repository.ts';
import { MessagesService } from './messages.service.ts';
import { ReadingService, type ReadReceipt } from './reading.service.ts';
import { ReceiptsService, type Delivery } from './receipts.service.ts';
import { TypingService, type Typing } from './typing.service.ts';
import { isoTime } from '../../iso-time.ts';
import { toV2Message } from './v2-shapes.ts';

const { serverEvents } = v2;
const { privateMessage } = depth.chatServerEvents;

/** Which sockets want a chat's events: contract §§4 and 5. Depth's get those of the conversations that they are in, and word of direct ones. */
export function chatInterest(session: Session, stream: string): Interest {
  if (session.dialect === DEPTH) return session.joined?.has(stream) ? 'full' : 'summary';
  if (session.joined === undefined) return session.left?.has(stream) ? 'none' : 'full';
  return session.joined.has(stream) ? 'full' : 'summary';
}

/** The kinds of log entries after which a chat list shows another last message. */
const CHANGES_LAST_MESSAGE: ReadonlySet<string> = new Set([MESSAGE_CREATED, 'message.edited', 'message.deleted']);

/** What sockets that have not joined a chat are told next. */
interface Summary {
  chatId: string;
  /** Of the last message. */
  seq: number;
  sessions: readonly Session[];
}

/** The way out of chats: what their services announce, to the publisher. */
@Injectable()
export class ChatsEmitter implements OnModuleInit, StreamKind {
  readonly prefix = 'chat';
  /** Chats whose summaries are being made, with the next one. */
  readonly #summaries = new Map<string, Summary | undefined>();

  constructor(
    private readonly publisher: Publisher,
    private readonly syncing: SyncService,
    private readonly log: StreamLog,
    private readonly directory: ChatDirectory,
    private readonly chats: ChatsService,
    private readonly messages: MessagesService,
    private readonly receipts: ReceiptsService,
    private readonly reading: ReadingService,
    private readonly typists: TypingService,
    private readonly sessions: SessionRegistry,
    private readonly userStreams: UserStreams,
    private readonly interests: Interests,
    @Inject(STORAGE) private readonly storage: Storage,
  ) {}

  onModuleInit(): void {
    this.publisher.register(this);
    this.publisher.registerProjections(CHAT_PROJECTIONS);
    this.log.register({
      prefix: this.prefix,
      kind: MESSAGE_CREATED,
      read: async (db, stream, seq, limit) =>
        (await messagesAsSent(db, stream.slice(this.prefix.length + 1), seq, limit)).map((row) => creationEntry(stream, row)),
    });
    this.syncing.register({
      prefix: 'chat',
      authorize: async (userId, id) => this.receipts.watermarks(await this.chats.ofMember(userId, id)),
      streamsOf: (userId) => this.topics(userId),
      fetched: (userId, stream, entries) => this.#fetched(userId, stream, entries),
    });
    // It may be of another node, and the chat not in memory here.
    this.receipts.onDelivered((deliveries) => {
      for (const delivery of deliveries) this.directory.whenKnown(delivery.chatId, (chat) => this.#tellDelivered(chat, delivery));
    });
    this.reading.onRead((receipt) => this.directory.whenKnown(receipt.chatId, (chat) => this.#tellRead(chat, receipt)));
    this.typists.onTyping((typing) => this.directory.whenKnown(typing.chatId, () => this.#tellTyping(typing)));
    this.sessions.onClose((session) => this.typists.disconnected(session.id));
    this.userStreams.onPublished((userId, entry) => this.#membershipChanged(userId, entry));
  }

  async topics(userId: string): Promise<string[]> {
    return (await readChatIds(this.storage.db, userId)).map(chatStream);
  }

  members(id: string) {
    return this.directory.known(id)?.members;
  }

  async load(id: string): Promise<void> {
    await this.directory.get(id);
  }

  interest = chatInterest;

  view(session: Session): string {
    return session.dialect === DEPTH ? viewOf(session) : session.dialect;
  }

  changesMembers(entry: LogEntry): boolean {
    return entry.kind === 'chat.changed';
  }

  published(entry: LogEntry, audience: Audience): void {
    if (entry.kind === MESSAGE_CREATED) {
      const message = entry.data as MessageRecord;
      // The audience may be kept longer than the chat.
      this.directory.whenKnown(message.chatId, (chat) => this.receipts.live(chat, message, this.#tellPrivately(chat, message, audience)));
    }
    if (audience.summaries.length === 0 || !CHANGES_LAST_MESSAGE.has(entry.kind)) return;
    const sessions = audience.summaries.filter(({ dialect }) => dialect === 'v2');
    const { chatId, seq } = entry.data as MessageRecord | DeletedMessage;
    const isLast = seq >= (this.directory.known(chatId)?.lastSeq ?? 0);
    if (isLast && sessions.length > 0) void this.#summarize({ chatId, seq, sessions });
  }

  /** `private:message` to Depth's sockets that have not joined a direct chat. @returns who has the message now: `users`, and those */
  #tellPrivately({ type, stream }: KnownChat, message: MessageRecord, { users, summaries }: Audience): ReadonlySet<string> {
    if (summaries.length === 0 || type !== 'direct') return users;
    const recipients = new Set(summaries.filter(({ dialect }) => dialect === DEPTH).map(({ userId }) => userId));
    recipients.delete(message.senderId);
    if (recipients.size === 0) return users;
    const told = depthOnly(privateMessage.name, toDepthMessage(message));
    for (const userId of recipients)
      this.publisher.toUser(userId, told, (session) => session.carries(this.prefix) && chatInterest(session, stream) === 'summary');
    return new Set([...users, ...recipients]);
  }

  #membershipChanged(userId: string, { kind, data }: LogEntry): void {
    if (kind === 'chat.added') {
      const { chat, chatVersion } = data as ChatAdded;
      this.interests.add(userId, this.prefix, chatStream(chat.id), chatVersion);
    } else if (kind === 'chat.removed') this.interests.remove(userId, this.prefix, chatStream((data as ChatRemoved).chatId));
  }

  #tellDelivered({ members, stream }: KnownChat, { chatId, messageId, senderId, deliveredTo, deliveredAt }: Delivery): void {
    // Removed since they wrote.
    if (!members.has(senderId)) return;
    // Written by hand, as one goes out for each message and recipient: ids that the server makes need no escaping, a user's may.
    const head = `{"message_id":"${messageId}","chat_id":"${chatId}","delivered_to":`;
    const tail = `,"delivered_at":"${isoTime(deliveredAt)}"}`;
    const receipts = deliveredTo.map((userId) => `${head}${JSON.stringify(userId)}${tail}`);
    const wants = (session: Session) =>
      session.dialect === 'v2' && session.carries(this.prefix) && chatInterest(session, stream) === 'full';
    this.publisher.manyToUser(senderId, serverEvents.messageDelivered.name, receipts, wants);
  }

  #tellRead(chat: KnownChat, receipt: ReadReceipt): void {
    if (receipt.messages.length === 0) return;
    if (receipt.tellSenders) this.#tellReadInDepth(receipt);
    for (const { id, senderId } of receipt.messages) {
      const data = { message_id: id, chat_id: receipt.chatId, read_by: receipt.readBy, read_at: isoTime(receipt.readAt) };
      const project = v2Only(serverEvents.messageRead.name, data);
      const wants = (session: Session) => session.id !== receipt.sessionId && chatInterest(session, chat.stream) === 'full';
      // Who was removed since they wrote is told no more.
      if (receipt.tellSenders && chat.members.has(senderId)) this.publisher.toUser(senderId, project, wants);
      this.publisher.toUser(receipt.readBy, project, wants);
    }
    this.#countAgain(chat, receipt.readBy);
  }

  /** The reader's sockets that have not joined the chat list it with another `unread_count` now. */
  #countAgain({ id: chatId, stream, lastSeq }: KnownChat, readBy: string): void {
    const sessions = [...this.sessions.of(readBy)].filter(
      (session) => session.dialect === 'v2' && session.carries(this.prefix) && chatInterest(session, stream) === 'summary',
    );
    if (sessions.length === 0) return;
    // One that waits to be made counts after this; it is not for fewer.
    const waiting = this.#summaries.get(chatId);
    const seq = Math.max(lastSeq, waiting?.seq ?? 0);
    void this.#summarize({ chatId, seq, sessions: [...new Set([...(waiting?.sessions ?? []), ...sessions])] });
  }

  /** Depth tells everybody in the conversation how far somebody has read, at once for all messages. */
  #tellReadInDepth({ chatId, messageId, readBy, readAt, sessionId }: ReadReceipt): void {
    const data = { conversationId: chatId, messageId, userId: readBy, readAt: isoTime(readAt) };
    const project = (view: string) => {
      const names = namesOf(view);
      return names && { event: names.read, data };
    };
    this.#tellChat(chatId, project, sessionId);
  }

  #tellTyping({ chatId, userId, userName, isTyping, sessionId }: Typing): void {
    const project = (view: string) => {
      if (view === 'v2')
        return { event: serverEvents.typing.name, data: { chat_id: chatId, user_id: userId, user_name: userName, is_typing: isTyping } };
      const names = namesOf(view);
      return names && { event: names.typing, data: { userId, userName, conversationId: chatId, isTyping } };
    };
    this.#tellChat(chatId, project, sessionId);
  }

  /** Gives a passing event to the sockets in a chat, but for the one whose doing it is. */
  #tellChat(chatId: string, project: Parameters<Publisher['toStream']>[1], sessionId: string | null): void {
    this.publisher.toStream(chatStream(chatId), project, (session) => session.id === sessionId);
  }

  #fetched(userId: string, stream: string, entries: readonly LogEntry[]): void {
    const messages = entries.filter((entry) => entry.kind === MESSAGE_CREATED).map((entry) => entry.data as MessageRecord);
    const chat = messages[0] && this.directory.known(messages[0].chatId);
    if (chat && stream === chatStream(chat.id)) this.receipts.fetched(chat, userId, messages);
  }

  // `chat:updated` says what is now, so while one is being made only the latest counts.
  async #summarize(summary: Summary): Promise<void> {
    const { chatId } = summary;
    const busy = this.#summaries.has(chatId);
    this.#summaries.set(chatId, summary);
    if (busy) return;
    for (let next = this.#summaries.get(chatId); next; next = this.#summaries.get(chatId)) {
      this.#summaries.set(chatId, undefined);
      // Where the store is away the list is stale until the client asks again, as it does on every connection.
      await this.#sendSummaries(next).catch(() => undefined);
    }
    this.#summaries.delete(chatId);
  }

  async #sendSummaries({ chatId, seq, sessions }: Summary): Promise<void> {
    const last = await this.messages.at(chatId, seq);
    if (!last) return;
    const users = new Set(sessions.map((session) => session.userId));
    const unread = await unreadCounts(this.storage.db, chatId, [...users], seq);
    for (const [userId, count] of unread) {
      const data = { chat_id: chatId, last_message: toV2Message(last), last_seq: seq, unread_count: count };
      this.publisher.toUser(
        userId,
        v2Only(serverEvents.chatUpdated.name, data),
        (session) => chatInterest(session, chatStream(chatId)) === 'summary',
      );
    }
  }
}

/** An event that only one of the documents has. */
const onlyIn = (only: string) => (event: string, data: unknown) => (dialect: string) => (dialect === only ? { event, data } : undefined);
const v2Only = onlyIn('v2');
const depthOnly = onlyIn(DEPTH);
