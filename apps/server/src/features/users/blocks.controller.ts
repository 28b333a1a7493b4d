import { Controller } from '@nestjs/common';
import { v2, type AnswerOf, type InputOf } from '@majlis/contract';
import { z } from 'zod';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { isoTime } from '../../iso-time.ts';
import { BlocksService } from './blocks.service.ts';

const { blockRoutes: routes } = v2;

const cursors = cursorsOf('blocks', z.string());

@Controller()
export class BlocksController {
  constructor(private readonly blocks: BlocksService) {}

  @Endpoint(routes.put)
  async put(@Caller() { userId }: UserCaller, @Input() { params }: InputOf<typeof routes.put>): Promise<void> {
    await this.blocks.block(userId, params.id);
  }

  @Endpoint(routes.remove)
  async remove(@Caller() { userId }: UserCaller, @Input() { params }: InputOf<typeof routes.remove>): Promise<void> {
    await this.blocks.unblock(userId, params.id);
  }

  @Endpoint(routes.list)
  async list(@Caller() { userId }: UserCaller, @Input() { query }: InputOf<typeof routes.list>): Promise<AnswerOf<typeof routes.list>> {
    const { blocks, end } = await this.blocks.list(userId, cursors.decode(query.cursor), query.limit);
    const data = blocks.map((block) => ({ user_id: block.userId, created_at: isoTime(block.createdAt) }));
    return { data, next_cursor: cursors.encode(end) };
  }
}
