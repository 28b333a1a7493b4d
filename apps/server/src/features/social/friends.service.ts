import { Inject, Injectable } from '@nestjs/common';
import { isUuid } from '@majlis/contract';
import { v7 as uuidv7 } from 'uuid';
import { Failure, invalid } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import type { WriteTransaction } from '../../log/write-transaction.ts';
import type { FriendshipsTable } from '../../storage/schema.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { NotificationsService } from '../notifications/notifications.service.ts';
import { BlocksService } from '../users/blocks.service.ts';
import { UserDirectory } from '../users/user-directory.ts';
import type { UserRecord } from '../users/user-record.ts';
import { userStream } from '../users/user-stream.ts';
import { acceptFriendship, findFriendship, findFriendshipOf, insertFriendship } from './people.repository.ts';
import { socialNotice } from './social-notices.ts';
import { FRIENDSHIP_CHANGED, socialStream, type FriendshipChanged } from './social-stream.ts';

/** A request, or the friendship that it became. Times are milliseconds. */
export interface FriendRequestRecord {
  id: string;
  fromUserId: string;
  toUserId: string;
  createdAt: number;
  /** Null while it is a request. */
  acceptedAt: number | null;
}

/** Friendships: two people have at most one between them, whoever asked. */
@Injectable()
export class FriendsService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;
  readonly #blocks: BlocksService;
  readonly #notifications: NotificationsService;

  constructor(
    @Inject(STORAGE) storage: Storage,
    queue: WriteQueue,
    users: UserDirectory,
    blocks: BlocksService,
    notifications: NotificationsService,
  ) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
    this.#blocks = blocks;
    this.#notifications = notifications;
  }

  /**
   * Asks somebody for friendship. Asking again changes nothing; where that one has asked already, both want it and it is accepted.
   * @returns the one request of the two, and whether it was made now @throws Failure NOT_FOUND, INVALID_DATA (oneself), FORBIDDEN (blocked), UNAVAILABLE
   */
  async request(from: UserRecord, toUserId: string): Promise<{ request: FriendRequestRecord; created: boolean }> {
    if (toUserId === from.id) throw invalid('user_id', 'nobody befriends themselves');
    const to = await this.#users.person(toUserId, 'user_id');
    await this.#blocks.requireNotBlocked(from.id, toUserId);
    const pair = JSON.stringify([from.id, toUserId].toSorted());
    return this.#queue.run(streamsOf(from.id, toUserId), async (tx) => {
      const row = { id: uuidv7(), pair, from_user_id: from.id, to_user_id: toUserId, created_at: tx.now, accepted_at: null };
      if (await insertFriendship(tx.db, row)) {
        await this.#notifications.raise(tx, socialNotice('friend_request', { to, by: from }, { request_id: row.id }));
        return { request: recordOf(row), created: true };
      }
      const before = (await findFriendshipOf(tx.db, pair))!;
      const request = before.to_user_id === from.id ? await this.#accept(tx, before, from, to) : recordOf(before);
      return { request, created: false };
    });
  }

  /** Accepts a request: the one who was asked. Again changes nothing. @throws Failure NOT_FOUND, FORBIDDEN, UNAVAILABLE */
  async accept(user: UserRecord, requestId: string): Promise<FriendRequestRecord> {
    const found = isUuid(requestId) ? await findFriendship(this.#storage.db, requestId) : undefined;
    if (!found) throw new Failure('NOT_FOUND', { field: 'id', problem: 'no such request' });
    if (found.to_user_id !== user.id) throw new Failure('FORBIDDEN');
    await this.#blocks.requireNotBlocked(user.id, found.from_user_id);
    const asking = await this.#users.load(found.from_user_id);
    return this.#queue.run(streamsOf(found.from_user_id, user.id), (tx) => this.#accept(tx, found, user, asking!));
  }

  async #accept(tx: WriteTransaction, request: FriendshipsTable, by: UserRecord, to: UserRecord): Promise<FriendRequestRecord> {
    const accepted = await acceptFriendship(tx.db, request.id, tx.now);
    if (!accepted) {
      const current = await findFriendship(tx.db, request.id);
      if (!current) throw new Failure('NOT_FOUND', { field: 'id', problem: 'no such request' });
      return recordOf(current);
    }
    // Each is told where they are.
    tx.append(socialStream(to.id), FRIENDSHIP_CHANGED, { userId: by.id } satisfies FriendshipChanged);
    tx.append(socialStream(by.id), FRIENDSHIP_CHANGED, { userId: to.id } satisfies FriendshipChanged);
    await this.#notifications.raise(tx, socialNotice('friend_accepted', { to, by }, { request_id: request.id }));
    return recordOf(accepted);
  }
}

/** The locks of both, so that two who ask each other at once do not pass each other by. */
const streamsOf = (...userIds: string[]) => userIds.flatMap((id) => [userStream(id), socialStream(id)]);

function recordOf(row: FriendshipsTable): FriendRequestRecord {
  return {
    id: row.id,
    fromUserId: row.from_user_id,
    toUserId: row.to_user_id,
    createdAt: row.created_at,
    acceptedAt: row.accepted_at,
  };
}
