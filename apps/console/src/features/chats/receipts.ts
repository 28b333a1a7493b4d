import type { Message, Receipts } from '@majlis/client';

export type MessageStatus = Message['status'];
const ranks: Readonly<Record<MessageStatus, number>> = { sent: 0, delivered: 1, read: 2 };

/** Moves a member's mark forward, never back. */
export function advanceReceipt(receipts: Receipts, userId: string, kind: 'delivered_seq' | 'read_seq', seq: number): Receipts {
  const present = receipts[userId] ?? { delivered_seq: 0, read_seq: 0 };
  const moved = { ...present, [kind]: Math.max(present[kind], seq) };
  // What was read was delivered.
  moved.delivered_seq = Math.max(moved.delivered_seq, moved.read_seq);
  return moved.delivered_seq === present.delivered_seq && moved.read_seq === present.read_seq ? receipts : { ...receipts, [userId]: moved };
}

/** Puts what `sync` says together with what has come live meanwhile. */
export function mergeReceipts(receipts: Receipts, incoming: Receipts): Receipts {
  return Object.entries(incoming).reduce(
    (merged, [userId, marks]) =>
      advanceReceipt(advanceReceipt(merged, userId, 'delivered_seq', marks.delivered_seq), userId, 'read_seq', marks.read_seq),
    receipts,
  );
}

/** How far one's own message has come: with all the others, or as far as the server said when it was read. */
export function messageStatus(message: Message, receipts: Receipts, others: readonly string[]): MessageStatus {
  const allHave = (kind: 'delivered_seq' | 'read_seq') =>
    others.length > 0 && others.every((id) => (receipts[id]?.[kind] ?? 0) >= message.seq);
  const live = allHave('read_seq') ? 'read' : allHave('delivered_seq') ? 'delivered' : 'sent';
  return ranks[live] > ranks[message.status] ? live : message.status;
}
