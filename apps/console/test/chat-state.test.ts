import type { Chat, Message } from '@majlis/client';
import { describe, expect, it } from 'vitest';
import { applyChatChanged, applyNewMessage, mergeChats, type ChatListState } from '../src/features/chats/chat-list-state.ts';
import { conversationRows, firstUnreadSeq } from '../src/features/chats/conversation-rows.ts';
import { applyDeleted, applyReaction, emptyLog, hasEarlier, mergeMessages, type MessageLog } from '../src/features/chats/message-log.ts';
import { advanceReceipt, mergeReceipts, messageStatus } from '../src/features/chats/receipts.ts';
import { textParts } from '../src/features/chats/text-parts.ts';
import { initials } from '../src/features/people/initials.ts';
import { daysBefore } from '../src/i18n/format.ts';

const message = (seq: number, changes: Partial<Message> = {}): Message => ({
  id: `m${seq}`,
  chat_id: 'c',
  seq,
  version: seq,
  sender_id: 'omar',
  sender_name: 'عمر',
  sender_avatar: null,
  type: 'text',
  content: `${seq}`,
  metadata: {},
  client_message_id: null,
  reply_to: null,
  reactions: [],
  created_at: new Date(Date.UTC(2026, 0, 10, 12, seq)).toISOString(),
  edited_at: null,
  deleted_at: null,
  status: 'sent',
  ...changes,
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => message(from + at));
const seqs = (log: MessageLog) => log.messages.map(({ seq }) => seq);

describe('message log', () => {
  it('is the same whichever comes first, the page or the event', () => {
    const edited = message(3, { version: 9, content: 'edited' });
    const pageFirst = mergeMessages(mergeMessages(emptyLog, range(1, 4)), [edited]);
    const eventFirst = mergeMessages(mergeMessages(emptyLog, [edited]), range(1, 4));
    expect(eventFirst).toEqual(pageFirst);
    expect(pageFirst.messages[2]?.content).toBe('edited');
  });

  it('has no holes: what is older than one goes', () => {
    const log = mergeMessages(mergeMessages(emptyLog, range(1, 3)), range(10, 12));
    expect(seqs(log)).toEqual([10, 11, 12]);
    expect(hasEarlier(log)).toBe(true);
    expect(seqs(mergeMessages(log, range(7, 9)))).toEqual([7, 8, 9, 10, 11, 12]);
  });

  it('takes the event of a message in place of what its acknowledgement had to do for', () => {
    const log = mergeMessages(mergeMessages(emptyLog, range(1, 1)), [message(2, { version: 0, sender_name: '' })]);
    expect(mergeMessages(log, [message(2, { version: 5 })]).messages[1]).toMatchObject({ version: 5, sender_name: 'عمر' });
  });

  it('applies deletions and reactions once, and not the older on top of the newer', () => {
    const log = mergeMessages(emptyLog, range(1, 2));
    const on = { chat_id: 'c', message_id: 'm1', user_id: 'anna', emoji: '👍', on: true, count: 1, version: 3 };
    const liked = applyReaction(log, on);
    expect(liked.messages[0]?.reactions).toEqual([{ emoji: '👍', count: 1, user_ids: ['anna'] }]);
    expect(applyReaction(liked, on)).toBe(liked);
    expect(applyReaction(liked, { ...on, on: false, count: 0, version: 4 }).messages[0]?.reactions).toEqual([]);
    const deleted = applyDeleted(liked, { chat_id: 'c', message_id: 'm1', deleted_at: 'now', version: 5 });
    expect(deleted.messages[0]).toMatchObject({ content: '', reactions: [], deleted_at: 'now', version: 5 });
    expect(applyReaction(deleted, { ...on, version: 4 })).toBe(deleted);
  });
});

describe('chat list', () => {
  const chat = (id: string, changes: Partial<Chat> = {}): Chat => ({
    id,
    type: 'direct',
    title: null,
    created_by: 'anna',
    created_at: '2026-01-01T00:00:00.000Z',
    member_count: 2,
    members: [],
    unread_count: 0,
    last_message: null,
    last_seq: 0,
    version: 0,
    muted_until: null,
    ...changes,
  });
  const state: ChatListState = { chats: [chat('a'), chat('c')], next_cursor: null };

  it('puts the chat of a new message first and counts it, unless it is one’s own', () => {
    const once = applyNewMessage(state, message(1), 'anna');
    expect(once.chats.map(({ id, unread_count }) => [id, unread_count])).toEqual([
      ['c', 1],
      ['a', 0],
    ]);
    expect(applyNewMessage(once, message(1), 'anna')).toBe(once);
    expect(applyNewMessage(once, message(2, { sender_id: 'anna' }), 'anna').chats[0]?.unread_count).toBe(1);
  });

  it('keeps what is one’s own when the chat changes for everybody', () => {
    const mine = mergeChats(state, [chat('a', { unread_count: 3, last_message: message(1), muted_until: '2030-01-01T00:00:00.000Z' })]);
    const changed = applyChatChanged(
      mine,
      chat('a', { title: 'New', unread_count: null, last_message: null, muted_until: null, version: 8 }),
    );
    expect(changed.chats.find(({ id }) => id === 'a')).toMatchObject({
      title: 'New',
      unread_count: 3,
      last_message: message(1),
      version: 8,
    });
  });
});

describe('receipts', () => {
  it('a message has come as far as with the last of the others', () => {
    const read = advanceReceipt({}, 'omar', 'read_seq', 5);
    expect(messageStatus(message(5), read, ['omar'])).toBe('read');
    expect(messageStatus(message(6), read, ['omar'])).toBe('sent');
    expect(messageStatus(message(5), advanceReceipt(read, 'sara', 'delivered_seq', 5), ['omar', 'sara'])).toBe('delivered');
    expect(messageStatus(message(5), {}, [])).toBe('sent');
  });

  it('never goes back, neither by an older mark nor behind what the server said', () => {
    const read = advanceReceipt({}, 'omar', 'read_seq', 5);
    expect(advanceReceipt(read, 'omar', 'read_seq', 3)).toBe(read);
    expect(mergeReceipts(read, { omar: { delivered_seq: 9, read_seq: 2 } })).toEqual({ omar: { delivered_seq: 9, read_seq: 5 } });
    expect(messageStatus(message(1, { status: 'read' }), {}, ['omar'])).toBe('read');
  });
});

describe('layout of a conversation', () => {
  it('puts together what one sender wrote in a short time, day by day', () => {
    const at = (day: number, minute: number, sender_id: string, seq: number) =>
      message(seq, { sender_id, created_at: new Date(2026, 0, day, 12, minute).toISOString() });
    const rows = conversationRows([at(1, 0, 'a', 1), at(1, 1, 'a', 2), at(1, 2, 'b', 3), at(1, 30, 'b', 4), at(2, 30, 'b', 5)]);
    expect(rows.map(({ day, first, last }) => [day !== null, first, last])).toEqual([
      [true, true, false],
      [false, false, true],
      [false, true, true],
      [false, true, true],
      [true, true, true],
    ]);
  });

  it('finds where the unread begin', () => {
    const messages = [message(1), message(2, { sender_id: 'anna' }), message(3), message(4)];
    expect([0, 1, 2, 3, 4].map((unread) => firstUnreadSeq(messages, unread, 'anna'))).toEqual([undefined, 4, 3, 1, undefined]);
  });

  it('counts days by the calendar and not by hours', () => {
    expect(daysBefore(new Date(2026, 0, 9, 23, 59), new Date(2026, 0, 10, 0, 1))).toBe(1);
    expect(daysBefore(new Date(2026, 0, 10, 0, 1), new Date(2026, 0, 10, 23, 59))).toBe(0);
  });
});

it('finds web addresses, and leaves the sentence its punctuation', () => {
  expect(textParts('См. https://example.org/a?b=1, (http://x.y)؛ ok')).toEqual([
    { text: 'См. ' },
    { text: 'https://example.org/a?b=1', url: 'https://example.org/a?b=1' },
    { text: ', (' },
    { text: 'http://x.y', url: 'http://x.y' },
    { text: ')؛ ok' },
  ]);
  expect(textParts('javascript:alert(1)')).toEqual([{ text: 'javascript:alert(1)' }]);
});

it('takes initials as their script does', () => {
  expect(['Anna Petrova', 'عمر الخوام', 'Иван', '', '😀 smile'].map(initials)).toEqual(['AP', 'ع', 'И', '', '😀S']);
});
