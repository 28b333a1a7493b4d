import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Failure } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { StaffDirectory } from '../users/staff-directory.ts';
import { deleteCannedReply, insertCannedReply, pageCannedReplies, type CannedReplyPosition } from './canned-replies.repository.ts';

/** A ready-made answer. Times are milliseconds. */
export interface CannedReplyRecord {
  id: string;
  title: string;
  message: string;
  createdBy: string;
  createdAt: number;
}

/** Ready-made answers, which staff share. */
@Injectable()
export class CannedRepliesService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #staff: StaffDirectory;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, staff: StaffDirectory) {
    this.#storage = storage;
    this.#queue = queue;
    this.#staff = staff;
  }

  /** A page of them by title, and where it ends if there is more. @throws Failure FORBIDDEN */
  async list(
    userId: string,
    after: CannedReplyPosition | undefined,
    limit: number,
  ): Promise<{ replies: CannedReplyRecord[]; end: CannedReplyPosition | undefined }> {
    await this.#requireStaff(userId);
    const found = await pageCannedReplies(this.#storage.db, after, limit + 1);
    const rows = found.slice(0, limit);
    const last = found.length > rows.length ? rows.at(-1) : undefined;
    const replies = rows.map(({ id, title, message, created_by, created_at }) => ({
      id,
      title,
      message,
      createdBy: created_by,
      createdAt: created_at,
    }));
    return { replies, end: last && { title: last.title, id: last.id } };
  }

  /** Adds one. @throws Failure FORBIDDEN */
  async create(userId: string, { title, message }: Pick<CannedReplyRecord, 'title' | 'message'>): Promise<CannedReplyRecord> {
    await this.#requireStaff(userId);
    return this.#queue.run([], async (tx) => {
      const reply: CannedReplyRecord = { id: uuidv7(), title, message, createdBy: userId, createdAt: tx.now };
      await insertCannedReply(tx.db, { id: reply.id, title, message, created_by: userId, created_at: tx.now });
      return reply;
    });
  }

  /** Removes one. @throws Failure FORBIDDEN, NOT_FOUND */
  async remove(userId: string, id: string): Promise<void> {
    await this.#requireStaff(userId);
    if (!(await this.#queue.run([], (tx) => deleteCannedReply(tx.db, id)))) throw new Failure('NOT_FOUND', { field: 'id' });
  }

  async #requireStaff(userId: string): Promise<void> {
    if (!(await this.#staff.has(userId))) throw new Failure('FORBIDDEN');
  }
}
