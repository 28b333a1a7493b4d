import { Inject, Injectable } from '@nestjs/common';
import { Failure, invalid } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Database, Storage } from '../../storage/storage.ts';
import { blockersAmong, deleteBlock, deleteBlocksOf, hasBlock, insertBlock, pageBlocks } from './blocks.repository.ts';
import { DIRECTORY_STREAM, UserDirectory } from './user-directory.ts';

/** The kind of the directory's entries that tell every node that somebody was blocked, or is no more. */
export const USER_BLOCKED = 'user.blocked';

/** Between whom there is a block now, or no more. */
export interface UserBlocked {
  userId: string;
  blockedId: string;
}

/** Somebody whom a user has blocked. */
export interface BlockRecord {
  userId: string;
  /** Milliseconds. */
  createdAt: number;
}

/** Who has blocked whom. A blocked user cannot open a direct chat, write in one, or befriend; everything else is as before. */
@Injectable()
export class BlocksService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;
  readonly #users: UserDirectory;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue, users: UserDirectory) {
    this.#storage = storage;
    this.#queue = queue;
    this.#users = users;
  }

  /** Blocks a user; where it was so already nothing happens. @throws Failure INVALID_DATA (oneself), NOT_FOUND */
  async block(userId: string, blockedId: string): Promise<void> {
    if (userId === blockedId) throw invalid('id', 'is oneself');
    await this.#users.person(blockedId, 'id');
    await this.#change(userId, blockedId, (db, now) => insertBlock(db, userId, blockedId, now));
  }

  /** Ends a block, if there is one. */
  async unblock(userId: string, blockedId: string): Promise<void> {
    await this.#change(userId, blockedId, (db) => deleteBlock(db, userId, blockedId));
  }

  /** Refuses what a blocked user may not do to the one who blocked. @throws Failure FORBIDDEN, which does not tell why */
  async requireNotBlocked(blockedId: string, by: string): Promise<void> {
    if (await hasBlock(this.#storage.db, by, blockedId)) throw new Failure('FORBIDDEN', undefined, 'Access denied');
  }

  /** Those of `userIds` who have blocked a user. */
  async whoBlocked(blockedId: string, userIds: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(await blockersAmong(this.#storage.db, blockedId, userIds));
  }

  /** Which of two users the other has blocked; undefined where neither: for memory to keep. @param db the snapshot that is read */
  async blockedAmong(db: Database, one: string, other: string): Promise<ReadonlySet<string> | undefined> {
    const blocked = new Set<string>();
    if (await hasBlock(db, one, other)) blocked.add(other);
    if (await hasBlock(db, other, one)) blocked.add(one);
    return blocked.size > 0 ? blocked : undefined;
  }

  /** A page of those whom a user has blocked, by id, and where it ends if there is more. */
  async list(userId: string, after: string | undefined, limit: number): Promise<{ blocks: BlockRecord[]; end: string | undefined }> {
    const found = await pageBlocks(this.#storage.db, userId, after, limit + 1);
    const blocks = found.slice(0, limit).map(({ blocked_id, created_at }) => ({ userId: blocked_id, createdAt: created_at }));
    return { blocks, end: found.length > limit ? blocks.at(-1)?.userId : undefined };
  }

  /** Forgets the blocks of a person who is erased, from both sides. */
  async erase(userId: string): Promise<void> {
    await this.#queue.run([], (tx) => deleteBlocksOf(tx.db, userId));
  }

  #change(userId: string, blockedId: string, change: (db: Database, now: number) => Promise<boolean>): Promise<void> {
    return this.#queue.run([DIRECTORY_STREAM], async (tx) => {
      if (await change(tx.db, tx.now)) tx.append(DIRECTORY_STREAM, USER_BLOCKED, { userId, blockedId } satisfies UserBlocked);
    });
  }
}
