import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Failure, invalid } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { ReportsTable } from '../../storage/schema.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { AuditService, type Actor } from '../audit/audit.service.ts';
import type { MessageRecord } from '../chats/message-record.ts';
import { MessagesService } from '../chats/messages.service.ts';
import { UserDirectory } from '../users/user-directory.ts';
import {
  emptyReportsBy,
  findOpenReport,
  findReport,
  insertReport,
  pageOpenReports,
  pageResolvedReports,
  resolveReport,
} from './reports.repository.ts';

/** A report. Times are milliseconds. */
export interface ReportRecord {
  id: string;
  reporterId: string;
  userId: string;
  chatId: string | null;
  messageId: string | null;
  reason: string;
  createdAt: number;
  resolvedAt: number | null;
  resolvedBy: string | null;
  resolution: string | null;
}

const recordOf = (row: ReportsTable): ReportRecord => ({
  id: row.id,
  reporterId: row.reporter_id,
  userId: row.user_id,
  chatId: row.chat_id,
  messageId: row.message_id,
  reason: row.reason,
  createdAt: row.created_at,
  resolvedAt: row.resolved_at,
  resolvedBy: row.resolved_by,
  resolution: row.resolution,
});

/** What people report of others, and what administrators do about it. */
@Injectable()
export class ReportsService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;
  readonly #messages: MessagesService;
  readonly #audit: AuditService;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, users: UserDirectory, messages: MessagesService, audit: AuditService) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
    this.#messages = messages;
    this.#audit = audit;
  }

  /**
   * Reports a user, or a message that the reporter can see. Repeated while the first is open, that one is returned.
   * @throws Failure INVALID_DATA (oneself), NOT_FOUND, FORBIDDEN
   */
  async create(
    reporterId: string,
    { userId, messageId, reason }: { userId?: string | undefined; messageId?: string | undefined; reason: string },
  ): Promise<{ report: ReportRecord; created: boolean }> {
    const message = messageId === undefined ? undefined : await this.#messages.visible(reporterId, messageId);
    const reported = message?.senderId ?? userId!;
    if (reported === reporterId) throw invalid(message ? 'message_id' : 'user_id', 'is one’s own');
    if (!(await this.#users.load(reported))) throw new Failure('NOT_FOUND', { field: 'user_id' });
    return this.#queue.run([], async (tx) => {
      const subject = { reporter_id: reporterId, user_id: reported, message_id: message?.id ?? null };
      const before = await findOpenReport(tx.db, subject);
      if (before) return { report: recordOf(before), created: false };
      const row: ReportsTable = {
        ...subject,
        id: uuidv7(),
        chat_id: message?.chatId ?? null,
        reason,
        created_at: tx.now,
        resolved_at: null,
        resolved_by: null,
        resolution: null,
      };
      await insertReport(tx.db, row);
      return { report: recordOf(row), created: true };
    });
  }

  /** A page of the queue, or of what was resolved, each with its message as it is now; and where it ends if there is more. */
  async list(
    status: 'open' | 'resolved',
    from: string | undefined,
    limit: number,
  ): Promise<{ reports: { report: ReportRecord; message: MessageRecord | undefined }[]; end: string | undefined }> {
    const page = status === 'open' ? pageOpenReports : pageResolvedReports;
    const found = await page(this.#storage.db, from, limit + 1);
    const rows = found.slice(0, limit);
    const messages = await this.#messages.records(rows.flatMap(({ message_id }) => message_id ?? []));
    const reports = rows.map((row) => ({
      report: recordOf(row),
      message: row.message_id === null ? undefined : messages.get(row.message_id),
    }));
    return { reports, end: found.length > limit ? rows.at(-1)?.id : undefined };
  }

  /** Takes a report off the queue. @throws Failure NOT_FOUND, CONFLICT where it was resolved already */
  async resolve(actor: Actor, id: string, resolution: string): Promise<ReportRecord> {
    return this.#queue.run([], async (tx) => {
      const resolved = await resolveReport(tx.db, id, { resolved_at: tx.now, resolved_by: actor.id, resolution });
      const row = await findReport(tx.db, id);
      if (!row) throw new Failure('NOT_FOUND', { field: 'id' });
      if (!resolved) throw new Failure('CONFLICT', { field: 'id', problem: 'was resolved already' });
      const details = { resolution, userId: row.user_id, messageId: row.message_id };
      await this.#audit.record(tx, { actor, action: 'report.resolve', subject: id, details });
      return recordOf(row);
    });
  }

  /** Takes out what a person wrote in reports; that there was one stays. */
  async erase(userId: string): Promise<void> {
    await this.#queue.run([], (tx) => emptyReportsBy(tx.db, userId));
  }
}
