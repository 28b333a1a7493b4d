import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Follower } from '../../log/follower.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { Contacts, type ContactSource, type Ties } from '../presence/contacts.ts';
import { findTies } from './people.repository.ts';
import { FOLLOW_CHANGED, FRIENDSHIP_CHANGED, SOCIAL_PREFIX, ownerOf, type FollowChanged, type FriendshipChanged } from './social-stream.ts';

/** Friends are in contact, and so is who follows with whom they follow. */
@Injectable()
export class SocialContacts implements OnModuleInit, ContactSource {
  constructor(
    private readonly contacts: Contacts,
    private readonly follower: Follower,
    @Inject(STORAGE) private readonly storage: Storage,
  ) {}

  onModuleInit(): void {
    this.contacts.register(this);
    this.follower.onEntry(({ stream, kind, data }) => {
      if (kind !== FOLLOW_CHANGED && kind !== FRIENDSHIP_CHANGED) return;
      this.contacts.changed((data as FollowChanged | FriendshipChanged).userId);
      // A follow is the follower's tie; a friendship is one of both.
      if (kind === FRIENDSHIP_CHANGED) this.contacts.changed(ownerOf(stream));
    }, SOCIAL_PREFIX);
  }

  async tiesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, Ties>> {
    const ties = new Map<string, { users: string[] }>();
    for (const { user_id: userId, other_id: otherId } of await findTies(this.storage.db, userIds)) {
      const of = ties.get(userId);
      if (of) of.users.push(otherId);
      else ties.set(userId, { users: [otherId] });
    }
    return ties;
  }
}
