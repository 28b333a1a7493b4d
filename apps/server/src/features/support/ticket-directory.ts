import { Inject, Injectable } from '@nestjs/common';
import { isUuid } from '@majlis/contract';
import { LRUCache } from 'lru-cache';
import { Failure } from '../../errors.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { findOwner } from './tickets.repository.ts';

const KEPT = 100_000;

/** Whose each ticket is, in memory. That never changes, so nothing is ever dropped for being old. */
@Injectable()
export class TicketDirectory {
  readonly #storage: Storage;
  readonly #owners = new LRUCache<string, string>({ max: KEPT });

  constructor(@Inject(STORAGE) storage: Storage) {
    this.#storage = storage;
  }

  /** The owner of a ticket, where memory knows it. */
  known(ticketId: string): string | undefined {
    return this.#owners.get(ticketId);
  }

  /** Notes whose a ticket will be that is about to be made. */
  learn(ticketId: string, ownerId: string): void {
    this.#owners.set(ticketId, ownerId);
  }

  /** The owner of a ticket. @throws Failure NOT_FOUND */
  async ownerOf(ticketId: string): Promise<string> {
    const owner = this.#owners.get(ticketId) ?? (isUuid(ticketId) ? await findOwner(this.#storage.db, ticketId) : undefined);
    if (owner === undefined) throw new Failure('NOT_FOUND', { field: 'ticketId', problem: 'no ticket has this id' });
    this.#owners.set(ticketId, owner);
    return owner;
  }
}
