import { isDeepStrictEqual } from 'node:util';
import { Failure } from '../../errors.ts';
import type { Command } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import type { MessagesTable } from '../../storage/schema.ts';
import type { KnownChat } from './chat-directory.ts';
import { findMember } from './chats.repository.ts';
import { MESSAGE_CREATED, type MessageRecord } from './message-record.ts';
import { findSent, insertMessages, noteMayMention } from './messages.repository.ts';

/** A message that passed every check that memory can make. */
export interface Send {
  chat: KnownChat;
  /** Its text names somebody, perhaps: noted in the same commit, looked at after it. */
  mayMention: boolean;
  /** Everything but what the commit gives it: seq, version and time. */
  draft: Omit<MessageRecord, 'seq' | 'version' | 'createdAt' | 'reactions' | 'editedAt' | 'deletedAt'>;
}

/** What became of a send. */
export interface Sent {
  messageId: string;
  createdAt: number;
  seq: number;
  /** As it was stored; undefined where this message had been sent before: nothing was stored or delivered. */
  message: MessageRecord | undefined;
}

/** The database refused a row: some `client_message_id` has been used before. */
class Refused extends Error {}

const keyOf = (chatId: string, senderId: string, clientMessageId: string) => `${chatId}\n${senderId}\n${clientMessageId}`;

/** What becomes of each send of a batch, by its place in the batch; open where it is not known yet. */
type Outcomes = (Sent | Error | undefined)[];

/**
 * Sends many messages in one transaction. A repeated `client_message_id` is refused by the database's unique key, not found by
 * a look-up beforehand, which would race with the same send on another connection or node; then the batch is numbered
 * again without it, so that seqs have no gaps.
 */
export const SEND: Command<Send, Sent> = {
  name: 'send',
  streams: ({ chat }) => [chat.stream],
  async runAll(tx, sends) {
    const outcomes: Outcomes = [];
    const fresh: number[] = [];
    for (const [stream, places] of byStream(sends)) {
      await checkMembers(tx, stream, sends, places, outcomes);
      takeFirstOfEachKey(sends, places, outcomes, fresh);
    }
    try {
      await tx.savepoint(() => store(tx, sends, fresh, outcomes));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const sent = await sentBefore(tx, sends, fresh);
      const rest = fresh.filter((i) => {
        const before = sent.get(keyOfSend(sends[i]!));
        if (before) outcomes[i] = repetition(sends[i]!, before);
        return !before;
      });
      await store(tx, sends, rest, outcomes);
    }
    // Repeats within the batch take the outcome of their first.
    await answerRepeats(tx, sends, outcomes);
    return outcomes as (Sent | Error)[];
  },
};

function keyOfSend({ draft }: Send): string | undefined {
  return draft.clientMessageId === null ? undefined : keyOf(draft.chatId, draft.senderId, draft.clientMessageId);
}

/**
 * The places of the sends of each chat, in their order. Rows of one chat are stored one after the other: they go to the same pages of
 * the scattered indexes, which costs SQLite a fifth less than as they come (measured).
 */
function byStream(sends: readonly Send[]): Map<string, number[]> {
  const streams = new Map<string, number[]>();
  for (let i = 0; i < sends.length; i++) {
    const { stream } = sends[i]!.chat;
    const places = streams.get(stream);
    if (places) places.push(i);
    else streams.set(stream, [i]);
  }
  return streams;
}

// Memory is exact where it has followed the stream up to the version that is locked now; else the database is asked.
async function checkMembers(
  tx: WriteTransaction,
  stream: string,
  sends: readonly Send[],
  places: readonly number[],
  outcomes: Outcomes,
): Promise<void> {
  const { lockedVersion } = tx.stream(stream);
  for (const i of places) {
    const { chat, draft } = sends[i]!;
    const exact = lockedVersion === chat.version;
    const member = exact ? chat.members.has(draft.senderId) : (await findMember(tx.db, chat.id, draft.senderId)) !== undefined;
    outcomes[i] = member ? undefined : new Failure('FORBIDDEN', undefined, 'Access denied');
  }
}

/** Adds to `first` the sends of one chat that no other of the batch repeats, or that are the first of those that do. */
function takeFirstOfEachKey(sends: readonly Send[], places: readonly number[], outcomes: Outcomes, first: number[]): void {
  const keys = new Set<string>();
  for (const i of places) {
    if (outcomes[i] !== undefined) continue;
    const { senderId, clientMessageId } = sends[i]!.draft;
    if (clientMessageId !== null && keys.size === keys.add(`${clientMessageId}\n${senderId}`).size) continue;
    first.push(i);
  }
}

async function store(tx: WriteTransaction, sends: readonly Send[], which: readonly number[], outcomes: Outcomes): Promise<void> {
  const messages: MessageRecord[] = [];
  const chatKeys: number[] = [];
  for (const i of which) {
    const { chat, draft } = sends[i]!;
    const { stream } = chat;
    const seq = tx.nextSeq(stream);
    const version = tx.stream(stream).version + 1;
    const message: MessageRecord = { ...draft, seq, version, reactions: [], createdAt: tx.now, editedAt: null, deletedAt: null };
    tx.appendFromRow(stream, MESSAGE_CREATED, message);
    outcomes[i] = { messageId: draft.id, createdAt: tx.now, seq, message };
    messages.push(message);
    chatKeys.push(chat.key);
  }
  if ((await insertMessages(tx.connection, messages, chatKeys)) < messages.length) throw new Refused();
  const mentioning = which.flatMap((i) => (sends[i]!.mayMention ? sends[i]!.draft.id : []));
  if (mentioning.length > 0) await noteMayMention(tx.connection, mentioning);
}

async function sentBefore(
  tx: WriteTransaction,
  sends: readonly Send[],
  which: readonly number[],
): Promise<Map<string | undefined, MessagesTable>> {
  const asked = which.flatMap((i) => {
    const { chat, draft } = sends[i]!;
    const { senderId, clientMessageId } = draft;
    return clientMessageId === null ? [] : [{ chatKey: chat.key, senderId, clientMessageId }];
  });
  const found = asked.length === 0 ? [] : await findSent(tx.db, asked);
  return new Map(found.map((m) => [keyOf(m.chat_id, m.sender_id, m.client_message_id!), m]));
}

/** A repeated send is acknowledged as the first was; another content under the same id is a conflict. */
function repetition({ draft }: Send, before: MessagesTable): Sent | Failure {
  // What was edited or deleted since cannot be compared; it was sent, and that is what the client asks.
  const untouched = before.edited_at === null && before.deleted_at === null;
  const same =
    before.type === draft.type &&
    (!untouched || (before.content === draft.content && sameJson(before.metadata, draft.metadata) && before.reply_to === draft.replyTo));
  if (!same) return new Failure('CONFLICT', { field: 'client_message_id', problem: 'was used for another message' });
  return { messageId: before.id, createdAt: before.created_at, seq: before.seq, message: undefined };
}

/** The same value as stored JSON, in whatever order clients write the keys. */
function sameJson(stored: string, value: unknown): boolean {
  return isDeepStrictEqual(JSON.parse(stored), JSON.parse(JSON.stringify(value)));
}

async function answerRepeats(tx: WriteTransaction, sends: readonly Send[], outcomes: Outcomes): Promise<void> {
  const open: number[] = [];
  for (let i = 0; i < sends.length; i++) if (outcomes[i] === undefined) open.push(i);
  if (open.length === 0) return;
  const sent = await sentBefore(tx, sends, open);
  for (const i of open) outcomes[i] = repetition(sends[i]!, sent.get(keyOfSend(sends[i]!))!);
}
