import type { Message, ServerEvents } from '@majlis/client';

/** A part of a chat's history without holes, in `seq` order, up to its newest message. */
export interface MessageLog {
  messages: readonly Message[];
}

export const emptyLog: MessageLog = { messages: [] };

/** Whether there is more to fetch before what is here: `seq` counts from 1. */
export function hasEarlier(log: MessageLog): boolean {
  const first = log.messages[0];
  return first !== undefined && first.seq > 1;
}

/**
 * Puts messages into the log. Of two states of one message the later (by `version`) stands, whichever comes first. Messages
 * that would leave a hole replace what is older than the hole.
 */
export function mergeMessages(log: MessageLog, incoming: readonly Message[]): MessageLog {
  if (incoming.length === 0) return log;
  const last = log.messages.at(-1);
  // A message at the end is what nearly always happens.
  if (incoming.length === 1 && incoming[0] && (!last || incoming[0].seq === last.seq + 1))
    return { messages: [...log.messages, incoming[0]] };
  const bySeq = new Map(log.messages.map((message) => [message.seq, message]));
  for (const message of incoming) {
    const present = bySeq.get(message.seq);
    if (!present || present.version <= message.version) bySeq.set(message.seq, message);
  }
  const sorted = [...bySeq.values()].toSorted((a, b) => a.seq - b.seq);
  const afterHole = sorted.findLastIndex((message, at) => at > 0 && sorted[at - 1]?.seq !== message.seq - 1);
  return { messages: afterHole === -1 ? sorted : sorted.slice(afterHole) };
}

/** A deleted message stays where it was, without its content. */
export function applyDeleted(log: MessageLog, event: ServerEvents['chat:message:deleted']): MessageLog {
  return change(log, event, (message) => ({ ...message, content: '', metadata: {}, reactions: [], deleted_at: event.deleted_at }));
}

/** A reaction that was set or taken back. */
export function applyReaction(log: MessageLog, event: ServerEvents['chat:message:reaction']): MessageLog {
  return change(log, event, (message) => {
    const present = message.reactions.find((reaction) => reaction.emoji === event.emoji);
    const others = (present?.user_ids ?? []).filter((id) => id !== event.user_id);
    const changed = { emoji: event.emoji, count: event.count, user_ids: event.on ? [...others, event.user_id] : others };
    const reactions = present
      ? message.reactions.map((reaction) => (reaction === present ? changed : reaction))
      : [...message.reactions, changed];
    return { ...message, reactions: reactions.filter((reaction) => reaction.count > 0) };
  });
}

function change(log: MessageLog, event: { message_id: string; version: number }, apply: (message: Message) => Message): MessageLog {
  const at = log.messages.findIndex((message) => message.id === event.message_id);
  const present = log.messages[at];
  if (!present || present.version >= event.version) return log;
  return { messages: log.messages.with(at, { ...apply(present), version: event.version }) };
}
