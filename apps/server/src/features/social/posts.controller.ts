import { Controller, Res } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { PostsService } from './posts.service.ts';
import { toV2Comment, toV2Post } from './v2-shapes.ts';

const { postRoutes: routes } = v2;

const place = z.object({ createdAt: z.number(), id: z.string() });
const postCursors = cursorsOf('posts', place);
const commentCursors = cursorsOf('post-comments', place);

/** Posts by REST `/api/v2`. */
@Controller()
export class PostsController {
  constructor(private readonly posts: PostsService) {}

  @Endpoint(routes.create)
  async create(@Caller() { user }: UserCaller, @Input() { body }: InputOf<typeof routes.create>) {
    return toV2Post(await this.posts.create(user, body));
  }

  @Endpoint(routes.list)
  async list(@Caller() { userId }: UserCaller, @Input() { query }: InputOf<typeof routes.list>) {
    const page = { authorId: query.author_id, before: postCursors.decode(query.cursor), limit: query.limit };
    const { items, end } = await this.posts.list(userId, page);
    return { data: items.map(toV2Post), next_cursor: postCursors.encode(end) };
  }

  @Endpoint(routes.get)
  async get(@Caller() { userId }: UserCaller, @Input() { params }: InputOf<typeof routes.get>) {
    return toV2Post(await this.posts.get(userId, params.id));
  }

  @Endpoint(routes.like)
  async like(@Caller() { user }: UserCaller, @Input() { params }: InputOf<typeof routes.like>) {
    return { post_id: params.id, is_liked: true, likes_count: await this.posts.setLiked(user, params.id, true) };
  }

  @Endpoint(routes.unlike)
  async unlike(@Caller() { user }: UserCaller, @Input() { params }: InputOf<typeof routes.unlike>): Promise<void> {
    await this.posts.setLiked(user, params.id, false);
  }

  @Endpoint(routes.comment)
  async comment(@Caller() { user }: UserCaller, @Input() { params, body }: InputOf<typeof routes.comment>) {
    return toV2Comment(await this.posts.comment(user, params.id, body.content));
  }

  @Endpoint(routes.comments)
  async comments(@Input() { params, query }: InputOf<typeof routes.comments>) {
    const { items, end } = await this.posts.comments(params.id, commentCursors.decode(query.cursor), query.limit);
    return { data: items.map(toV2Comment), next_cursor: commentCursors.encode(end) };
  }

  @Endpoint(routes.repost)
  async repost(
    @Caller() { user }: UserCaller,
    @Input() { params, body }: InputOf<typeof routes.repost>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { post, repeated } = await this.posts.repost(user, params.id, body?.content ?? '');
    if (repeated) reply.status(200);
    return toV2Post(post);
  }
}
