import { Injectable } from '@nestjs/common';

/** What ties a user to others. */
export interface Ties {
  /** Names of groups in which everybody is everybody's contact, such as chats. */
  circles?: readonly string[];
  /** Users to whom this one is tied alone, such as friends and those whom the user follows; it counts both ways. */
  users?: readonly string[];
}

/** A feature that makes contacts. */
export interface ContactSource {
  /** The ties of many users at once, in one question to the store; who has none may be left out. */
  tiesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, Ties>>;
}

/** Some of the users that were asked about, and those who are in contact with all of them. */
export interface Acquaintance {
  /** Places in the list that was asked with. */
  subjects: readonly number[];
  receivers: Iterable<string>;
}

// Far below what either engine binds in one statement.
const LOADED_AT_ONCE = 500;

const add = <Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value) => {
  const set = map.get(key);
  if (set) set.add(value);
  else map.set(key, new Set([value]));
};

const remove = <Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value) => {
  const set = map.get(key);
  if (set?.delete(value) && set.size === 0) map.delete(key);
};

/**
 * Who is in contact with whom, of the users that this node has to do with now, in memory: their ties are read once for many users,
 * and who shares a tie is found without asking the store, however many members a chat has that are not connected.
 */
@Injectable()
export class Contacts {
  readonly #sources: ContactSource[] = [];
  readonly #ties = new Map<string, Required<Ties>>();
  readonly #inCircle = new Map<string, Set<string>>();
  /** By user, who has named that user in their ties. */
  readonly #tiedTo = new Map<string, Set<string>>();
  /** Users whose ties have changed since they were read. */
  readonly #stale = new Set<string>();
  /** Who got other ties while some were being read. */
  #changedMeanwhile = new Set<string>();

  /** Makes a source known; once, at start. */
  register(source: ContactSource): void {
    this.#sources.push(source);
  }

  /** A user's ties are others than before: they are read again when ties are next needed. */
  changed(userId: string): void {
    this.#changedMeanwhile.add(userId);
    if (this.#unlink(userId)) this.#stale.add(userId);
  }

  /** Reads the ties of those users whose ties are not known. One call after the other. @throws what the store throws */
  async load(userIds: Iterable<string>): Promise<void> {
    const missing = [...new Set([...userIds, ...this.#stale])].filter((id) => !this.#ties.has(id));
    for (let i = 0; i < missing.length; i += LOADED_AT_ONCE) await this.#read(missing.slice(i, i + LOADED_AT_ONCE));
  }

  /** Drops what is known of a user: nobody who is connected here. */
  forget(userId: string): void {
    this.#unlink(userId);
    this.#stale.delete(userId);
  }

  /** Who is in contact with these users, of those that are loaded. A user may be named several times, and as their own contact. */
  of(userIds: readonly string[]): Acquaintance[] {
    const circles = new Map<string, number[]>();
    const acquaintances: Acquaintance[] = [];
    userIds.forEach((userId, i) => {
      const ties = this.#ties.get(userId);
      for (const circle of ties?.circles ?? []) {
        const subjects = circles.get(circle);
        if (subjects) subjects.push(i);
        else circles.set(circle, [i]);
      }
      const receivers = [...(ties?.users ?? []), ...(this.#tiedTo.get(userId) ?? [])];
      if (receivers.length > 0) acquaintances.push({ subjects: [i], receivers });
    });
    for (const [circle, subjects] of circles) acquaintances.push({ subjects, receivers: this.#inCircle.get(circle) ?? [] });
    return acquaintances;
  }

  async #read(userIds: readonly string[]): Promise<void> {
    this.#changedMeanwhile.clear();
    const found = await Promise.all(this.#sources.map((source) => source.tiesOf(userIds)));
    for (const userId of userIds) {
      const ties = {
        circles: found.flatMap((of) => of.get(userId)?.circles ?? []),
        users: found.flatMap((of) => of.get(userId)?.users ?? []),
      };
      for (const circle of ties.circles) add(this.#inCircle, circle, userId);
      for (const other of ties.users) add(this.#tiedTo, other, userId);
      this.#ties.set(userId, ties);
      this.#stale.delete(userId);
    }
    // Nobody knows which of the two states was read.
    for (const userId of this.#changedMeanwhile) this.changed(userId);
  }

  /** @returns false where nothing was known of the user */
  #unlink(userId: string): boolean {
    const ties = this.#ties.get(userId);
    for (const circle of ties?.circles ?? []) remove(this.#inCircle, circle, userId);
    for (const other of ties?.users ?? []) remove(this.#tiedTo, other, userId);
    return this.#ties.delete(userId);
  }
}
