import { Controller, Res } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { isoTime } from '../../iso-time.ts';
import { PushSubscriptionsService } from './push-subscriptions.service.ts';

const { pushRoutes } = v2;

/** Push subscriptions by REST `/api/v2`. */
@Controller()
export class PushController {
  constructor(private readonly subscriptions: PushSubscriptionsService) {}

  @Endpoint(pushRoutes.publicKey)
  async publicKey() {
    return { public_key: (await this.subscriptions.keys()).publicKey };
  }

  @Endpoint(pushRoutes.subscribe)
  async subscribe(
    @Caller() { userId }: UserCaller,
    @Input() { body }: InputOf<typeof pushRoutes.subscribe>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { id, endpoint, createdAt, created } = await this.subscriptions.subscribe(userId, body);
    if (!created) reply.status(200);
    return { id, endpoint, created_at: isoTime(createdAt) };
  }

  @Endpoint(pushRoutes.unsubscribe)
  async unsubscribe(@Caller() { userId }: UserCaller, @Input() { body }: InputOf<typeof pushRoutes.unsubscribe>) {
    await this.subscriptions.unsubscribe(userId, body.endpoint);
  }
}
