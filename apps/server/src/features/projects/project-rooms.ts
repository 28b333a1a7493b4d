import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { REDIS_LINK } from '../../cluster/cluster.module.ts';
import { NodeBus } from '../../cluster/node-bus.ts';
import type { RedisLink } from '../../cluster/redis-link.ts';
import { SharedSets } from '../../cluster/shared-sets.ts';
import { Follower } from '../../log/follower.ts';
import { streamKind } from '../../log/log-entry.ts';
import { Topics } from '../../log/topics.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { whileStoreAway } from '../../realtime/while-store-away.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { PROJECT_PREFIX, projectIdOf, projectStream, type ProjectChange } from './project-record.ts';
import { ProjectsService } from './projects.service.ts';

/** What changed in a room. */
export interface RoomChange {
  projectId: string;
  userId: string;
  /** The user was not in the room before, or is in it no longer, on whatever node; undefined where that did not change. */
  user: 'joined' | 'left' | undefined;
  /** Sockets that were put out: their user may be there no longer. */
  putOut: readonly Session[];
}

type Room = Map<string, Set<Session>>;

const EMPTY: Room = new Map();

/** A user whose right to come into rooms is being asked for, how often, and how often it may have been lost meanwhile. */
interface Asking {
  pending: number;
  revocations: number;
}

/**
 * Which sockets of this node are in the rooms of projects, and which users on whatever node. A user comes with the first socket and goes with the last. Who loses the
 * right to be there is put out when the log says so, before the entry that says it is given to the room.
 */
@Injectable()
export class ProjectRooms implements OnModuleInit, OnModuleDestroy {
  readonly #rooms = new Map<string, Room>();
  readonly #ofSession = new Map<Session, Set<string>>();
  readonly #asking = new Map<string, Asking>();
  readonly #listeners: ((change: RoomChange) => void)[] = [];
  readonly #projects: ProjectsService;
  readonly #users: UserDirectory;
  readonly #sessions: SessionRegistry;
  readonly #topics: Topics;
  /** Who is in which room, on all nodes. */
  readonly #present: SharedSets;

  constructor(
    projects: ProjectsService,
    users: UserDirectory,
    sessions: SessionRegistry,
    follower: Follower,
    bus: NodeBus,
    topics: Topics,
    @Inject(REDIS_LINK) link: RedisLink | undefined,
  ) {
    this.#topics = topics;
    this.#present = new SharedSets('projects.rooms', bus, link);
    this.#projects = projects;
    this.#users = users;
    this.#sessions = sessions;
    follower.onEntry(({ stream, data }) => {
      const change = data as ProjectChange;
      if (change.kind === 'members') for (const userId of change.removed) this.#removed(projectIdOf(stream), userId);
    }, PROJECT_PREFIX);
    follower.onSkipped((stream) => {
      if (streamKind(stream) === PROJECT_PREFIX) for (const userId of this.of(projectIdOf(stream)).keys()) void this.#check(userId);
    });
  }

  onModuleInit(): void {
    this.#sessions.onClose((session) => {
      for (const projectId of this.#ofSession.get(session) ?? []) this.#takeOut(projectId, session.userId, [session], false);
    });
    this.#users.onChange((userId) => void this.#check(userId));
    this.#present.onChange((projectId, userId, isIn) => this.#tell({ projectId, userId, user: isIn ? 'joined' : 'left', putOut: [] }));
  }

  onModuleDestroy(): void {
    this.#present.stop();
  }

  /** Calls `listener` after each change of a room. */
  onChange(listener: (change: RoomChange) => void): void {
    this.#listeners.push(listener);
  }

  /** Who is in a room, on whatever node. */
  usersIn(projectId: string): string[] {
    return this.#present.of(projectId);
  }

  /** The users in a room, with their sockets here. */
  of(projectId: string): ReadonlyMap<string, ReadonlySet<Session>> {
    return this.#rooms.get(projectId) ?? EMPTY;
  }

  /** Whether a socket is in a room. */
  has(session: Session, projectId: string): boolean {
    return this.#ofSession.get(session)?.has(projectId) === true;
  }

  /** Puts a socket into a room. @throws Failure NOT_FOUND, FORBIDDEN */
  async join(session: Session, projectId: string): Promise<void> {
    const stream = projectStream(projectId);
    if (this.#topics.clustered) {
      // For strangers nothing is followed, and while the store is away it would not end.
      await this.#authorize(session.userId, projectId);
      await this.#topics.follow([stream]);
    }
    try {
      // From here on the log says who loses the right.
      await this.#authorize(session.userId, projectId);
    } catch (error) {
      this.#topics.unfollow(stream);
      throw error;
    }
    // Gone meanwhile: nobody would ever take it out again.
    if (this.has(session, projectId) || !this.#sessions.of(session.userId).has(session)) return this.#topics.unfollow(stream);
    const room: Room = this.#rooms.get(projectId) ?? new Map();
    this.#rooms.set(projectId, room);
    addTo(room, session.userId, session);
    addTo(this.#ofSession, session, projectId);
    const joined = this.#present.add(projectId, session.userId);
    this.#tell({ projectId, userId: session.userId, user: joined ? 'joined' : undefined, putOut: [] });
  }

  /** Takes a socket out of a room. @throws Failure NOT_FOUND, FORBIDDEN where the project is none of the user's business */
  async leave(session: Session, projectId: string): Promise<void> {
    if (this.has(session, projectId)) this.#takeOut(projectId, session.userId, [session], false);
    else await this.#projects.authorize(session, projectId);
  }

  // A right that is lost while it is asked for is asked for again: nobody knows which of the two states was read.
  async #authorize(userId: string, projectId: string): Promise<void> {
    const asking = this.#asking.get(userId) ?? { pending: 0, revocations: 0 };
    this.#asking.set(userId, asking);
    asking.pending++;
    try {
      let before: number;
      do {
        before = asking.revocations;
        await this.#projects.authorize({ userId }, projectId);
      } while (before !== asking.revocations);
    } finally {
      if (--asking.pending === 0) this.#asking.delete(userId);
    }
  }

  #revoked(userId: string): void {
    const asking = this.#asking.get(userId);
    if (asking) asking.revocations++;
  }

  #removed(projectId: string, userId: string): void {
    this.#revoked(userId);
    // Administrators are not there as members.
    if (this.#users.get(userId)?.role === 'admin') return;
    const sessions = this.of(projectId).get(userId);
    if (sessions) this.#takeOut(projectId, userId, [...sessions], true);
  }

  /** Who has perhaps lost a right is out of the rooms of which they are neither members nor administrators. */
  async #check(userId: string): Promise<void> {
    this.#revoked(userId);
    const projectIds = new Set([...this.#sessions.of(userId)].flatMap((session) => [...(this.#ofSession.get(session) ?? [])]));
    for (const projectId of projectIds) {
      // However long the store is away: who is in a room stays in it until the store says otherwise.
      const allowed = await whileStoreAway(() => this.#projects.authorize({ userId }, projectId), Infinity).then(
        () => true,
        () => false,
      );
      const sessions = this.of(projectId).get(userId);
      if (!allowed && sessions) this.#takeOut(projectId, userId, [...sessions], true);
    }
  }

  #takeOut(projectId: string, userId: string, sessions: readonly Session[], mayNot: boolean): void {
    const room = this.#rooms.get(projectId);
    if (!room) return;
    for (const session of sessions) {
      removeFrom(room, userId, session);
      removeFrom(this.#ofSession, session, projectId);
      this.#topics.unfollow(projectStream(projectId));
    }
    if (room.size === 0) this.#rooms.delete(projectId);
    const left = !room.has(userId) && this.#present.delete(projectId, userId);
    this.#tell({ projectId, userId, user: left ? 'left' : undefined, putOut: mayNot ? sessions : [] });
  }

  #tell(change: RoomChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
}

function removeFrom<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}
