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

/** An author who is being read, and what the stream said meanwhile. */
interface Loading {
  heard: LogEntry[];
  read: Promise<void>;
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
    follower.onEntry((entry) => this.#heard(entry), SOCIAL_PREFIX);
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
      loading = { heard: [], read: Promise.resolve() };
      this.#loading.set(authorId, loading);
      loading.read = this.#read(authorId, loading).finally(() => this.#loading.delete(authorId));
    }
    return loading.read;
  }

  #heard(entry: LogEntry): void {
    const authorId = ownerOf(entry.stream);
    this.#loading.get(authorId)?.heard.push(entry);
    this.#follow(authorId, entry);
  }

  #follow(authorId: string, { version, kind, data }: LogEntry): void {
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

  async #read(authorId: string, loading: Loading): Promise<void> {
    const stream = socialStream(authorId);
    do {
      loading.heard = [];
      const author = await this.#storage.snapshot(async (db) => ({
        version: (await readCounters(db, [stream])).get(stream)?.version ?? 0,
        audience: new Map([authorId, ...(await followersOf(db, authorId))].map((id) => [id, undefined])),
      }));
      this.#keep(authorId, author);
      for (const entry of loading.heard) this.#follow(authorId, entry);
      // Gone again where something in between was not heard.
    } while (!this.#authors.has(authorId));
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
