import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { LogEntry } from '../../log/log-entry.ts';
import { Publisher, type Audience, type StreamKind } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { FollowDirectory } from './follow-directory.ts';
import { OpenPosts } from './open-posts.ts';
import { CLOSE_VIEW, FOLLOWER_VIEW, SOCIAL_PROJECTIONS } from './social.projection.ts';
import { FOLLOW_CHANGED, SOCIAL_PREFIX, ownerOf, type OfPost } from './social-stream.ts';

/** An audience and no stream: the sockets that have a post open. */
const OPEN_PREFIX = 'open-post';
const openAudience = (postId: string) => `${OPEN_PREFIX}:${postId}`;

/** The way out of what happens to posts: to the author and the followers, whose stream it is, and to who has the post open. */
@Injectable()
export class SocialEmitter implements OnModuleInit {
  constructor(
    private readonly publisher: Publisher,
    private readonly sessions: SessionRegistry,
    private readonly follows: FollowDirectory,
    private readonly openPosts: OpenPosts,
  ) {}

  onModuleInit(): void {
    this.publisher.registerProjections(SOCIAL_PROJECTIONS);
    this.publisher.register(this.#followers());
    this.publisher.register(this.#viewers());
    this.sessions.onClose((session) => {
      for (const postId of this.openPosts.closeAll(session)) this.publisher.forgetAudience(openAudience(postId));
    });
  }

  /** From now on a socket gets what happens to a post. @throws Failure INVALID_DATA where it has too many open */
  open(session: Session, postId: string): void {
    if (this.openPosts.open(session, postId)) this.publisher.forgetAudience(openAudience(postId));
  }

  /** A socket has a post open no more. */
  close(session: Session, postId: string): void {
    if (this.openPosts.close(session, postId)) this.publisher.forgetAudience(openAudience(postId));
  }

  #followers(): StreamKind {
    return {
      prefix: SOCIAL_PREFIX,
      members: (authorId) => this.follows.audienceOf(authorId),
      load: (authorId) => this.follows.load(authorId),
      interest: (session) => (session.dialect === 'v2' ? 'full' : 'none'),
      view: (session, stream) => (session.userId === ownerOf(stream) ? CLOSE_VIEW : FOLLOWER_VIEW),
      changesMembers: ({ kind }) => kind === FOLLOW_CHANGED,
      published: (entry, audience) => this.#tellViewers(entry, audience),
    };
  }

  #viewers(): StreamKind {
    return {
      prefix: OPEN_PREFIX,
      members: (postId) => this.openPosts.viewersOf(postId),
      load: async () => undefined,
      interest: (session, audience) =>
        session.dialect === 'v2' && this.openPosts.has(session.id, audience.slice(OPEN_PREFIX.length + 1)) ? 'full' : 'none',
      changesMembers: () => false,
    };
  }

  /** Who has the post open gets what they were not given already, as its author or a follower. */
  #tellViewers(entry: LogEntry, { users }: Audience): void {
    const { postId } = entry.data as Partial<OfPost>;
    if (postId === undefined || !this.openPosts.viewersOf(postId)) return;
    const authorId = ownerOf(entry.stream);
    const wire = this.publisher.project(entry, CLOSE_VIEW);
    const followersHadIt = this.publisher.project(entry, FOLLOWER_VIEW) !== undefined;
    this.publisher.toStream(
      openAudience(postId),
      () => wire,
      ({ userId }) => (followersHadIt ? users.has(userId) : userId === authorId),
    );
  }
}
