/**
 * A ticket has two streams, one for each side. What both sides see is a change of both; an internal note, and what staff have read,
 * are changes of the staff's alone. Clients of either side know theirs as `ticket:<id>`, and each counts 1, 2, 3 … without gaps.
 *
 * One stream with a version for each note would tell the owner that there was a note: by a gap, or by an event without content in its
 * place. So would one count of messages. What the owner's stream never held cannot come out of it, live, by `sync`, or in a count.
 */
export type Side = 'owner' | 'staff';

export const SIDES: readonly Side[] = ['owner', 'staff'];

export const STREAM_PREFIX = { owner: 'ticket', staff: 'ticket-staff' } as const satisfies Record<Side, string>;

/** The stream of a ticket, as one side has it. */
export function ticketStream(side: Side, ticketId: string): string {
  return `${STREAM_PREFIX[side]}:${ticketId}`;
}

/** Both streams of a ticket. */
export function ticketStreams(ticketId: string): string[] {
  return SIDES.map((side) => ticketStream(side, ticketId));
}

/** What clients of either side call the stream of a ticket. */
export const clientStream = (ticketId: string) => ticketStream('owner', ticketId);
