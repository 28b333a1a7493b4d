/** One step of bringing the full-text index up to date, in one transaction: durable, repeatable, and never twice at once. */
import type { WriteConnection } from '../../storage/storage.ts';
import { wordsOf } from './fold.ts';
import {
  findBehind,
  putPositions,
  putRows,
  readAlterations,
  readMessages,
  readNewMessages,
  type Alteration,
  type BehindChat,
  type IndexedMessage,
  type IndexRow,
} from './search.repository.ts';
import { searchableText } from './searchable-text.ts';

/** At most so many chats are looked at in one step. */
export const CHATS_A_STEP = 64;
// About 2 ms on SQLite, where everybody else's messages wait for the step.
const MESSAGES_A_STEP = 64;
// Taking words out of the index costs SQLite ten times as much as putting them in.
const ALTERATIONS_A_STEP = 16;
const VERSIONS_A_STEP = 1_000;

/** What a step did. */
export interface IndexingStep {
  /** Messages that were put in or taken out. */
  messages: number;
  /** Chats that are still behind. */
  unfinished: readonly string[];
}

/** Brings the index of `chatIds` (at most `CHATS_A_STEP`) forward. Where another node did so meanwhile, nothing is left to do. */
export async function indexChats(connection: WriteConnection, chatIds: readonly string[]): Promise<IndexingStep> {
  const { db } = connection;
  const behind = await findBehind(db, chatIds);
  if (behind.length === 0) return { messages: 0, unfinished: [] };

  const known = behind.filter(hasKnownChanges);
  const alterations = await readAlterations(
    db,
    known.map(({ chatId }) => chatId),
    VERSIONS_A_STEP,
    ALTERATIONS_A_STEP + 1,
  );
  const cut = alterations.splice(ALTERATIONS_A_STEP)[0];
  const altered = await readMessages(db, [...new Set(alterations.map(({ messageId }) => messageId))]);

  const { whole, partial } = portion(behind.filter((chat) => !isLost(chat)));
  const added = await readNewMessages(db, whole, partial);

  const lastAdded = new Map(added.map(({ chat_id, seq }) => [chat_id, seq]));
  const positions = behind.map((chat) => positionOf(chat, lastAdded.get(chat.chatId), cut));
  await putRows(connection, rowsOf([...altered, ...added]));
  await putPositions(connection, positions);
  return {
    messages: altered.length + added.length,
    unfinished: behind
      .filter((chat, i) => positions[i]!.seq < chat.seq || positions[i]!.version < chat.version)
      .map(({ chatId }) => chatId),
  };
}

/** The log no longer tells what was altered since the chat was indexed: it is indexed again from its first message. */
const isLost = ({ indexedSeq, indexedVersion, forgotten }: BehindChat) => indexedSeq > 0 && indexedVersion < forgotten;
const hasKnownChanges = (chat: BehindChat) => chat.indexedSeq > 0 && !isLost(chat);

/** Chats whose new messages fit into one step together, and the one that fits in part. */
function portion(chats: readonly BehindChat[]): { whole: string[]; partial?: { chatId: string; upToSeq: number } } {
  const whole: string[] = [];
  let room = MESSAGES_A_STEP;
  for (const { chatId, seq, indexedSeq } of chats) {
    const waiting = seq - indexedSeq;
    if (waiting > room) return room === 0 ? { whole } : { whole, partial: { chatId, upToSeq: indexedSeq + room } };
    if (waiting > 0) whole.push(chatId);
    room -= waiting;
  }
  return { whole };
}

function positionOf(
  chat: BehindChat,
  lastAdded: number | undefined,
  cut: Alteration | undefined,
): { chatId: string; seq: number; version: number } {
  if (isLost(chat)) return { chatId: chat.chatId, seq: 0, version: 0 };
  return { chatId: chat.chatId, seq: lastAdded ?? chat.indexedSeq, version: indexedVersionOf(chat, cut) };
}

/** Up to which version the alterations have been applied; `cut` is the first that was not. */
function indexedVersionOf({ chatId, indexedSeq, indexedVersion, version }: BehindChat, cut: Alteration | undefined): number {
  // Nothing was in the index; what comes in now is as it is now.
  if (indexedSeq === 0) return version;
  if (cut && chatId > cut.chatId) return indexedVersion;
  const read = Math.min(version, indexedVersion + VERSIONS_A_STEP);
  return cut?.chatId === chatId ? Math.min(read, cut.version - 1) : read;
}

function rowsOf(messages: readonly IndexedMessage[]): IndexRow[] {
  // An altered message may be a new one too; the same row may not be put in twice.
  const byId = new Map(messages.map((message) => [message.id, message]));
  // Ids grow with time, also within the millisecond that a commit has for its time.
  const inOrder = [...byId.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return inOrder.map((message) => ({
    chatId: message.chat_id,
    seq: message.seq,
    createdAt: message.created_at,
    words: message.deleted_at === null ? [...new Set(wordsOf(textOf(message)))] : [],
  }));
}

function textOf({ type, content, metadata }: IndexedMessage): string {
  return searchableText(type, content, JSON.parse(metadata) as Record<string, unknown>);
}
