import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Topics } from '../log/topics.ts';
import { Publisher, type StreamKind } from './publisher.ts';
import { SessionRegistry } from './session-registry.ts';

/** The topics of one kind that are followed for a user. */
interface Interest {
  topics: Set<string>;
  /** Resolves when they are followed. */
  ready: Promise<void>;
}

/** By the prefix of the kind of streams. */
type UserInterests = Map<string, Interest> & { usedAt?: number };

/** What concerns a user alone, memberships among it: followed first, so that no later change of the others is missed. */
const OWN = 'user';
// Who reconnects finds it all followed still.
const KEPT_MS = 30_000;
const SWEEP_MS = 10_000;

/**
 * What this node listens to, for whom: the topics of the users who have sockets here. On one node nothing.
 */
@Injectable()
export class Interests implements OnModuleDestroy {
  readonly #topics: Topics;
  readonly #publisher: Publisher;
  readonly #sessions: SessionRegistry;
  readonly #users = new Map<string, UserInterests>();
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(topics: Topics, publisher: Publisher, sessions: SessionRegistry) {
    this.#topics = topics;
    this.#publisher = publisher;
    this.#sessions = sessions;
    if (topics.clustered) this.#timer = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  /**
   * To be awaited before a socket of a user is greeted: what the client reads after its greeting has no hole to what it hears.
   * @param carries which kinds of streams the socket can get
   * @throws where the store is away
   */
  async enter(userId: string, carries: (prefix: string) => boolean): Promise<void> {
    if (!this.#topics.clustered) return;
    let interests = this.#users.get(userId);
    if (!interests) this.#users.set(userId, (interests = new Map()));
    interests.usedAt = performance.now();
    const own = this.#publisher.kindOf(OWN);
    if (own) await this.#of(userId, interests, own).ready;
    const carried = [...this.#publisher.kinds()].filter(({ prefix }) => prefix !== OWN && carries(prefix));
    await Promise.all(carried.map((kind) => this.#of(userId, interests, kind).ready));
  }

  /** A user who may have sockets here has a stream from now on, which had come to `version`. */
  add(userId: string, prefix: string, stream: string, version: number): void {
    const interest = this.#users.get(userId)?.get(prefix);
    if (!interest || interest.topics.has(stream)) return;
    interest.topics.add(stream);
    this.#topics.followFrom(stream, version);
  }

  /** A user does not have a stream any more. */
  remove(userId: string, prefix: string, stream: string): void {
    if (this.#users.get(userId)?.get(prefix)?.topics.delete(stream)) this.#topics.unfollow(stream);
  }

  /** What a user has of this kind may be other topics now. @throws where the store is away */
  async refresh(userId: string, prefix: string): Promise<void> {
    const interest = this.#users.get(userId)?.get(prefix);
    const kind = this.#publisher.kindOf(prefix);
    if (!interest || !kind) return;
    const topics = new Set(await kind.topics?.(userId));
    for (const topic of interest.topics) if (!topics.has(topic)) this.remove(userId, prefix, topic);
    await this.#follow(interest, topics);
  }

  #of(userId: string, interests: UserInterests, kind: StreamKind): Interest {
    const known = interests.get(kind.prefix);
    if (known) return known;
    const interest: Interest = { topics: new Set(), ready: Promise.resolve() };
    interests.set(kind.prefix, interest);
    interest.ready = this.#load(interest, userId, kind).catch((error: unknown) => {
      // Whoever comes next tries again.
      interests.delete(kind.prefix);
      this.#drop(interest);
      throw error;
    });
    return interest;
  }

  async #load(interest: Interest, userId: string, kind: StreamKind): Promise<void> {
    await this.#follow(interest, (await kind.topics?.(userId)) ?? []);
  }

  async #follow(interest: Interest, topics: Iterable<string>): Promise<void> {
    const fresh = [...topics].filter((topic) => !interest.topics.has(topic));
    for (const topic of fresh) interest.topics.add(topic);
    await this.#topics.follow(fresh);
  }

  #drop({ topics }: Interest): void {
    for (const topic of topics) this.#topics.unfollow(topic);
    topics.clear();
  }

  #sweep(): void {
    const until = performance.now() - KEPT_MS;
    for (const [userId, interests] of this.#users) {
      if (this.#sessions.of(userId).size > 0) interests.usedAt = performance.now();
      if (interests.usedAt! > until) continue;
      this.#users.delete(userId);
      for (const interest of interests.values()) this.#drop(interest);
    }
  }
}
