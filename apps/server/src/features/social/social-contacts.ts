import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Follower } from '../../log/follower.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { Contacts, type ContactSource, type Ties } from '../presence/contacts.ts';
import { findTies } from './people.repository.ts';
import { FOLLOWING_CHANGED, FRIENDSHIP_CHANGED, SOCIAL_PREFIX, ownerOf } from './social-stream.ts';

/** The kinds of entries after which the stream's user has other ties. A follow is the follower's; it counts both ways. */
const CHANGES_TIES: ReadonlySet<string> = new Set([FOLLOWING_CHANGED, FRIENDSHIP_CHANGED]);

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
    this.follower.onEntry(({ stream, kind }) => {
      if (CHANGES_TIES.has(kind)) this.contacts.changed(ownerOf(stream));
    }, SOCIAL_PREFIX);
  }

  async tiesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, Ties>> {
    const rows = Map.groupBy(await findTies(this.storage.db, userIds), (row) => row.user_id);
    return new Map([...rows].map(([userId, of]) => [userId, { users: of.map((row) => row.other_id) }]));
  }
}
