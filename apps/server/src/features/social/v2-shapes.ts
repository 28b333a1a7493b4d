/** Posts and people's ties in the v2 document's shapes. Pure. */
import type { v2 } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import type { FriendRequestRecord } from './friends.service.ts';
import type { Authorship, CommentRecord, PostRecord, Said } from './post-record.ts';
import type { ReviewRecord } from './reviews.service.ts';

const authorship = ({ authorId, authorName, authorAvatar }: Authorship) => ({
  author_id: authorId,
  author_name: authorName,
  author_avatar: authorAvatar,
});

function toSaid(said: Said) {
  const { id, content, mediaUrl, createdAt } = said;
  return { id, ...authorship(said), content, media_url: mediaUrl, created_at: isoTime(createdAt) };
}

export function toV2Post(post: PostRecord): v2.Post {
  return {
    ...toSaid(post),
    repost_of: post.repostOf && toSaid(post.repostOf),
    likes_count: post.likesCount,
    comments_count: post.commentsCount,
    reposts_count: post.repostsCount,
    is_liked: post.isLiked,
  };
}

export function toV2Comment(comment: CommentRecord): v2.Comment {
  const { id, content, createdAt } = comment;
  return { id, ...authorship(comment), content, created_at: isoTime(createdAt) };
}

export function toV2FriendRequest({ id, fromUserId, toUserId, createdAt, acceptedAt }: FriendRequestRecord): v2.FriendRequest {
  return {
    id,
    from_user_id: fromUserId,
    to_user_id: toUserId,
    status: acceptedAt === null ? 'pending' : 'accepted',
    created_at: isoTime(createdAt),
    accepted_at: acceptedAt === null ? null : isoTime(acceptedAt),
  };
}

export function toV2Review(review: ReviewRecord): v2.Review {
  const { id, userId, rating, content, createdAt } = review;
  return { id, user_id: userId, ...authorship(review), rating, content, created_at: isoTime(createdAt) };
}
