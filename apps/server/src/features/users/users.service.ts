import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { v2 } from '@majlis/contract';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { hashPassword } from '../../auth/passwords.ts';
import { Failure } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import { LOGGER } from '../../logger.ts';
import type { Schema } from '../../storage/schema.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { AuditService, type Actor } from '../audit/audit.service.ts';
import { addErasure, erasuresUnderWay, removeErasure } from './erasures.repository.ts';
import type { PartOf, PersonPart } from './person-parts.repository.ts';
import { DIRECTORY_STREAM, USER_CHANGED } from './user-directory.ts';
import type { StoredProfile, UserDraft, UserRecord } from './user-record.ts';
import {
  emptyUser,
  endSignIns,
  findCredentials,
  findIdByEmail,
  findProfile,
  findUser,
  forgetDevices,
  hasActiveAdmin,
  hasUser,
  insertUser,
  searchUsers,
  updateUser,
  type ListPosition,
} from './users.repository.ts';

/** Removes what a feature knows of a person. It may run again after it ran, wholly or partly. */
export type Eraser = (userId: string) => Promise<void>;

// Who is erased is out of every node within 5 s, and what was asked for by then is stored or refused within 5 s more.
const ALL_ENDED_MS = 10_000;

@Injectable()
export class UsersService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #storage: Storage;
  readonly #writes: WriteQueue;
  readonly #audit: AuditService;
  readonly #logger: Logger;
  readonly #erasers: Eraser[] = [];
  readonly #parts: PersonPart[] = [];
  readonly #stopping = new AbortController();

  constructor(@Inject(STORAGE) storage: Storage, writes: WriteQueue, audit: AuditService, @Inject(LOGGER) logger: Logger) {
    this.#storage = storage;
    this.#writes = writes;
    this.#audit = audit;
    this.#logger = logger;
  }

  /** A feature that keeps anything of a person says here how it is removed; before the application has started. */
  registerEraser(eraser: Eraser): void {
    this.#erasers.push(eraser);
  }

  /** A feature that keeps anything of a person says here in which table, and the person can take it along; before the application has started. */
  registerPart<Table extends keyof Schema>(part: PartOf<Table>): void {
    this.#parts.push(part);
  }

  /** What features keep of a person. */
  get personParts(): readonly PersonPart[] {
    return this.#parts;
  }

  /** Makes or changes a user; what the body leaves out keeps its value. @throws Failure CONFLICT: the address is taken, or the person was erased */
  async put(id: string, { password, is_master: isMaster, ...fields }: v2.PutUser, actor?: Actor): Promise<UserRecord> {
    const passwordHash = password === undefined ? undefined : await hashPassword(password);
    return this.save(id, { ...fields, isMaster, passwordHash }, actor);
  }

  /** As `put`, in the server's own words. Where nothing changes, nothing is written. */
  save(id: string, draft: UserDraft, actor?: Actor): Promise<UserRecord> {
    return this.#writes.run([DIRECTORY_STREAM], async (tx) => {
      const existing = await findUser(tx.db, id);
      if (existing?.erased) throw new Failure('CONFLICT', { field: 'id', problem: 'belonged to a person who was erased' });
      if (existing && !changes(existing, draft)) return existing;
      if (draft.email) await this.#refuseTaken(tx.db, id, draft.email);
      if (existing) await updateUser(tx.db, id, draft, tx.now);
      else await insertUser(tx.db, id, draft, tx.now);
      if (draft.passwordHash !== undefined || draft.disabled === true) await endSignIns(tx.db, id);
      // What a customer's backend tells of its users is no control of anybody.
      if (actor?.kind === 'user') {
        const { role, disabled } = draft;
        const changed = Object.keys(draft).filter((key) => draft[key as keyof UserDraft] !== undefined);
        await this.#audit.record(tx, { actor, action: 'user.put', subject: id, details: { changed, role, disabled } });
      }
      tx.append(DIRECTORY_STREAM, USER_CHANGED, { userId: id });
      return (await findUser(tx.db, id))!;
    });
  }

  /**
   * Keeps a user out until a time (ms), on every node and after a restart, and ends the sign-ins; null lets the user in again.
   * @param tx has locked the directory's stream
   */
  async block(tx: WriteTransaction, id: string, until: number | null): Promise<void> {
    await updateUser(tx.db, id, { blockedUntil: until }, tx.now);
    if (until !== null) await endSignIns(tx.db, id);
    tx.append(DIRECTORY_STREAM, USER_CHANGED, { userId: id });
  }

  /** A user as others see one. @throws Failure NOT_FOUND, for an erased one too */
  async profile(id: string): Promise<StoredProfile> {
    const profile = await findProfile(this.#storage.db, id);
    if (!profile || profile.user.erased) throw new Failure('NOT_FOUND');
    return profile;
  }

  /** A page of users, and where it ends if there is more. */
  async search(
    query: string,
    after: ListPosition | undefined,
    limit: number,
  ): Promise<{ profiles: StoredProfile[]; end: ListPosition | undefined }> {
    const found = await searchUsers(this.#storage.db, { query, after, limit: limit + 1 });
    const page = found.slice(0, limit);
    return { profiles: page.map(({ profile }) => profile), end: found.length > limit ? page.at(-1)?.position : undefined };
  }

  /**
   * Erases a person: who it was is gone and signed out at once, and what features keep is gone when this resolves; what other nodes
   * let the person do until they heard of it goes a little later. What a crash interrupts is finished at the next start. Erasing again
   * finishes what failed.
   * @throws Failure NOT_FOUND where there never was such a user
   */
  async erase(actor: Actor, id: string): Promise<void> {
    await this.#writes.run([DIRECTORY_STREAM], async (tx) => {
      const user = await findUser(tx.db, id);
      if (!user) throw new Failure('NOT_FOUND');
      await addErasure(tx.db, id);
      await this.#audit.record(tx, { actor, action: 'user.erase', subject: id });
      if (user.erased) return;
      await emptyUser(tx.db, id, tx.now);
      await endSignIns(tx.db, id);
      await forgetDevices(tx.db, id);
      tx.append(DIRECTORY_STREAM, USER_CHANGED, { userId: id });
    });
    await this.#finishErasure(id);
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const id of await erasuresUnderWay(this.#storage.db)) {
      this.#finishErasure(id).catch((err: unknown) => this.#logUnfinished(id, err));
    }
  }

  onModuleDestroy(): void {
    this.#stopping.abort();
  }

  /** What a sign-in with an address is checked against; undefined where nobody has it. */
  credentials(email: string): Promise<{ id: string; passwordHash: string | null } | undefined> {
    return findCredentials(this.#storage.db, email);
  }

  /** Whether there is any user. */
  any(): Promise<boolean> {
    return hasUser(this.#storage.db);
  }

  /** Whether somebody can administer this server. */
  hasAdministrator(): Promise<boolean> {
    return hasActiveAdmin(this.#storage.db);
  }

  async #finishErasure(id: string): Promise<void> {
    await this.#eraseParts(id);
    void this.#eraseAgain(id);
  }

  async #eraseParts(id: string): Promise<void> {
    for (const erase of this.#erasers) await erase(id);
  }

  // What nodes that had not heard of it yet let the person do meanwhile goes as well.
  async #eraseAgain(id: string): Promise<void> {
    try {
      await delay(ALL_ENDED_MS, undefined, { ref: false, signal: this.#stopping.signal });
      await this.#eraseParts(id);
      await this.#writes.run([], (tx) => removeErasure(tx.db, id));
    } catch (err) {
      if (!this.#stopping.signal.aborted) this.#logUnfinished(id, err);
    }
  }

  #logUnfinished(userId: string, err: unknown): void {
    this.#logger.error({ err, userId }, 'An erasure cannot be finished; it is tried again at the next start');
  }

  async #refuseTaken(db: Storage['db'], id: string, email: string): Promise<void> {
    const owner = await findIdByEmail(db, email);
    if (owner !== undefined && owner !== id) throw new Failure('CONFLICT', { field: 'email', problem: 'belongs to another user' });
  }
}

const COMPARED = ['name', 'avatar', 'role', 'email', 'locale', 'isMaster', 'disabled'] as const;

function changes(existing: UserRecord, draft: UserDraft): boolean {
  return draft.passwordHash !== undefined || COMPARED.some((key) => draft[key] !== undefined && draft[key] !== existing[key]);
}
