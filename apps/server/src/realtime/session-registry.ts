import { Injectable } from '@nestjs/common';
import type { Session } from './session.ts';

const NONE: ReadonlySet<Session> = new Set();

/** Which sockets this node has, by user. Whoever keeps something made from it learns here when it is out of date. */
@Injectable()
export class SessionRegistry {
  readonly #byUser = new Map<string, Set<Session>>();
  readonly #byNamespace = new Map<string, number>();
  readonly #changeListeners: ((userId: string) => void)[] = [];
  readonly #openListeners: ((session: Session) => void)[] = [];
  readonly #closeListeners: ((session: Session) => void)[] = [];

  /** Adds a socket that has just been authenticated. */
  add(session: Session): void {
    const sessions = this.#byUser.get(session.userId);
    if (sessions) sessions.add(session);
    else this.#byUser.set(session.userId, new Set([session]));
    this.#byNamespace.set(session.namespace, this.count(session.namespace) + 1);
    session.connection.sessions.add(session);
    this.changed(session);
    for (const listener of this.#openListeners) listener(session);
  }

  /** Removes a socket that has closed. */
  remove(session: Session): void {
    const sessions = this.#byUser.get(session.userId);
    if (!sessions?.delete(session)) return;
    if (sessions.size === 0) this.#byUser.delete(session.userId);
    this.#byNamespace.set(session.namespace, this.count(session.namespace) - 1);
    session.connection.sessions.delete(session);
    this.changed(session);
    for (const listener of this.#closeListeners) listener(session);
  }

  /** Says that what `session` wants to get (its joins, its dialect) is another now. */
  changed(session: Session): void {
    for (const listener of this.#changeListeners) listener(session.userId);
  }

  /** The sockets of a user on this node. */
  of(userId: string): ReadonlySet<Session> {
    return this.#byUser.get(userId) ?? NONE;
  }

  /** All sockets on this node. */
  *all(): IterableIterator<Session> {
    for (const sessions of this.#byUser.values()) yield* sessions;
  }

  /** Number of sockets in a namespace. */
  count(namespace: string): number {
    return this.#byNamespace.get(namespace) ?? 0;
  }

  /** Number of sockets by namespace. */
  counts(): ReadonlyMap<string, number> {
    return this.#byNamespace;
  }

  /** Number of network connections with an authenticated socket. */
  connections(): number {
    const all = new Set<unknown>();
    for (const session of this.all()) all.add(session.connection);
    return all.size;
  }

  /** The users with a socket here. */
  userIds(): IterableIterator<string> {
    return this.#byUser.keys();
  }

  /** Calls `listener` with the user whose sockets, or what they want, changed. */
  onChange(listener: (userId: string) => void): void {
    this.#changeListeners.push(listener);
  }

  /** Calls `listener` with every new session, once it has been greeted. */
  onOpen(listener: (session: Session) => void): void {
    this.#openListeners.push(listener);
  }

  /** Calls `listener` with every session that has closed. */
  onClose(listener: (session: Session) => void): void {
    this.#closeListeners.push(listener);
  }
}
