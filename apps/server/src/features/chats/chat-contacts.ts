import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Follower } from '../../log/follower.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { Contacts, type ContactSource, type Ties } from '../presence/contacts.ts';
import { USER_PREFIX, userOfStream } from '../users/user-stream.ts';
import { chatStream } from './chat-id.ts';
import { readChatIdsOf } from './chats.repository.ts';

/** The kinds of entries of a user's stream after which the user is in other chats. */
const CHANGES_CHATS: ReadonlySet<string> = new Set(['chat.added', 'chat.removed']);

/** Who shares a chat is in contact. */
@Injectable()
export class ChatContacts implements OnModuleInit, ContactSource {
  constructor(
    private readonly contacts: Contacts,
    private readonly follower: Follower,
    @Inject(STORAGE) private readonly storage: Storage,
  ) {}

  onModuleInit(): void {
    this.contacts.register(this);
    this.follower.onEntry(({ kind, stream }) => {
      if (CHANGES_CHATS.has(kind)) this.contacts.changed(userOfStream(stream));
    }, USER_PREFIX);
  }

  async tiesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, Ties>> {
    const rows = Map.groupBy(await readChatIdsOf(this.storage.db, userIds), (row) => row.user_id);
    return new Map([...rows].map(([userId, of]) => [userId, { circles: of.map((row) => chatStream(row.chat_id)) }]));
  }
}
