import { Controller, Res } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { FollowsService } from './follows.service.ts';
import { FriendsService } from './friends.service.ts';
import { ReviewsService } from './reviews.service.ts';
import { toV2FriendRequest, toV2Review } from './v2-shapes.ts';

const { followRoutes, friendRoutes, reviewRoutes } = v2;

/** What people are to each other, by REST `/api/v2`. */
@Controller()
export class PeopleController {
  constructor(
    private readonly follows: FollowsService,
    private readonly friends: FriendsService,
    private readonly reviews: ReviewsService,
  ) {}

  @Endpoint(followRoutes.follow)
  async follow(@Caller() { userId }: UserCaller, @Input() { params }: InputOf<typeof followRoutes.follow>) {
    await this.follows.follow(userId, params.id);
    return { user_id: params.id, is_following: true as const };
  }

  @Endpoint(followRoutes.unfollow)
  async unfollow(@Caller() { userId }: UserCaller, @Input() { params }: InputOf<typeof followRoutes.unfollow>): Promise<void> {
    await this.follows.unfollow(userId, params.id);
  }

  @Endpoint(friendRoutes.request)
  async request(
    @Caller() { user }: UserCaller,
    @Input() { body }: InputOf<typeof friendRoutes.request>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { request, created } = await this.friends.request(user, body.user_id);
    if (!created) reply.status(200);
    return toV2FriendRequest(request);
  }

  @Endpoint(friendRoutes.accept)
  async accept(@Caller() { user }: UserCaller, @Input() { params }: InputOf<typeof friendRoutes.accept>) {
    return toV2FriendRequest(await this.friends.accept(user, params.id));
  }

  @Endpoint(reviewRoutes.create)
  async review(
    @Caller() { user }: UserCaller,
    @Input() { body }: InputOf<typeof reviewRoutes.create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { review, created } = await this.reviews.create(user, body);
    if (!created) reply.status(200);
    return toV2Review(review);
  }
}
