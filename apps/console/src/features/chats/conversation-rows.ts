import type { Message } from '@majlis/client';
import { dayKey } from '../../i18n/format.ts';

/** A message, and what its neighbours make of it. */
export interface Row {
  message: Message;
  /** Set on the first message of a day. */
  day: Date | null;
  /** First of several by one sender in a short time: bears the name. */
  first: boolean;
  /** Last of them: bears the avatar. */
  last: boolean;
}

/** Messages of one sender less apart than this are told as one, in milliseconds. */
const TOGETHER_MS = 5 * 60_000;

/** Lays messages out by days and by sender. */
export function conversationRows(messages: readonly Message[]): Row[] {
  const times = messages.map((message) => new Date(message.created_at));
  const days = times.map(dayKey);
  const goesOn = (at: number) => {
    const [message, previous] = [messages[at], messages[at - 1]];
    const [time, before] = [times[at], times[at - 1]];
    if (!message || !previous || !time || !before) return false;
    return message.sender_id === previous.sender_id && days[at] === days[at - 1] && time.getTime() - before.getTime() < TOGETHER_MS;
  };
  return messages.map((message, at) => ({
    message,
    day: days[at] === days[at - 1] ? null : (times[at] ?? null),
    first: !goesOn(at),
    last: !goesOn(at + 1),
  }));
}

/** Where the unread messages of others begin; undefined if that is further back than what is loaded, or nowhere. */
export function firstUnreadSeq(messages: readonly Message[], unread: number, me: string): number | undefined {
  const others = messages.filter((message) => message.sender_id !== me);
  return unread > 0 ? others.at(-unread)?.seq : undefined;
}
