/** SQL over tickets and what is said in them. */
import { sql } from 'kysely';
import type { TicketMessagesTable, TicketsTable } from '../../storage/schema.ts';
import type { Database } from '../../storage/storage.ts';
import type { SupportMessageRecord, TicketRecord } from './ticket-record.ts';
import { STREAM_PREFIX, ticketStream, type Side } from './ticket-streams.ts';

/** A ticket with the names of its people and the counters of its streams. */
export interface TicketRow extends TicketsTable {
  owner_name: string;
  assignee_name: string | null;
  owner_seq: number;
  owner_version: number;
  staff_seq: number;
  staff_version: number;
}

/** Where a page of tickets ends. */
export interface TicketPosition {
  updatedAt: number;
  id: string;
}

export interface TicketFilter {
  ownerId?: string | undefined;
  status?: TicketsTable['status'] | undefined;
  priority?: TicketsTable['priority'] | undefined;
  assigneeId?: string | undefined;
}

/** A ticket as one side sees it. */
export function ticketRecord(row: TicketRow, side: Side): TicketRecord {
  return {
    id: row.id,
    subject: row.subject,
    status: row.status,
    priority: row.priority,
    ownerId: row.owner_id,
    ownerName: row.owner_name,
    assigneeId: row.assignee_id,
    assigneeName: row.assignee_name,
    unreadCount: row[`${side}_unread`],
    lastSeq: row[`${side}_seq`],
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    firstResponseAt: row.first_response_at,
    resolvedAt: row.resolved_at,
  };
}

/** A message as one side sees it; of an internal note there is only that of staff. */
export function messageRecord(row: TicketMessagesTable, side: Side): SupportMessageRecord {
  return {
    id: row.id,
    ticketId: row.ticket_id,
    seq: row[`${side}_seq`]!,
    version: row[`${side}_version`]!,
    senderId: row.sender_id,
    senderName: row.sender_name,
    senderRole: row.sender_role,
    message: row.message,
    attachments: JSON.parse(row.attachments) as SupportMessageRecord['attachments'],
    isInternal: row.owner_seq === null,
    createdAt: row.created_at,
  };
}

const streamOf = (side: Side) => sql<string>`${sql.lit(ticketStream(side, ''))} || t.id`;

function ticketRows(db: Database) {
  return db
    .selectFrom('tickets as t')
    .innerJoin('users as o', 'o.id', 't.owner_id')
    .leftJoin('users as a', 'a.id', 't.assignee_id')
    .leftJoin('streams as os', (join) => join.on('os.id', '=', streamOf('owner')))
    .leftJoin('streams as ss', (join) => join.on('ss.id', '=', streamOf('staff')))
    .selectAll('t')
    .select((eb) => [
      'o.name as owner_name',
      'a.name as assignee_name',
      eb.fn.coalesce('os.seq', sql<number>`0`).as('owner_seq'),
      eb.fn.coalesce('os.version', sql<number>`0`).as('owner_version'),
      eb.fn.coalesce('ss.seq', sql<number>`0`).as('staff_seq'),
      eb.fn.coalesce('ss.version', sql<number>`0`).as('staff_version'),
    ]);
}

/** The ticket of that id. In a transaction its streams' counters are those from before it. */
export function findTicket(db: Database, id: string): Promise<TicketRow | undefined> {
  return ticketRows(db).where('t.id', '=', id).executeTakeFirst();
}

/** Whose the ticket is. */
export async function findOwner(db: Database, id: string): Promise<string | undefined> {
  return (await db.selectFrom('tickets').select('owner_id').where('id', '=', id).executeTakeFirst())?.owner_id;
}

/** Tickets, the latest change first, from before a place. */
export function pageTickets(db: Database, filter: TicketFilter, before: TicketPosition | undefined, limit: number): Promise<TicketRow[]> {
  let query = ticketRows(db);
  if (filter.ownerId !== undefined) query = query.where('t.owner_id', '=', filter.ownerId);
  if (filter.status !== undefined) query = query.where('t.status', '=', filter.status);
  if (filter.priority !== undefined) query = query.where('t.priority', '=', filter.priority);
  if (filter.assigneeId !== undefined) query = query.where('t.assignee_id', '=', filter.assigneeId);
  if (before) {
    query = query.where((eb) =>
      eb.or([eb('t.updated_at', '<', before.updatedAt), eb.and([eb('t.updated_at', '=', before.updatedAt), eb('t.id', '<', before.id)])]),
    );
  }
  return query.orderBy('t.updated_at', 'desc').orderBy('t.id', 'desc').limit(limit).execute();
}

/** Ids and owners of the tickets that are not closed, the latest change first, and of one's own whatever they are. */
export async function findFollowed(
  db: Database,
  userId: string,
  isStaff: boolean,
  limit: number,
): Promise<{ id: string; owner_id: string }[]> {
  const rows = db.selectFrom('tickets').select(['id', 'owner_id']).orderBy('updated_at', 'desc').limit(limit);
  const own = await rows.where('owner_id', '=', userId).execute();
  if (!isStaff) return own;
  return [...own, ...(await rows.where('owner_id', '!=', userId).where('status', '!=', 'closed').execute())];
}

/** The versions of tickets' streams as one side has them, with the tickets' owners: of all tickets, or of some owners'. */
export function ticketVersions(
  db: Database,
  side: Side,
  ownerIds?: readonly string[],
): Promise<{ id: string; owner_id: string; version: number }[]> {
  const rows = db
    .selectFrom('tickets as t')
    .innerJoin('streams as s', (join) => join.on('s.id', '=', streamOf(side)))
    .select(['t.id', 't.owner_id', 's.version']);
  return (ownerIds ? rows.where('t.owner_id', 'in', ownerIds) : rows).execute();
}

export async function insertTicket(db: Database, ticket: TicketsTable): Promise<void> {
  await db.insertInto('tickets').values(ticket).execute();
}

export async function updateTicket(db: Database, id: string, set: Partial<Omit<TicketsTable, 'id'>>): Promise<void> {
  await db.updateTable('tickets').set(set).where('id', '=', id).execute();
}

export async function insertTicketMessage(db: Database, message: TicketMessagesTable): Promise<void> {
  await db.insertInto('ticket_messages').values(message).execute();
}

/** The message that a sender sent to a ticket under this id of its own. */
export function findSent(
  db: Database,
  ticketId: string,
  senderId: string,
  clientMessageId: string,
): Promise<TicketMessagesTable | undefined> {
  return db
    .selectFrom('ticket_messages')
    .selectAll()
    .where('sender_id', '=', senderId)
    .where('ticket_id', '=', ticketId)
    .where('client_message_id', '=', clientMessageId)
    .executeTakeFirst();
}

/** The newest messages that a side sees, ascending, from before a seq of that side. */
export async function pageTicketMessages(
  db: Database,
  side: Side,
  ticketId: string,
  beforeSeq: number | undefined,
  limit: number,
): Promise<TicketMessagesTable[]> {
  const seq = `${side}_seq` as const;
  let query = db.selectFrom('ticket_messages').selectAll().where('ticket_id', '=', ticketId).where(seq, 'is not', null);
  if (beforeSeq !== undefined) query = query.where(seq, '<', beforeSeq);
  return (await query.orderBy(seq, 'desc').limit(limit).execute()).toReversed();
}

/** The last message that a side sees in each of these tickets, in one statement. */
export async function lastTicketMessages(db: Database, side: Side, ticketIds: readonly string[]): Promise<TicketMessagesTable[]> {
  if (ticketIds.length === 0) return [];
  return db
    .selectFrom('streams as s')
    .innerJoin('ticket_messages as m', (join) =>
      join
        .on('m.ticket_id', '=', sql<string>`substr(s.id, ${sql.lit(STREAM_PREFIX[side].length + 2)})`)
        .onRef(`m.${side}_seq`, '=', 's.seq'),
    )
    .selectAll('m')
    .where(
      's.id',
      'in',
      ticketIds.map((id) => ticketStream(side, id)),
    )
    .execute();
}

/** Tickets that still hold something that a person wrote, at most `limit`. */
export async function findTicketsToErase(db: Database, userId: string, limit: number): Promise<string[]> {
  const owned = db.selectFrom('tickets').select('id').where('owner_id', '=', userId).where('subject', '!=', '');
  const written = db
    .selectFrom('ticket_messages')
    .select('ticket_id as id')
    .where('sender_id', '=', userId)
    .where((eb) => eb.or([eb('message', '!=', ''), eb('sender_name', '!=', ''), eb('attachments', '!=', '[]')]));
  const rows = await owned.union(written).limit(limit).execute();
  return rows.map(({ id }) => id);
}

/** Empties what a person wrote in a ticket. */
export async function emptyMessagesOf(db: Database, ticketId: string, userId: string): Promise<void> {
  await db
    .updateTable('ticket_messages')
    .set({ message: '', attachments: '[]', sender_name: '' })
    .where('ticket_id', '=', ticketId)
    .where('sender_id', '=', userId)
    .execute();
}
