import { Injectable, type OnModuleInit } from '@nestjs/common';
import { allawzi } from '@majlis/contract';
import { Topics, type TopicKind } from '../../log/topics.ts';
import { Interests } from '../../realtime/interests.ts';
import { Publisher, type StreamKind } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { SyncService } from '../sync/sync.service.ts';
import { StaffDirectory } from '../users/staff-directory.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { JOINED_VIEW, LIST_VIEW, SUPPORT_PROJECTIONS } from './support.projection.ts';
import { SupportTypingService, type TicketTyping } from './support-typing.service.ts';
import { SupportService } from './support.service.ts';
import { TicketDirectory } from './ticket-directory.ts';
import { SIDES, STREAM_PREFIX, clientStream, ticketStream, ticketStreams, type Side } from './ticket-streams.ts';

const { userTyping } = allawzi.supportServerEvents;

const OWNER_TOPIC = 'tickets-of';
const ownerTopic = (userId: string) => `${OWNER_TOPIC}:${userId}`;
const STAFF_TOPIC = 'tickets';

const idOf = (stream: string) => stream.slice(stream.indexOf(':') + 1);

/** The way out of support: what its services announce, to the publisher. */
@Injectable()
export class SupportEmitter implements OnModuleInit {
  constructor(
    private readonly publisher: Publisher,
    private readonly sessions: SessionRegistry,
    private readonly syncing: SyncService,
    private readonly staff: StaffDirectory,
    private readonly directory: TicketDirectory,
    private readonly support: SupportService,
    private readonly typists: SupportTypingService,
    private readonly topics: Topics,
    private readonly interests: Interests,
    private readonly users: UserDirectory,
  ) {}

  onModuleInit(): void {
    for (const side of SIDES) this.publisher.register(this.#kind(side));
    this.publisher.registerProjections(SUPPORT_PROJECTIONS);
    this.syncing.register({
      prefix: STREAM_PREFIX.owner,
      authorize: async (userId, id) => {
        await this.support.sideOf(userId, id);
        return null;
      },
      alias: {
        streamOf: async (userId, id) => ticketStream(await this.support.sideOf(userId, id), id),
        nameOf: (stream) => clientStream(idOf(stream)),
      },
      streamsOf: (userId) => this.support.streamsOf(userId),
    });
    for (const topic of this.#topics()) this.topics.register(topic);
    // Where the store is away the node hears of tickets late, when it next looks.
    this.users.onChange((userId) => void this.interests.refresh(userId, STREAM_PREFIX.staff).catch(() => undefined));
    this.staff.onChange(() => this.publisher.forgetAudiences(STREAM_PREFIX.staff));
    this.typists.onTyping((typing) => void this.#tellTyping(typing));
    this.sessions.onClose((session) => this.typists.disconnected(session.id));
  }

  // A ticket is made without a word to those who will hear of it, so nodes listen for owners and for staff, not for tickets.
  #topics(): TopicKind[] {
    return [
      {
        prefix: OWNER_TOPIC,
        streamPrefix: STREAM_PREFIX.owner,
        topicOf: (stream) => {
          const ownerId = this.directory.known(idOf(stream));
          return ownerId === undefined ? undefined : ownerTopic(ownerId);
        },
        versions: async (topics) => {
          const byOwner = await this.support.ownerVersions(topics.map(idOf));
          return new Map(Array.from(byOwner, ([ownerId, versions]) => [ownerTopic(ownerId), versions]));
        },
      },
      {
        prefix: STAFF_TOPIC,
        streamPrefix: STREAM_PREFIX.staff,
        topicOf: () => STAFF_TOPIC,
        versions: async (_, since) => new Map([[STAFF_TOPIC, await this.support.staffVersions(since)]]),
      },
    ];
  }

  #kind(side: Side): StreamKind {
    return {
      prefix: STREAM_PREFIX[side],
      members: (id) => this.#members(side, id),
      load: async (id) => {
        await this.directory.ownerOf(id);
        if (side === 'staff') await this.staff.load();
      },
      interest: () => 'full',
      topics: async (userId) => {
        if (side === 'owner') return [ownerTopic(userId)];
        return (await this.support.isStaff(userId)) ? [STAFF_TOPIC] : [];
      },
      view: (session, stream) => (isIn(session, idOf(stream)) ? JOINED_VIEW : LIST_VIEW),
      changesMembers: () => false,
    };
  }

  #members(side: Side, ticketId: string): ReadonlyMap<string, undefined> | undefined {
    const ownerId = this.directory.known(ticketId);
    if (ownerId === undefined) return undefined;
    if (side === 'owner') return new Map([[ownerId, undefined]]);
    const staff = this.staff.known();
    if (!staff) return undefined;
    const members = new Map([...staff].map((userId) => [userId, undefined]));
    members.delete(ownerId);
    return members;
  }

  async #tellTyping({ ticketId, userId, isTyping, sessionId }: TicketTyping): Promise<void> {
    // Somebody may type on another node. Where the store is away nobody is told: typing passes.
    if (this.directory.known(ticketId) === undefined) await this.directory.ownerOf(ticketId).catch(() => undefined);
    if (!this.staff.known()) await this.staff.load().catch(() => undefined);
    const event = { event: userTyping.name, data: { ticketId, userId, isTyping } };
    for (const stream of ticketStreams(ticketId)) {
      this.publisher.toStream(
        stream,
        (view) => (view === JOINED_VIEW ? event : undefined),
        (session) => session.id === sessionId,
      );
    }
  }
}

function isIn(session: Session, ticketId: string): boolean {
  return session.joined?.has(clientStream(ticketId)) === true;
}
