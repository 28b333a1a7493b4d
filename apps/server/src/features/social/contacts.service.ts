import { Inject, Injectable } from '@nestjs/common';
import { Follower } from '../../log/follower.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { findContacts } from './people.repository.ts';
import { FOLLOW_CHANGED, FRIENDSHIP_CHANGED, SOCIAL_PREFIX, ownerOf, type FollowChanged, type FriendshipChanged } from './social-stream.ts';

// Each is bound four times; far below what either engine binds in one statement.
const READ_AT_ONCE = 1_000;

/** Who is tied to whom by a friendship or a follow, in either direction. */
@Injectable()
export class ContactsService {
  readonly #storage: Storage;
  readonly #listeners: ((one: string, other: string) => void)[] = [];

  constructor(@Inject(STORAGE) storage: Storage, follower: Follower) {
    this.#storage = storage;
    follower.onEntry(({ stream, kind, data }) => {
      if (!stream.startsWith(`${SOCIAL_PREFIX}:`) || (kind !== FOLLOW_CHANGED && kind !== FRIENDSHIP_CHANGED)) return;
      const { userId } = data as FollowChanged | FriendshipChanged;
      for (const listener of this.#listeners) listener(ownerOf(stream), userId);
    });
  }

  /** The contacts of each of these users; who has none is missing. */
  async of(userIds: readonly string[]): Promise<Map<string, Set<string>>> {
    const contacts = new Map<string, Set<string>>();
    for (let i = 0; i < userIds.length; i += READ_AT_ONCE) {
      for (const { owner, contact } of await findContacts(this.#storage.db, userIds.slice(i, i + READ_AT_ONCE))) {
        const known = contacts.get(owner);
        if (known) known.add(contact);
        else contacts.set(owner, new Set([contact]));
      }
    }
    return contacts;
  }

  /** Calls `listener` with two users whose tie was made or ended, on any node. Must not throw. */
  onChange(listener: (one: string, other: string) => void): void {
    this.#listeners.push(listener);
  }
}
