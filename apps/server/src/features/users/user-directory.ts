import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Failure } from '../../errors.ts';
import { Follower } from '../../log/follower.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import type { UserRecord } from './user-record.ts';
import { findUsers } from './users.repository.ts';

/** The internal stream that tells every node which user changed. */
export const DIRECTORY_STREAM = 'directory';
export const USER_CHANGED = 'user.changed';

const KEPT_USERS = 100_000;
// Far below what either engine binds in one statement.
const READ_AT_ONCE = 500;

interface Loading {
  id: string;
  promise: Promise<UserRecord | undefined>;
  resolve(user: UserRecord | undefined): void;
  reject(error: unknown): void;
}

/**
 * The users that this node has to do with, in memory. A user is dropped when the log says that it changed, so what is found here is
 * what the store says.
 */
@Injectable()
export class UserDirectory {
  readonly #storage: Storage;
  readonly #users = new LRUCache<string, UserRecord>({ max: KEPT_USERS });
  readonly #loading = new Map<string, Loading>();
  readonly #listeners: ((userId: string) => void)[] = [];
  #wanted: Loading[] = [];

  constructor(@Inject(STORAGE) storage: Storage, follower: Follower) {
    this.#storage = storage;
    follower.onEntry(({ kind, data }) => {
      if (kind === USER_CHANGED) this.#changed((data as { userId: string }).userId);
    }, DIRECTORY_STREAM);
  }

  /** The user, where it is in memory. Erased users are found too. */
  get(id: string): UserRecord | undefined {
    return this.#users.get(id);
  }

  /** The user, from memory or from the store; undefined where there is none. Whoever asks in the same moment shares one read. */
  load(id: string): Promise<UserRecord | undefined> {
    const user = this.#users.get(id);
    return user ? Promise.resolve(user) : this.#load(id);
  }

  /** A user who exists and is not erased. @param field that named them @throws Failure NOT_FOUND, or what the store throws */
  async person(id: string, field: string): Promise<UserRecord> {
    const user = await this.load(id);
    if (!user || user.erased) throw new Failure('NOT_FOUND', { field, problem: 'no such user' });
    return user;
  }

  /** Those of `ids` that exist. */
  async loadMany(ids: Iterable<string>): Promise<Map<string, UserRecord>> {
    const found = new Map<string, UserRecord>();
    const missing: Promise<UserRecord | undefined>[] = [];
    for (const id of new Set(ids)) {
      const user = this.#users.get(id);
      if (user) found.set(id, user);
      else missing.push(this.#load(id));
    }
    for (const user of await Promise.all(missing)) if (user) found.set(user.id, user);
    return found;
  }

  /** Calls `listener` after a user changed, in any way: `load` gives what it is now. Must not throw. */
  onChange(listener: (userId: string) => void): void {
    this.#listeners.push(listener);
  }

  #load(id: string): Promise<UserRecord | undefined> {
    let loading = this.#loading.get(id);
    if (!loading) {
      loading = { id, ...Promise.withResolvers<UserRecord | undefined>() };
      this.#loading.set(id, loading);
      if (this.#wanted.push(loading) === 1) setImmediate(() => this.#read());
    }
    return loading.promise;
  }

  #read(): void {
    const wanted = this.#wanted;
    this.#wanted = [];
    for (let i = 0; i < wanted.length; i += READ_AT_ONCE) void this.#readPart(wanted.slice(i, i + READ_AT_ONCE));
  }

  async #readPart(part: readonly Loading[]): Promise<void> {
    try {
      const users = await findUsers(
        this.#storage.db,
        part.map(({ id }) => id),
      );
      const found = new Map(users.map((user) => [user.id, user]));
      for (const loading of part) {
        const user = found.get(loading.id);
        // One that changed while it was read is not kept: nobody knows which of the two states was read.
        if (this.#done(loading) && user) this.#users.set(user.id, user);
        loading.resolve(user);
      }
    } catch (error) {
      for (const loading of part) {
        this.#done(loading);
        loading.reject(error);
      }
    }
  }

  /** @returns false where it was given up for a newer one */
  #done(loading: Loading): boolean {
    return this.#loading.get(loading.id) === loading && this.#loading.delete(loading.id);
  }

  #changed(userId: string): void {
    this.#users.delete(userId);
    this.#loading.delete(userId);
    for (const listener of this.#listeners) listener(userId);
  }
}
