import { Inject, Injectable } from '@nestjs/common';
import { Follower } from '../../log/follower.ts';
import type { LogEntry } from '../../log/log-entry.ts';
import { readCounters } from '../../log/stream-log.repository.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { followersOf } from './people.repository.ts';
import { FOLLOW_CHANGED, SOCIAL_PREFIX, ownerOf, socialStream, type FollowChanged } from './social-stream.ts';

/** Who gets what happens to a user's posts, as memory knows it. */
interface KnownAuthor {
  /** The author and the followers. */
  readonly audience: Map<string, undefined>;
  /** The version of the author's stream up to which `audience` is exact. */
  version: number;
}

/** Of the stream, while its author is being read. */
interface Loading {
  latest: number;
  readonly read: Promise<void>;
}

// A bound on followers kept, not on authors.
const KEPT_FOLLOWERS = 1_000_000;

/** Who follows whom, in memory for those whose posts are being liked; kept exact by the log. */
@Injectable()
export class FollowDirectory {
  readonly #storage: Storage;
  readonly #authors = new Map<string, KnownAuthor>();
  readonly #loading = new Map<string, Loading>();
  #kept = 0;

  constructor(@Inject(STORAGE) storage: Storage, follower: Follower) {
    this.#storage = storage;
    follower.onEntry((entry) => this.#follow(entry), SOCIAL_PREFIX);
  }

  /** The author and the followers, where memory knows them. */
  audienceOf(authorId: string): ReadonlyMap<string, undefined> | undefined {
    return this.#authors.get(authorId)?.audience;
  }

  /** Brings them into memory. */
  load(authorId: string): Promise<void> {
    if (this.#authors.has(authorId)) return Promise.resolve();
    let loading = this.#loading.get(authorId);
    if (!loading) {
      loading = { latest: 0, read: this.#read(authorId) };
      this.#loading.set(authorId, loading);
    }
    return loading.read;
  }

  #follow({ stream, version, kind, data }: LogEntry): void {
    const authorId = ownerOf(stream);
    const loading = this.#loading.get(authorId);
    if (loading) loading.latest = version;
    const author = this.#authors.get(authorId);
    if (!author || version <= author.version) return;
    // What this node did not hear of may have been a follow.
    if (version > author.version + 1) return this.#forget(authorId, author);
    author.version = version;
    if (kind !== FOLLOW_CHANGED) return;
    const { userId, on } = data as FollowChanged;
    const before = author.audience.size;
    if (on) author.audience.set(userId, undefined);
    else author.audience.delete(userId);
    this.#kept += author.audience.size - before;
  }

  async #read(authorId: string): Promise<void> {
    try {
      for (;;) {
        const stream = socialStream(authorId);
        const author = await this.#storage.snapshot(async (db) => ({
          version: (await readCounters(db, [stream])).get(stream)?.version ?? 0,
          audience: new Map([authorId, ...(await followersOf(db, authorId))].map((id) => [id, undefined])),
        }));
        // What the log told meanwhile may be missing in what was read.
        if (this.#loading.get(authorId)!.latest > author.version) continue;
        return this.#keep(authorId, author);
      }
    } finally {
      this.#loading.delete(authorId);
    }
  }

  #keep(authorId: string, author: KnownAuthor): void {
    this.#authors.set(authorId, author);
    this.#kept += author.audience.size;
    for (const [id, other] of this.#authors) {
      if (this.#kept <= KEPT_FOLLOWERS) break;
      if (id !== authorId) this.#forget(id, other);
    }
  }

  #forget(authorId: string, author: KnownAuthor): void {
    this.#authors.delete(authorId);
    this.#kept -= author.audience.size;
  }
}
