import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { insertAuditEntry, pageAuditEntries, type AuditFilter } from './audit.repository.ts';

/** Who did it: a signed-in administrator, or an API key. */
export interface Actor {
  readonly kind: 'user' | 'key';
  readonly id: string;
}

/** Something that was done to the server or to somebody. */
export interface ControlAction {
  readonly actor: Actor;
  /** Subject and verb: `user.disconnect`. */
  readonly action: string;
  /** To whom or what. */
  readonly subject?: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A control action as it was recorded. Times are milliseconds. */
export interface AuditRecord extends Required<ControlAction> {
  id: string;
  createdAt: number;
}

/** Who did what. What is controlled is recorded before it is done or in the very transaction that does it, so nothing is done unseen. */
@Injectable()
export class AuditService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue) {
    this.#storage = storage;
    this.#queue = queue;
  }

  /** Records an action in the transaction that does it. */
  async record(tx: WriteTransaction, { actor, action, subject = null, details = {} }: ControlAction): Promise<void> {
    await insertAuditEntry(tx.db, {
      id: uuidv7(),
      actor_kind: actor.kind,
      actor_id: actor.id,
      action,
      subject,
      details: JSON.stringify(details),
      created_at: tx.now,
    });
  }

  /** Records an action that is none of the store's; resolves when that is durable. @returns when, in milliseconds */
  recordAlone(action: ControlAction): Promise<number> {
    return this.#queue.run([], async (tx) => {
      await this.record(tx, action);
      return tx.now;
    });
  }

  /** A page of entries, the latest first; `before` is the last one's id of the page before. */
  async list(filter: AuditFilter, before: string | undefined, limit: number): Promise<{ entries: AuditRecord[]; end: string | undefined }> {
    const found = await pageAuditEntries(this.#storage.db, filter, before, limit + 1);
    const entries = found.slice(0, limit).map((row) => ({
      id: row.id,
      actor: { kind: row.actor_kind, id: row.actor_id },
      action: row.action,
      subject: row.subject,
      details: JSON.parse(row.details) as Record<string, unknown>,
      createdAt: row.created_at,
    }));
    return { entries, end: found.length > limit ? entries.at(-1)?.id : undefined };
  }
}
