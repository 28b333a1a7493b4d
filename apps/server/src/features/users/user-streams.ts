import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Failure } from '../../errors.ts';
import type { LogEntry } from '../../log/log-entry.ts';
import { Topics } from '../../log/topics.ts';
import { Publisher, type Interest, type StreamKind } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { SyncService } from '../sync/sync.service.ts';
import { UserDirectory } from './user-directory.ts';
import { userOfStream, userStream } from './user-stream.ts';

/** Called with a user and an entry of the user's stream, after the sockets of this node were given it. */
type PublishedListener = (userId: string, entry: LogEntry) => void;

/**
 * What concerns a user alone has a stream of its own, `user:<id>`; every socket of the user gets it that has not unsubscribed, and
 * those of administrators who have subscribed.
 */
@Injectable()
export class UserStreams implements OnModuleInit, StreamKind {
  readonly prefix = 'user';
  readonly #listeners: PublishedListener[] = [];
  /** Sockets of administrators, by the stream that they subscribed to. */
  readonly #watching = new Map<string, Set<Session>>();

  constructor(
    private readonly publisher: Publisher,
    private readonly syncing: SyncService,
    private readonly sessions: SessionRegistry,
    private readonly users: UserDirectory,
    private readonly following: Topics,
  ) {}

  onModuleInit(): void {
    this.publisher.register(this);
    this.syncing.register({
      prefix: this.prefix,
      authorize: async (userId, id) => {
        if (id !== userId) throw new Failure('FORBIDDEN');
        return null;
      },
      streamsOf: async (userId) => [userStream(userId)],
    });
    this.sessions.onClose((session) => this.#stopWatching(session));
    this.users.onChange((userId) => void this.#checkWatcher(userId));
  }

  /** Calls `listener` after each entry of a user's stream. */
  onPublished(listener: PublishedListener): void {
    this.#listeners.push(listener);
  }

  /** From now on a socket gets a user's stream: oneself, and for an administrator anyone. @throws Failure FORBIDDEN */
  async subscribe(session: Session, userId: string): Promise<void> {
    await this.#mayHave(session, userId);
    const stream = userStream(userId);
    session.left?.delete(stream);
    if (userId !== session.userId) {
      await this.#watch(session, stream);
    }
    this.sessions.changed(session);
  }

  /** A socket gets a user's stream no more. @throws Failure FORBIDDEN */
  async unsubscribe(session: Session, userId: string): Promise<void> {
    await this.#mayHave(session, userId);
    const stream = userStream(userId);
    if (userId === session.userId) (session.left ??= new Set()).add(stream);
    else this.#unwatch(session, stream);
    this.sessions.changed(session);
  }

  topics(userId: string): readonly string[] {
    return [userStream(userId)];
  }

  members(userId: string): ReadonlyMap<string, undefined> {
    const members = new Map([[userId, undefined]]);
    for (const session of this.#watching.get(userStream(userId)) ?? []) members.set(session.userId, undefined);
    return members;
  }

  async load(): Promise<void> {
    // The member is in the stream's name.
  }

  interest(session: Session, stream: string): Interest {
    const wanted = stream === userStream(session.userId) ? !session.left?.has(stream) : session.joined?.has(stream);
    return wanted ? 'full' : 'none';
  }

  changesMembers(): boolean {
    return false;
  }

  published(entry: LogEntry): void {
    const userId = userOfStream(entry.stream);
    for (const listener of this.#listeners) listener(userId, entry);
  }

  async #mayHave(session: Session, userId: string): Promise<void> {
    if (userId === session.userId) return;
    if ((await this.users.load(session.userId))?.role !== 'admin') throw new Failure('FORBIDDEN');
  }

  async #watch(session: Session, stream: string): Promise<void> {
    if (this.#watching.get(stream)?.has(session)) return;
    // Closed while its role was looked up: nothing would end the watching.
    if (!this.sessions.of(session.userId).has(session)) return;
    const watching = this.#watching.get(stream);
    if (watching) watching.add(session);
    else this.#watching.set(stream, new Set([session]));
    (session.joined ??= new Set()).add(stream);
    this.publisher.forgetAudience(stream);
    await this.following.follow([stream]);
  }

  /** Who is no administrator any more watches nobody. */
  async #checkWatcher(userId: string): Promise<void> {
    const watchers = [...this.sessions.of(userId)].filter((session) => this.#watchedBy(session).length > 0);
    if (watchers.length === 0) return;
    const user = await this.users.load(userId).catch(() => undefined);
    if (user?.role === 'admin') return;
    for (const session of watchers) this.#stopWatching(session);
  }

  #watchedBy(session: Session): string[] {
    return [...(session.joined ?? [])].filter((stream) => this.#watching.get(stream)?.has(session));
  }

  #stopWatching(session: Session): void {
    const watched = this.#watchedBy(session);
    for (const stream of watched) this.#unwatch(session, stream);
  }

  #unwatch(session: Session, stream: string): void {
    session.joined?.delete(stream);
    const watching = this.#watching.get(stream);
    if (watching?.delete(session)) this.following.unfollow(stream);
    if (watching?.size === 0) this.#watching.delete(stream);
    this.publisher.forgetAudience(stream);
  }
}
