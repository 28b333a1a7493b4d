import { Inject, Injectable } from '@nestjs/common';
import { LIMITS, type v2 } from '@majlis/contract';
import { randomInt } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { Failure, invalid } from '../../errors.ts';
import type { LogEntry } from '../../log/log-entry.ts';
import { readCounters, readOn, rewriteEntry, type EntryPlace } from '../../log/stream-log.repository.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import type { ChatMembersTable, ChatsTable } from '../../storage/schema.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Database, Storage } from '../../storage/storage.ts';
import { BlocksService } from '../users/blocks.service.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { userStream } from '../users/user-stream.ts';
import { chatStream } from './chat-id.ts';
import { ChatDirectory, type KnownChat } from './chat-directory.ts';
import type { ChatRecord, MemberRecord } from './chat-record.ts';
import type { ChatAdded, ChatRemoved } from './chat-entries.ts';
import {
  deleteMember,
  findChat,
  findDirectChat,
  firstMembers,
  insertChat,
  insertMembers,
  muteChat,
  mutersAmong,
  pageMembers,
  readChats,
  readMemberships,
  updateChat,
  type ChatRow,
  type MemberRow,
} from './chats.repository.ts';
import { recordOf, type MessageRecord } from './message-record.ts';
import { messagesAt, readReactions } from './messages.repository.ts';

/** Who acts: a user, or the customer's backend for one. */
export interface Actor {
  userId: string;
  /** An administrator, or a valid API key. */
  isAdmin: boolean;
}

/** A chat as one member sees it. */
export interface ChatView {
  chat: ChatRecord;
  version: number;
  unreadCount: number;
  lastMessage: MessageRecord | null;
  mutedUntil: number | null;
}

// What `randomInt` allows. With a million chats one creation in 280 million meets a key that is taken; it fails and can be tried again.
const CHAT_KEYS = 2 ** 48 - 1;

const memberOf = (row: MemberRow): MemberRecord => ({ userId: row.user_id, name: row.name, avatar: row.avatar, joinedAt: row.joined_at });

/** Who is in which chat: making chats, their members and titles, and the lists of them. */
@Injectable()
export class ChatsService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #directory: ChatDirectory;
  readonly #users: UserDirectory;
  readonly #blocks: BlocksService;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, directory: ChatDirectory, users: UserDirectory, blocks: BlocksService) {
    this.#storage = storage;
    this.#queue = queue;
    this.#directory = directory;
    this.#users = users;
    this.#blocks = blocks;
  }

  /** Who acts where a user's socket does, with the role that the store says now. */
  async actor(userId: string): Promise<Actor> {
    const user = this.#users.get(userId) ?? (await this.#users.load(userId));
    return { userId, isAdmin: user?.role === 'admin' };
  }

  /** The chat, of which `userId` is a member. @throws Failure CHAT_NOT_FOUND, FORBIDDEN */
  async ofMember(userId: string, chatId: string): Promise<KnownChat> {
    const chat = this.#directory.current(chatId) ?? (await this.#directory.get(chatId));
    if (!chat.members.has(userId)) throw new Failure('FORBIDDEN', undefined, 'Access denied');
    return chat;
  }

  /** The members of a chat, from memory where it is in use. @throws Failure CHAT_NOT_FOUND */
  async membersOf(chatId: string): Promise<ReadonlyMap<string, unknown>> {
    return (await this.#directory.get(chatId)).members;
  }

  /** Those of `userIds` who have muted a chat. */
  async mutedBy(chatId: string, userIds: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(userIds.length === 0 ? [] : await mutersAmong(this.#storage.db, chatId, userIds, Date.now()));
  }

  /**
   * Makes a chat, with the caller as a member. A direct chat that exists is returned instead of made again.
   * @throws Failure INVALID_DATA, NOT_FOUND (a member that does not exist)
   */
  async create(actor: Actor, draft: v2.CreateChat): Promise<{ view: ChatView; created: boolean }> {
    const memberIds = [...new Set([actor.userId, ...draft.member_ids])];
    if (draft.type === 'direct' && memberIds.length !== 2)
      throw invalid('member_ids', 'must name exactly one other user for a direct chat');
    if (memberIds.length > LIMITS.chatMembers) throw invalid('member_ids', `must have at most ${LIMITS.chatMembers} members`);
    await this.#requireUsers(memberIds, 'member_ids');
    if (draft.type === 'direct') await this.#blocks.requireNotBlocked(actor.userId, memberIds[1]!);
    const chatId = uuidv7();
    const directKey = draft.type === 'direct' ? JSON.stringify(memberIds.toSorted()) : null;
    const madeId = await this.#queue.run(memberIds.map(userStream), async (tx) => {
      const chat: ChatsTable = {
        id: chatId,
        key: randomInt(CHAT_KEYS),
        type: draft.type,
        title: draft.type === 'group' ? (draft.title ?? null) : null,
        direct_key: directKey,
        created_by: actor.userId,
        member_count: memberIds.length,
        created_at: tx.now,
      };
      if (!(await insertChat(tx.db, chat))) return (await findDirectChat(tx.db, directKey!))!.id;
      await insertMembers(
        tx.db,
        memberIds.map((userId) => newMember(chatId, userId, tx.now, 0)),
      );
      const record = await chatRecord(tx.db, chat, 0);
      for (const userId of memberIds) tx.append(userStream(userId), 'chat.added', { chat: record, chatVersion: 0 } satisfies ChatAdded);
      return chatId;
    });
    return { view: await this.get(actor, madeId), created: madeId === chatId };
  }

  /** The caller's chats, the latest activity first; `before` is the last one of the page before. */
  async list(
    userId: string,
    page: { before?: { activeAt: number; id: string } | undefined; limit: number },
  ): Promise<(ChatView & { activeAt: number })[]> {
    return this.#storage.snapshot(async (db) => views(db, await readChats(db, userId, page)));
  }

  /** A chat as the caller sees it. An administrator sees any. @throws Failure CHAT_NOT_FOUND, FORBIDDEN */
  async get(actor: Actor, chatId: string): Promise<ChatView> {
    const chat = await this.#directory.get(chatId);
    if (!chat.members.has(actor.userId)) {
      if (!actor.isAdmin) throw new Failure('FORBIDDEN', undefined, 'Access denied');
      return this.#storage.snapshot((db) => foreignView(db, chatId));
    }
    const [view] = await this.#storage.snapshot(async (db) =>
      views(db, await readChats(db, actor.userId, { chatIds: [chatId], limit: 1 })),
    );
    // Removed between the two looks.
    if (!view) throw new Failure('FORBIDDEN', undefined, 'Access denied');
    return view;
  }

  /** Members in the order in which they joined. @throws Failure CHAT_NOT_FOUND, FORBIDDEN */
  async members(
    actor: Actor,
    chatId: string,
    page: { after?: { joinedAt: number; userId: string } | undefined; limit: number },
  ): Promise<MemberRecord[]> {
    const chat = await this.#directory.get(chatId);
    if (!actor.isAdmin && !chat.members.has(actor.userId)) throw new Failure('FORBIDDEN', undefined, 'Access denied');
    return (await pageMembers(this.#storage.db, chatId, page.after, page.limit)).map(memberOf);
  }

  /** Adds members to a group: its creator and administrators. Those who are in stay. @throws Failure CHAT_NOT_FOUND, FORBIDDEN, NOT_FOUND, INVALID_DATA */
  async addMembers(actor: Actor, chatId: string, userIds: readonly string[]): Promise<{ view: ChatView; added: boolean }> {
    const chat = await this.#manageable(actor, chatId);
    await this.#requireUsers(userIds, 'user_ids');
    const wanted = [...new Set(userIds)];
    const anyAdded = await this.#queue.run([chatStream(chatId), ...wanted.map(userStream)], async (tx) => {
      const members = new Set((await readMemberships(tx.db, chatId)).map((row) => row.user_id));
      const added = wanted.filter((userId) => !members.has(userId));
      if (added.length === 0) return false;
      if (members.size + added.length > LIMITS.chatMembers) throw invalid('user_ids', `a chat has at most ${LIMITS.chatMembers} members`);
      const lastSeq = tx.stream(chatStream(chatId)).seq;
      await insertMembers(
        tx.db,
        added.map((userId) => newMember(chatId, userId, tx.now, lastSeq)),
      );
      const { record, version } = await this.#announceChange(tx, chatId, { member_count: members.size + added.length });
      for (const userId of added) tx.append(userStream(userId), 'chat.added', { chat: record, chatVersion: version } satisfies ChatAdded);
      return true;
    });
    return { view: await this.get(actor, chat.id), added: anyAdded };
  }

  /** Removes a member of a group: its creator and administrators; anyone leaves. @throws Failure CHAT_NOT_FOUND, FORBIDDEN, NOT_FOUND */
  async removeMember(actor: Actor, chatId: string, userId: string): Promise<void> {
    if (userId === actor.userId) {
      const chat = await this.ofMember(userId, chatId);
      if (chat.type === 'direct') throw new Failure('FORBIDDEN', { field: 'id', problem: 'a direct chat always has its two members' });
    } else await this.#manageable(actor, chatId);
    await this.#queue.run([chatStream(chatId), userStream(userId)], async (tx) => {
      if (!(await deleteMember(tx.db, chatId, userId))) throw new Failure('NOT_FOUND', { field: 'user_id', problem: 'is not a member' });
      const rest = (await findChat(tx.db, chatId))!.member_count - 1;
      await this.#announceChange(tx, chatId, { member_count: rest });
      tx.append(userStream(userId), 'chat.removed', { chatId } satisfies ChatRemoved);
    });
  }

  /** Changes a group's title: its creator and administrators. @throws Failure CHAT_NOT_FOUND, FORBIDDEN */
  async rename(actor: Actor, chatId: string, title: string | null): Promise<ChatView> {
    await this.#manageable(actor, chatId);
    await this.#queue.run([chatStream(chatId)], async (tx) => {
      if ((await findChat(tx.db, chatId))?.title === title) return;
      await this.#announceChange(tx, chatId, { title });
    });
    return this.get(actor, chatId);
  }

  /** Mutes a chat for oneself until a time (ms); null ends it. @throws Failure CHAT_NOT_FOUND, FORBIDDEN */
  async mute(actor: Actor, chatId: string, until: number | null): Promise<void> {
    await this.ofMember(actor.userId, chatId);
    await this.#queue.run([], (tx) => muteChat(tx.db, chatId, actor.userId, until));
  }

  /** Takes a person's name and picture out of every list of members in the log. */
  async eraseMember(userId: string): Promise<void> {
    // The lists are short-lived and in no index, so the log is read from one end to the other, a little at a time.
    const PORTION = 500;
    for (let at: EntryPlace | undefined = { stream: '', version: 0 }; at;) {
      const entries: LogEntry[] = await readOn(this.#storage.db, at, PORTION);
      at = entries.length < PORTION ? undefined : entries.at(-1);
      const naming = entries.filter((entry) => membersListed(entry).some((member) => member.userId === userId));
      if (naming.length === 0) continue;
      await this.#queue.run([...new Set(naming.map(({ stream }) => stream))], async (tx) => {
        for (const { stream, version } of naming) {
          // As it is now: another of the members may be erased meanwhile.
          const entry = await tx.entry(stream, version);
          if (!entry) continue;
          for (const member of membersListed(entry)) if (member.userId === userId) Object.assign(member, { name: '', avatar: null });
          await rewriteEntry(tx.db, stream, version, entry.data);
        }
      });
    }
  }

  // The chat's row is changed and the change appended, with the chat as it is now.
  async #announceChange(tx: WriteTransaction, chatId: string, set: Partial<Pick<ChatsTable, 'title' | 'member_count'>>) {
    await updateChat(tx.db, chatId, set);
    const record = await chatRecord(tx.db, (await findChat(tx.db, chatId))!, tx.stream(chatStream(chatId)).seq);
    return { record, version: tx.append(chatStream(chatId), 'chat.changed', record) };
  }

  async #manageable(actor: Actor, chatId: string): Promise<KnownChat> {
    const chat = await this.#directory.get(chatId);
    const mayManage = actor.isAdmin || (chat.createdBy === actor.userId && chat.members.has(actor.userId));
    if (!mayManage || chat.type === 'direct') throw new Failure('FORBIDDEN', undefined, 'Access denied');
    return chat;
  }

  async #requireUsers(ids: readonly string[], field: string): Promise<void> {
    const users = await this.#users.loadMany(ids);
    const missing = ids.find((id) => !users.has(id) || users.get(id)!.erased);
    if (missing !== undefined) throw new Failure('NOT_FOUND', { field, problem: `no user ${missing}` });
  }
}

/** The members that a log entry lists. */
function membersListed({ kind, data }: LogEntry): MemberRecord[] {
  if (kind === 'chat.changed') return (data as ChatRecord).members;
  return kind === 'chat.added' ? (data as ChatAdded).chat.members : [];
}

function newMember(chatId: string, userId: string, now: number, lastSeq: number): ChatMembersTable {
  // What was said before joining is visible, but neither unread nor waiting for delivery.
  return {
    chat_id: chatId,
    user_id: userId,
    joined_at: now,
    delivered_seq: lastSeq,
    delivered_ahead: null,
    read_seq: lastSeq,
    read_at: null,
    muted_until: null,
  };
}

async function chatRecord(db: Database, chat: ChatsTable, lastSeq: number): Promise<ChatRecord> {
  const members = (await firstMembers(db, [chat.id], LIMITS.chatMembersShown)).map(memberOf);
  return recordFrom(chat, members, lastSeq);
}

function recordFrom(chat: ChatsTable, members: MemberRecord[], lastSeq: number): ChatRecord {
  return {
    id: chat.id,
    type: chat.type,
    title: chat.title,
    createdBy: chat.created_by,
    createdAt: chat.created_at,
    memberCount: chat.member_count,
    members,
    lastSeq,
  };
}

/** The rows with their members and last messages: three statements however many chats. */
async function views(db: Database, rows: readonly (ChatRow & { active_at: number })[]): Promise<(ChatView & { activeAt: number })[]> {
  const members = Map.groupBy(
    await firstMembers(
      db,
      rows.map((row) => row.id),
      LIMITS.chatMembersShown,
    ),
    (row) => row.chat_id,
  );
  const last = await messagesAt(
    db,
    rows.filter((row) => row.last_seq > 0).map((row) => ({ chatId: row.id, seq: row.last_seq })),
  );
  const reactions = Map.groupBy(
    await readReactions(
      db,
      last.map((message) => message.id),
    ),
    (row) => row.message_id,
  );
  const lastByChat = new Map(last.map((message) => [message.chat_id, recordOf(message, reactions.get(message.id) ?? [])]));
  return rows.map((row) => ({
    chat: recordFrom(row, (members.get(row.id) ?? []).map(memberOf), row.last_seq),
    version: row.version,
    unreadCount: row.last_seq - row.read_seq - row.own_after_read,
    lastMessage: lastByChat.get(row.id) ?? null,
    mutedUntil: row.muted_until,
    activeAt: row.active_at,
  }));
}

/** A chat as an administrator who is not in it sees it: nothing is unread. */
async function foreignView(db: Database, chatId: string): Promise<ChatView> {
  const stream = chatStream(chatId);
  const { version, seq } = (await readCounters(db, [stream])).get(stream) ?? { version: 0, seq: 0 };
  const chat = await chatRecord(db, (await findChat(db, chatId))!, seq);
  return { chat, version, unreadCount: 0, lastMessage: null, mutedUntil: null };
}
