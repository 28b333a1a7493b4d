import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Follower } from '../../log/follower.ts';
import type { LogEntry } from '../../log/log-entry.ts';
import { Topics } from '../../log/topics.ts';
import { Interests } from '../../realtime/interests.ts';
import { Publisher, type Audience, type StreamKind } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { FollowDirectory } from './follow-directory.ts';
import { FollowsService } from './follows.service.ts';
import { OpenPosts } from './open-posts.ts';
import { PostsService } from './posts.service.ts';
import { CLOSE_VIEW, FOLLOWER_VIEW, SOCIAL_PROJECTIONS } from './social.projection.ts';
import {
  FOLLOWING_CHANGED,
  FOLLOW_CHANGED,
  SOCIAL_PREFIX,
  ownerOf,
  socialStream,
  type FollowingChanged,
  type OfPost,
} from './social-stream.ts';

/** An audience and no stream: the sockets that have a post open. */
const OPEN_PREFIX = 'open-post';
const openAudience = (postId: string) => `${OPEN_PREFIX}:${postId}`;

/** The way out of what happens to posts: to the author and the followers, whose stream it is, and to who has the post open. */
@Injectable()
export class SocialEmitter implements OnModuleInit {
  constructor(
    private readonly publisher: Publisher,
    private readonly sessions: SessionRegistry,
    private readonly interests: Interests,
    private readonly topics: Topics,
    private readonly follower: Follower,
    private readonly follows: FollowDirectory,
    private readonly people: FollowsService,
    private readonly posts: PostsService,
    private readonly openPosts: OpenPosts,
  ) {}

  onModuleInit(): void {
    this.publisher.registerProjections(SOCIAL_PROJECTIONS);
    this.publisher.register(this.#followers());
    this.publisher.register(this.#viewers());
    this.sessions.onClose((session) => this.openPosts.of(session.id).forEach((postId) => this.close(session, postId)));
    this.follower.onEntry(({ stream, kind, data }) => {
      if (kind !== FOLLOWING_CHANGED) return;
      const { authorId, on, version } = data as FollowingChanged;
      if (on) this.interests.add(ownerOf(stream), SOCIAL_PREFIX, socialStream(authorId), version);
      else this.interests.remove(ownerOf(stream), SOCIAL_PREFIX, socialStream(authorId));
    }, SOCIAL_PREFIX);
  }

  /** From now on a socket gets what happens to a post. @throws Failure INVALID_DATA where it has too many open, NOT_FOUND */
  async open(session: Session, postId: string): Promise<void> {
    // Before anything that waits: a close that follows at once must not be overtaken by the opening.
    this.openPosts.open(session, postId);
    this.publisher.forgetAudience(openAudience(postId));
    try {
      const stream = socialStream(await this.posts.authorOf(postId));
      await this.topics.follow([stream]);
      if (!this.openPosts.listening(session, postId, stream)) this.topics.unfollow(stream);
    } catch (error) {
      this.close(session, postId);
      throw error;
    }
  }

  /** A socket has a post open no more. */
  close(session: Session, postId: string): void {
    const stream = this.openPosts.close(session, postId);
    if (stream !== undefined) this.topics.unfollow(stream);
    this.publisher.forgetAudience(openAudience(postId));
  }

  #followers(): StreamKind {
    return {
      prefix: SOCIAL_PREFIX,
      members: (authorId) => this.follows.audienceOf(authorId),
      load: (authorId) => this.follows.load(authorId),
      topics: async (userId) => [userId, ...(await this.people.followedBy(userId))].map(socialStream),
      interest: (session) => (session.dialect === 'v2' ? 'full' : 'none'),
      view: (session, stream) => (session.userId === ownerOf(stream) ? CLOSE_VIEW : FOLLOWER_VIEW),
      // Where memory no longer knows them, this node has not heard of all that came before.
      changesMembers: ({ kind, stream }) => kind === FOLLOW_CHANGED || this.follows.audienceOf(ownerOf(stream)) === undefined,
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
