import { Inject, Injectable } from '@nestjs/common';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { UserDirectory } from './user-directory.ts';
import { isActive, isStaff, type UserRecord } from './user-record.ts';
import { findStaffIds } from './users.repository.ts';

// Free of the clock, as `findStaffIds` is: no change tells of the end of a block.
const belongs = (user: UserRecord | undefined) => user !== undefined && !user.disabled && !user.erased && isStaff(user);

/** Who is staff, in memory. Forgotten when the log says that one of them changed, or that somebody became one. */
@Injectable()
export class StaffDirectory {
  readonly #storage: Storage;
  readonly #users: UserDirectory;
  readonly #listeners: (() => void)[] = [];
  #staff: ReadonlySet<string> | undefined;
  #loading: Promise<void> | undefined;
  /** Who changed while the staff were being read: nobody knows which of the two states was read. */
  readonly #changedMeanwhile = new Set<string>();

  /** Of people who changed and were no staff before: whether they are now. */
  readonly #checks = new Set<Promise<void>>();

  constructor(@Inject(STORAGE) storage: Storage, users: UserDirectory) {
    this.#storage = storage;
    this.#users = users;
    users.onChange((userId) => this.#changed(userId));
  }

  /** The ids of all staff, where memory knows them. */
  known(): ReadonlySet<string> | undefined {
    return this.#staff;
  }

  /** Loads into memory who is staff, by all changes that the log has told of so far. */
  async load(): Promise<void> {
    if (this.#checks.size > 0) await Promise.all(this.#checks);
    if (this.#staff) return;
    await (this.#loading ??= this.#read().finally(() => (this.#loading = undefined)));
  }

  /** Whether the store says, now, that the user is staff. */
  async has(userId: string): Promise<boolean> {
    const user = await this.#users.load(userId);
    return user !== undefined && isActive(user) && isStaff(user);
  }

  /** Calls `listener` when others are staff than before, or may be. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async #read(): Promise<void> {
    this.#changedMeanwhile.clear();
    const staff = new Set(await findStaffIds(this.#storage.db));
    while (this.#changedMeanwhile.size > 0) {
      const changed = [...this.#changedMeanwhile];
      this.#changedMeanwhile.clear();
      const users = await this.#users.loadMany(changed);
      for (const id of changed) {
        if (belongs(users.get(id))) staff.add(id);
        else staff.delete(id);
      }
    }
    this.#staff = staff;
  }

  #changed(userId: string): void {
    if (this.#loading) this.#changedMeanwhile.add(userId);
    if (!this.#staff) return;
    if (this.#staff.has(userId)) return this.#forget();
    // Most who change are no staff; only who became one matters.
    const check = this.#users
      .load(userId)
      .then(belongs, () => true)
      .then((isOne) => {
        this.#checks.delete(check);
        if (isOne) this.#forget();
      });
    this.#checks.add(check);
  }

  #forget(): void {
    this.#staff = undefined;
    for (const listener of this.#listeners) listener();
  }
}
