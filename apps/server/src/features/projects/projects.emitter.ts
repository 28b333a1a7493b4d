import { Injectable, type OnModuleInit } from '@nestjs/common';
import { depth } from '@majlis/contract';
import type { LogEntry } from '../../log/log-entry.ts';
import { Publisher, type Interest, type StreamKind, type WireEvent } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SyncService } from '../sync/sync.service.ts';
import { PROJECT_PREFIX, projectIdOf, projectStream, type ProjectChange } from './project-record.ts';
import { ProjectRooms, type RoomChange } from './project-rooms.ts';
import { PROJECT_PROJECTIONS, toActivity } from './projects.projection.ts';
import { ProjectsService } from './projects.service.ts';

const { userJoined, userLeft } = depth.projectServerEvents;

/** The way out of projects. A stream's audience are the sockets in the room. */
@Injectable()
export class ProjectsEmitter implements OnModuleInit, StreamKind {
  readonly prefix = PROJECT_PREFIX;

  constructor(
    private readonly publisher: Publisher,
    private readonly syncing: SyncService,
    private readonly projects: ProjectsService,
    private readonly rooms: ProjectRooms,
  ) {}

  onModuleInit(): void {
    this.publisher.register(this);
    this.publisher.registerProjections(PROJECT_PROJECTIONS);
    this.syncing.register({
      prefix: this.prefix,
      authorize: async (userId, id) => {
        await this.projects.authorize({ userId }, id);
        return null;
      },
      streamsOf: (userId) => this.projects.streamsOf(userId),
    });
    this.rooms.onChange((change) => this.#roomChanged(change));
  }

  members(projectId: string): ReadonlyMap<string, unknown> {
    return this.rooms.of(projectId);
  }

  async load(): Promise<void> {
    // Who is in a room is always known.
  }

  interest(session: Session, stream: string): Interest {
    return this.rooms.has(session, projectIdOf(stream)) ? 'full' : 'none';
  }

  changesMembers(): boolean {
    // The room says so itself, by `onChange`.
    return false;
  }

  /** `activity` follows from the entry, so that every node tells it. */
  published(entry: LogEntry): void {
    const change = entry as LogEntry<ProjectChange>;
    const sender = this.projects.senderOf(change.data.id);
    this.#toRoom(change.data.projectId, toActivity(change), (session) => session.id === sender);
  }

  #roomChanged({ projectId, userId, user, putOut }: RoomChange): void {
    this.publisher.forgetAudience(projectStream(projectId));
    const data = { userId, projectId };
    if (user)
      this.#toRoom(projectId, { event: (user === 'joined' ? userJoined : userLeft).name, data }, (session) => session.userId === userId);
    if (putOut.length > 0)
      this.publisher.toUser(
        userId,
        () => ({ event: userLeft.name, data }),
        (session) => putOut.includes(session),
      );
  }

  #toRoom(projectId: string, event: WireEvent, except: (session: Session) => boolean): void {
    this.publisher.toStream(projectStream(projectId), () => event, except);
  }
}
