import { Controller } from '@nestjs/common';
import { allawzi, type InputOf } from '@majlis/contract';
import { z } from 'zod';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { CannedRepliesService } from './canned-replies.service.ts';
import { toV1CannedReply } from './v1-shapes.ts';

const { cannedReplyRoutes: routes } = allawzi;

const cursors = cursorsOf('canned-replies', z.object({ title: z.string(), id: z.string() }));

/** Canned replies by REST `/api/v1`. */
@Controller()
export class CannedRepliesController {
  constructor(private readonly replies: CannedRepliesService) {}

  @Endpoint(routes.list)
  async list(@Caller() { userId }: UserCaller, @Input() { query }: InputOf<typeof routes.list>) {
    const { replies, end } = await this.replies.list(userId, cursors.decode(query.cursor), query.limit);
    return { data: replies.map(toV1CannedReply), nextCursor: cursors.encode(end) };
  }

  @Endpoint(routes.create)
  async create(@Caller() { userId }: UserCaller, @Input() { body }: InputOf<typeof routes.create>) {
    return toV1CannedReply(await this.replies.create(userId, body));
  }

  @Endpoint(routes.remove)
  async remove(@Caller() { userId }: UserCaller, @Input() { params }: InputOf<typeof routes.remove>): Promise<void> {
    await this.replies.remove(userId, params.id);
  }
}
