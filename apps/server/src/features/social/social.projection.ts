/** How what happens to posts looks on the wire. Pure. */
import { v2 } from '@majlis/contract';
import type { LogEntry } from '../../log/log-entry.ts';
import type { Projections, WireEvent } from '../../realtime/publisher.ts';
import type { PostCommented, PostLiked, PostUnliked } from './social-stream.ts';
import { toV2Comment } from './v2-shapes.ts';

const { postLiked, postUnliked, postCommented } = v2.serverEvents;

/** The view of the posts' author and of who has one open: everything. */
export const CLOSE_VIEW = 'social:close';
/** The view of followers: likes. */
export const FOLLOWER_VIEW = 'social:follower';

function liked({ data }: LogEntry<PostLiked>): WireEvent {
  const { postId, userId, userName, likesCount } = data;
  return { event: postLiked.name, data: { post_id: postId, user_id: userId, user_name: userName, likes_count: likesCount } };
}

function unliked({ data }: LogEntry<PostUnliked>): WireEvent {
  return { event: postUnliked.name, data: { post_id: data.postId, user_id: data.userId, likes_count: data.likesCount } };
}

function commented({ data }: LogEntry<PostCommented>): WireEvent {
  const { postId, comment, commentsCount } = data;
  return { event: postCommented.name, data: { post_id: postId, comment: toV2Comment(comment), comments_count: commentsCount } };
}

export const SOCIAL_PROJECTIONS: Readonly<Record<string, Projections>> = {
  'post.liked': { [CLOSE_VIEW]: liked, [FOLLOWER_VIEW]: liked },
  'post.unliked': { [CLOSE_VIEW]: unliked, [FOLLOWER_VIEW]: unliked },
  'post.commented': { [CLOSE_VIEW]: commented },
};
