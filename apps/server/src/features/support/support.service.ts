import { Inject, Injectable } from '@nestjs/common';
import type { allawzi } from '@majlis/contract';
import { isDeepStrictEqual } from 'node:util';
import { v7 as uuidv7 } from 'uuid';
import { Failure, invalid } from '../../errors.ts';
import { forgetEntries, streamsSince } from '../../log/stream-log.repository.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import type { TicketMessagesTable, TicketsTable } from '../../storage/schema.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Database, Storage } from '../../storage/storage.ts';
import { StaffDirectory } from '../users/staff-directory.ts';
import { UserDirectory } from '../users/user-directory.ts';
import type { UserRecord } from '../users/user-record.ts';
import { TicketDirectory } from './ticket-directory.ts';
import { TICKET_CHANGED, TICKET_MESSAGE, type SupportMessageRecord, type TicketRecord } from './ticket-record.ts';
import { SIDES, STREAM_PREFIX, ticketStream, ticketStreams, type Side } from './ticket-streams.ts';
import {
  emptyMessagesOf,
  findFollowed,
  findSent,
  findTicket,
  findTicketsToErase,
  insertTicket,
  insertTicketMessage,
  lastTicketMessages,
  messageRecord,
  pageTicketMessages,
  pageTickets,
  ticketRecord,
  ticketVersions,
  updateTicket,
  type TicketFilter,
  type TicketPosition,
  type TicketRow,
} from './tickets.repository.ts';

/** A ticket as its reader's side sees it, with the version of that side's stream in the same snapshot. */
export interface TicketView {
  ticket: TicketRecord;
  version: number;
  lastMessage: SupportMessageRecord | null;
}

/** A page of tickets. */
export interface TicketPage {
  tickets: TicketView[];
  /** Where it ends, if there is more. */
  end: TicketPosition | undefined;
}

/** A page of messages, ascending, with the version of the side's stream in the same snapshot. */
export interface MessagePage {
  messages: SupportMessageRecord[];
  version: number;
  hasMore: boolean;
}

const FOLLOWED = 1_000;
const IS_DONE: ReadonlySet<TicketsTable['status']> = new Set(['resolved', 'closed']);

/**
 * Support tickets. Whoever owns a ticket is on the owner's side of it, whatever role they have, so that nobody reads the notes on their
 * own; all other staff are the other side, and read and are counted together.
 */
@Injectable()
export class SupportService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #directory: TicketDirectory;
  readonly #users: UserDirectory;
  readonly #staff: StaffDirectory;

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    directory: TicketDirectory,
    users: UserDirectory,
    staff: StaffDirectory,
  ) {
    this.#storage = storage;
    this.#queue = queue;
    this.#directory = directory;
    this.#users = users;
    this.#staff = staff;
  }

  /** On which side of a ticket a user is, by what the store says now. @throws Failure NOT_FOUND, FORBIDDEN */
  async sideOf(userId: string, ticketId: string): Promise<Side> {
    const ownerId = await this.#directory.ownerOf(ticketId);
    if (ownerId === userId) return 'owner';
    if (await this.#staff.has(userId)) return 'staff';
    throw new Failure('FORBIDDEN');
  }

  /** The streams that a user may follow: of one's own tickets, and for staff of all that are not closed; the latest changed thousand of each. */
  async streamsOf(userId: string): Promise<string[]> {
    const tickets = await findFollowed(this.#storage.db, userId, await this.#staff.has(userId), FOLLOWED);
    return tickets.map(({ id, owner_id }) => ticketStream(owner_id === userId ? 'owner' : 'staff', id));
  }

  /** Whether a user is on the staff's side of tickets, by what the store says now. */
  isStaff(userId: string): Promise<boolean> {
    return this.#staff.has(userId);
  }

  /** The versions of the owner's streams of people's tickets, by person. */
  async ownerVersions(ownerIds: readonly string[]): Promise<Map<string, Map<string, number>>> {
    const rows = Map.groupBy(await ticketVersions(this.#storage.db, 'owner', ownerIds), ({ owner_id }) => owner_id);
    return new Map(Array.from(rows, ([ownerId, tickets]) => [ownerId, versionsOf('owner', tickets)]));
  }

  /** The versions of the staff's streams: of all tickets, or of those that changed after `since` (ms). */
  async staffVersions(since?: number): Promise<Map<string, number>> {
    if (since !== undefined) return streamsSince(this.#storage.db, STREAM_PREFIX.staff, since);
    return versionsOf('staff', await ticketVersions(this.#storage.db, 'staff'));
  }

  /** Makes a ticket with its first message. @throws Failure UNAVAILABLE */
  async create(owner: UserRecord, draft: allawzi.CreateTicket): Promise<TicketView> {
    const id = uuidv7();
    this.#directory.learn(id, owner.id);
    await this.#write(ticketStreams(id), async (tx) => {
      await insertTicket(tx.db, {
        id,
        subject: draft.subject,
        status: 'open',
        priority: draft.priority,
        owner_id: owner.id,
        assignee_id: null,
        owner_unread: 0,
        staff_unread: 1,
        created_at: tx.now,
        updated_at: tx.now,
        first_response_at: null,
        resolved_at: null,
      });
      await appendChange(tx, id, SIDES);
      await appendMessage(tx, id, owner, { ...draft, isInternal: false });
    });
    return this.get(owner.id, id);
  }

  /** A page of one's own tickets, for staff of everybody's; the latest change first. */
  async list(
    userId: string,
    filter: Omit<TicketFilter, 'ownerId'>,
    before: TicketPosition | undefined,
    limit: number,
  ): Promise<TicketPage> {
    const ownerId = (await this.#staff.has(userId)) ? undefined : userId;
    return this.#storage.snapshot(async (db) => {
      const found = await pageTickets(db, { ...filter, ownerId }, before, limit + 1);
      const rows = found.slice(0, limit);
      const last = found.length > rows.length ? rows.at(-1) : undefined;
      return { tickets: await views(db, rows, userId), end: last && { updatedAt: last.updated_at, id: last.id } };
    });
  }

  /** A ticket. @throws Failure NOT_FOUND, FORBIDDEN */
  async get(userId: string, ticketId: string): Promise<TicketView> {
    await this.sideOf(userId, ticketId);
    const [view] = await this.#storage.snapshot(async (db) => views(db, [(await findTicket(db, ticketId))!], userId));
    return view!;
  }

  /** Changes a ticket: staff. Where nothing becomes another, nothing happens. @throws Failure NOT_FOUND, FORBIDDEN, INVALID_DATA */
  async change(userId: string, ticketId: string, { status, priority, assigneeId }: allawzi.PatchTicket): Promise<TicketView> {
    await this.#directory.ownerOf(ticketId);
    if (!(await this.#staff.has(userId))) throw new Failure('FORBIDDEN');
    if (assigneeId && !(await this.#staff.has(assigneeId))) throw invalid('assigneeId', 'must be a member of the staff');
    await this.#write(ticketStreams(ticketId), async (tx) => {
      const row = (await findTicket(tx.db, ticketId))!;
      const wanted = {
        status: status ?? row.status,
        priority: priority ?? row.priority,
        assignee_id: assigneeId === undefined ? row.assignee_id : assigneeId,
      };
      if (wanted.status === row.status && wanted.priority === row.priority && wanted.assignee_id === row.assignee_id) return;
      const resolvedAt = IS_DONE.has(wanted.status) ? (row.resolved_at ?? tx.now) : null;
      await updateTicket(tx.db, ticketId, { ...wanted, resolved_at: resolvedAt, updated_at: tx.now });
      await appendChange(tx, ticketId, SIDES);
    });
    return this.get(userId, ticketId);
  }

  /**
   * Says something in a ticket, or notes it where the owner cannot see. A repeated `clientMessageId` stores nothing and gives the first.
   * What the owner writes opens a resolved ticket again.
   * @throws Failure NOT_FOUND, FORBIDDEN (a stranger, or a note by the owner), CONFLICT (a closed ticket, or another message under that id)
   */
  async send(
    userId: string,
    ticketId: string,
    draft: allawzi.SupportMessageDraft,
  ): Promise<{ message: SupportMessageRecord; repeated: boolean }> {
    const side = await this.sideOf(userId, ticketId);
    const sender = await this.#users.load(userId);
    if (!sender || (draft.isInternal && side === 'owner')) throw new Failure('FORBIDDEN');
    return this.#write(ticketStreams(ticketId), async (tx) => {
      const { clientMessageId } = draft;
      const before = clientMessageId ? await findSent(tx.db, ticketId, userId, clientMessageId) : undefined;
      if (before) return { message: messageRecord(sameMessage(before, draft), side), repeated: true };
      const row = (await findTicket(tx.db, ticketId))!;
      if (row.status === 'closed' && !draft.isInternal) throw new Failure('CONFLICT', { field: 'status', problem: 'the ticket is closed' });
      const message = await appendMessage(tx, ticketId, sender, draft);
      if (!draft.isInternal) await this.#afterMessage(tx, row, side);
      return { message: messageRecord(message, side), repeated: false };
    });
  }

  /** The newest messages of a ticket, ascending, from before a seq. @throws Failure NOT_FOUND, FORBIDDEN */
  async messages(userId: string, ticketId: string, page: { beforeSeq?: number | undefined; limit: number }): Promise<MessagePage> {
    const side = await this.sideOf(userId, ticketId);
    return this.#storage.snapshot(async (db) => {
      const rows = await pageTicketMessages(db, side, ticketId, page.beforeSeq, page.limit + 1);
      const hasMore = rows.length > page.limit;
      const version = (await findTicket(db, ticketId))![`${side}_version`];
      return { messages: rows.slice(hasMore ? 1 : 0).map((row) => messageRecord(row, side)), version, hasMore };
    });
  }

  /** One's own side has read everything in a ticket. @returns when, in milliseconds @throws Failure NOT_FOUND, FORBIDDEN */
  async read(userId: string, ticketId: string): Promise<number> {
    const side = await this.sideOf(userId, ticketId);
    return this.#write(ticketStreams(ticketId), async (tx) => {
      const row = (await findTicket(tx.db, ticketId))!;
      if (row[`${side}_unread`] === 0) return tx.now;
      await updateTicket(tx.db, ticketId, { [`${side}_unread`]: 0 });
      await appendChange(tx, ticketId, [side]);
      return tx.now;
    });
  }

  /** Empties what a person wrote in tickets, and the logs that carried it. */
  async erase(userId: string): Promise<void> {
    // In portions, so that no commit holds up everybody else's.
    const PORTION = 20;
    for (;;) {
      const ids = await findTicketsToErase(this.#storage.db, userId, PORTION);
      if (ids.length === 0) return;
      await this.#write(ids.flatMap(ticketStreams), async (tx) => {
        for (const id of ids) {
          await emptyMessagesOf(tx.db, id, userId);
          if ((await findTicket(tx.db, id))?.owner_id === userId) await updateTicket(tx.db, id, { subject: '' });
          for (const stream of ticketStreams(id)) await forgetEntries(tx.db, stream);
          await appendChange(tx, id, SIDES);
        }
      });
    }
  }

  // With the staff in memory, what is written is given to the sockets before its writer is answered.
  async #write<T>(streams: readonly string[], work: (tx: WriteTransaction) => Promise<T>): Promise<T> {
    await this.#staff.load();
    return this.#queue.run(streams, work);
  }

  async #afterMessage(tx: WriteTransaction, row: TicketRow, side: Side): Promise<void> {
    const reopens = side === 'owner' && row.status === 'resolved';
    const responds = side === 'staff' && row.first_response_at === null;
    await updateTicket(tx.db, row.id, {
      updated_at: tx.now,
      ...(side === 'owner' ? { staff_unread: row.staff_unread + 1 } : { owner_unread: row.owner_unread + 1 }),
      ...(reopens && { status: 'open', resolved_at: null }),
      ...(responds && { first_response_at: tx.now }),
    });
    // What a message says of its ticket by itself needs no word of its own.
    if (reopens || responds) await appendChange(tx, row.id, SIDES);
  }
}

/** Appends the ticket, as each of `sides` sees it now, to the stream of that side. */
async function appendChange(tx: WriteTransaction, ticketId: string, sides: readonly Side[]): Promise<void> {
  const row = (await findTicket(tx.db, ticketId))!;
  for (const side of sides) {
    const stream = ticketStream(side, ticketId);
    tx.append(stream, TICKET_CHANGED, { ...ticketRecord(row, side), lastSeq: tx.stream(stream).seq } satisfies TicketRecord);
  }
}

type Said = Pick<allawzi.SupportMessageDraft, 'message' | 'attachments' | 'isInternal' | 'clientMessageId'>;

/** Stores a message and appends it to the streams of those sides that see it. */
async function appendMessage(tx: WriteTransaction, ticketId: string, sender: UserRecord, said: Said): Promise<TicketMessagesTable> {
  const place = (side: Side) => {
    const stream = ticketStream(side, ticketId);
    return { seq: tx.nextSeq(stream), version: tx.stream(stream).version + 1 };
  };
  const staff = place('staff');
  const owner = said.isInternal ? null : place('owner');
  const row: TicketMessagesTable = {
    id: uuidv7(),
    ticket_id: ticketId,
    owner_seq: owner && owner.seq,
    owner_version: owner && owner.version,
    staff_seq: staff.seq,
    staff_version: staff.version,
    sender_id: sender.id,
    sender_name: sender.name,
    sender_role: sender.role,
    message: said.message,
    attachments: JSON.stringify(said.attachments),
    client_message_id: said.clientMessageId ?? null,
    created_at: tx.now,
  };
  await insertTicketMessage(tx.db, row);
  tx.append(ticketStream('staff', ticketId), TICKET_MESSAGE, messageRecord(row, 'staff'));
  if (owner) tx.append(ticketStream('owner', ticketId), TICKET_MESSAGE, messageRecord(row, 'owner'));
  return row;
}

/** The message that was sent before, where it is the same as this one. @throws Failure CONFLICT */
function sameMessage(before: TicketMessagesTable, { message, attachments, isInternal }: allawzi.SupportMessageDraft): TicketMessagesTable {
  const same =
    before.message === message &&
    (before.owner_seq === null) === isInternal &&
    isDeepStrictEqual(JSON.parse(before.attachments), attachments);
  if (!same) throw new Failure('CONFLICT', { field: 'clientMessageId', problem: 'was used for another message' });
  return before;
}

/** The rows as a user's side of each sees them: two statements however many tickets. */
async function views(db: Database, rows: readonly TicketRow[], userId: string): Promise<TicketView[]> {
  const sideOf = (row: TicketRow): Side => (row.owner_id === userId ? 'owner' : 'staff');
  const last = new Map<string, SupportMessageRecord>();
  for (const side of SIDES) {
    const ids = rows.filter((row) => sideOf(row) === side).map(({ id }) => id);
    for (const message of await lastTicketMessages(db, side, ids)) last.set(message.ticket_id, messageRecord(message, side));
  }
  return rows.map((row) => {
    const side = sideOf(row);
    return { ticket: ticketRecord(row, side), version: row[`${side}_version`], lastMessage: last.get(row.id) ?? null };
  });
}

function versionsOf(side: Side, tickets: readonly { id: string; version: number }[]): Map<string, number> {
  return new Map(tickets.map(({ id, version }) => [ticketStream(side, id), version]));
}
