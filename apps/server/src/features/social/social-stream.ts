/**
 * What concerns those who follow a user has an internal stream, `social:<user id>`: likes of and comments on that user's posts, who
 * follows, and whom the user follows. It is in the log so that every node tells its sockets the counts in the order in which they came to be; it is no stream of the
 * contract, so clients see no version of it and `sync` does not know it.
 */
import type { CommentRecord } from './post-record.ts';

export const SOCIAL_PREFIX = 'social';

/** The stream of what happens to a user's posts. */
export const socialStream = (userId: string) => `${SOCIAL_PREFIX}:${userId}`;

/** Whose stream it is. */
export const ownerOf = (stream: string) => stream.slice(SOCIAL_PREFIX.length + 1);

export const POST_LIKED = 'post.liked';
export const POST_UNLIKED = 'post.unliked';
export const POST_COMMENTED = 'post.commented';
export const FOLLOW_CHANGED = 'follow.changed';
export const FOLLOWING_CHANGED = 'following.changed';
export const FRIENDSHIP_CHANGED = 'friendship.changed';

/** What every entry about a post has. */
export interface OfPost {
  postId: string;
}

export interface PostLiked extends OfPost {
  userId: string;
  userName: string;
  likesCount: number;
}

export interface PostUnliked extends OfPost {
  userId: string;
  likesCount: number;
}

export interface PostCommented extends OfPost {
  comment: CommentRecord;
  commentsCount: number;
}

/** Somebody follows the stream's user now, or no longer. */
export interface FollowChanged {
  userId: string;
  on: boolean;
}

/** The stream's user follows somebody now, or no longer: so the nodes where the user is know what to listen to. */
export interface FollowingChanged {
  authorId: string;
  on: boolean;
  /** Of the author's stream, at this change. */
  version: number;
}

/** Somebody is a friend of the stream's user now. */
export interface FriendshipChanged {
  userId: string;
}
