/** Posts, follows, friendships and reviews: contract §§4 "Social" and 8. */
import { z } from 'zod';
import { clientEvent, route, serverEvent } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Count, HttpUrl, Reference, Time, UserId, Uuid, text } from '../values.ts';
import { Page, listOf } from './routes.ts';

const authorship = { author_id: UserId, author_name: z.string(), author_avatar: z.string().nullable() };

const said = {
  id: Uuid,
  ...authorship,
  content: z.string(),
  media_url: z.string().nullable(),
  created_at: Time,
};

export const Post = z
  .object({
    ...said,
    repost_of: z.object(said).nullable().meta({ description: 'The post that this one passes on.' }),
    likes_count: Count,
    comments_count: Count,
    reposts_count: Count,
    is_liked: z.boolean().meta({ description: 'Whether one likes it oneself.' }),
  })
  .meta({ id: 'Post' });
export type Post = z.output<typeof Post>;

export const Comment = z.object({ id: Uuid, ...authorship, content: z.string(), created_at: Time }).meta({ id: 'Comment' });
export type Comment = z.output<typeof Comment>;

/** What a post says: text, a picture or video, or both. */
export const CreatePost = z
  .object({ content: text(0, LIMITS.messageCharacters), media_url: HttpUrl.nullish() })
  .refine(({ content, media_url }) => content !== '' || typeof media_url === 'string', {
    path: ['content'],
    error: 'must not be empty where there is no media_url',
  });
export type CreatePost = z.output<typeof CreatePost>;

const PostPath = z.object({ id: Reference });
const UserPath = z.object({ id: UserId });
const Liked = z.object({ post_id: Uuid, is_liked: z.boolean(), likes_count: Count });

export const postRoutes = {
  create: route({
    method: 'POST',
    path: '/api/v2/posts',
    summary: 'Publishes a post. Who is mentioned in it (`@id`) is notified.',
    tag: 'Posts',
    access: 'user',
    budget: 'write',
    body: CreatePost,
    answer: Post,
    status: 201,
    errors: ['INVALID_DATA'],
  }),
  list: route({
    method: 'GET',
    path: '/api/v2/posts',
    summary: 'Posts, the newest first; with author_id of that author only.',
    tag: 'Posts',
    access: 'user',
    budget: 'light',
    query: Page.extend({ author_id: UserId.optional() }),
    answer: listOf(Post),
    status: 200,
    errors: ['INVALID_DATA'],
  }),
  get: route({
    method: 'GET',
    path: '/api/v2/posts/:id',
    summary: 'A post.',
    tag: 'Posts',
    access: 'user',
    budget: 'light',
    params: PostPath,
    answer: Post,
    status: 200,
    errors: ['NOT_FOUND'],
  }),
  like: route({
    method: 'PUT',
    path: '/api/v2/posts/:id/like',
    summary: 'Likes a post; liking it twice changes nothing.',
    tag: 'Posts',
    access: 'user',
    budget: 'write',
    params: PostPath,
    answer: Liked,
    status: 200,
    errors: ['NOT_FOUND'],
  }),
  unlike: route({
    method: 'DELETE',
    path: '/api/v2/posts/:id/like',
    summary: 'Takes a like back.',
    tag: 'Posts',
    access: 'user',
    budget: 'write',
    params: PostPath,
    status: 204,
    errors: ['NOT_FOUND'],
  }),
  comment: route({
    method: 'POST',
    path: '/api/v2/posts/:id/comments',
    summary: 'Comments on a post. Who is mentioned in it (`@id`) is notified.',
    tag: 'Posts',
    access: 'user',
    budget: 'write',
    params: PostPath,
    body: z.object({ content: text(1, LIMITS.messageCharacters) }),
    answer: Comment,
    status: 201,
    errors: ['INVALID_DATA', 'NOT_FOUND'],
  }),
  comments: route({
    method: 'GET',
    path: '/api/v2/posts/:id/comments',
    summary: 'Comments on a post, in the order in which they were written.',
    tag: 'Posts',
    access: 'user',
    budget: 'light',
    params: PostPath,
    query: Page,
    answer: listOf(Comment),
    status: 200,
    errors: ['INVALID_DATA', 'NOT_FOUND'],
  }),
  repost: route({
    method: 'POST',
    path: '/api/v2/posts/:id/repost',
    summary: 'Passes a post on, with or without a word of one’s own; without one a second time is a repeat.',
    tag: 'Posts',
    access: 'user',
    budget: 'write',
    params: PostPath,
    body: z.object({ content: text(0, LIMITS.messageCharacters).nullish() }).optional(),
    answer: Post,
    status: 201,
    errors: ['INVALID_DATA', 'NOT_FOUND'],
  }),
} as const;

export const followRoutes = {
  follow: route({
    method: 'PUT',
    path: '/api/v2/users/:id/follow',
    summary: 'From now on one gets the likes of this user’s posts live.',
    tag: 'People',
    access: 'user',
    budget: 'write',
    params: UserPath,
    answer: z.object({ user_id: UserId, is_following: z.literal(true) }),
    status: 200,
    errors: ['INVALID_DATA', 'NOT_FOUND'],
  }),
  unfollow: route({
    method: 'DELETE',
    path: '/api/v2/users/:id/follow',
    summary: 'Ends a follow.',
    tag: 'People',
    access: 'user',
    budget: 'write',
    params: UserPath,
    status: 204,
    errors: [],
  }),
} as const;

export const FriendRequest = z
  .object({
    id: Uuid,
    from_user_id: UserId,
    to_user_id: UserId,
    status: z.enum(['pending', 'accepted']),
    created_at: Time,
    accepted_at: Time.nullable(),
  })
  .meta({ id: 'FriendRequest' });
export type FriendRequest = z.output<typeof FriendRequest>;

export const friendRoutes = {
  request: route({
    method: 'POST',
    path: '/api/v2/friends/requests',
    summary: 'Asks a user for friendship; where that one has asked already, it is an acceptance.',
    tag: 'People',
    access: 'user',
    budget: 'write',
    body: z.object({ user_id: UserId }),
    answer: FriendRequest,
    status: 201,
    errors: ['INVALID_DATA', 'NOT_FOUND', 'FORBIDDEN'],
  }),
  accept: route({
    method: 'POST',
    path: '/api/v2/friends/requests/:id/accept',
    summary: 'Accepts a friend request: the one who was asked.',
    tag: 'People',
    access: 'user',
    budget: 'write',
    params: z.object({ id: Reference }),
    answer: FriendRequest,
    status: 200,
    errors: ['NOT_FOUND', 'FORBIDDEN'],
  }),
} as const;

export const Review = z
  .object({ id: Uuid, user_id: UserId, ...authorship, rating: z.int().min(1).max(5), content: z.string(), created_at: Time })
  .meta({ id: 'Review' });
export type Review = z.output<typeof Review>;

export const CreateReview = z.object({
  user_id: UserId,
  rating: z.int().min(1).max(5),
  content: text(0, LIMITS.messageCharacters).default(''),
});
export type CreateReview = z.output<typeof CreateReview>;

export const reviewRoutes = {
  create: route({
    method: 'POST',
    path: '/api/v2/reviews',
    summary: 'Reviews a user. One has one review of a user: another takes its place.',
    tag: 'People',
    access: 'user',
    budget: 'write',
    body: CreateReview,
    answer: Review,
    status: 201,
    errors: ['INVALID_DATA', 'NOT_FOUND'],
  }),
} as const;

const Ok = z.object({ status: z.literal('ok') });
const OfPost = z.object({ post_id: Reference });

export const socialClientEvents = {
  postOpen: clientEvent({
    name: 'post:open',
    summary: `From now on this socket gets the likes and comments of the post live; at most ${LIMITS.openPosts} posts at once.`,
    budget: 'light',
    payload: OfPost,
    ack: Ok,
  }),
  postClose: clientEvent({
    name: 'post:close',
    summary: 'This socket has the post open no more.',
    budget: 'light',
    payload: OfPost,
    ack: Ok,
  }),
} as const;

export const socialServerEvents = {
  postLiked: serverEvent({
    name: 'post:liked',
    summary: 'To the followers of the post’s author, the author, and who has it open.',
    payload: z.object({ post_id: Uuid, user_id: UserId, user_name: z.string(), likes_count: Count }),
  }),
  postUnliked: serverEvent({
    name: 'post:unliked',
    summary: 'To the followers of the post’s author, the author, and who has it open.',
    payload: z.object({ post_id: Uuid, user_id: UserId, likes_count: Count }),
  }),
  postCommented: serverEvent({
    name: 'post:commented',
    summary: 'To the post’s author and who has it open.',
    payload: z.object({ post_id: Uuid, comment: Comment, comments_count: Count }),
  }),
} as const;
