import { Controller } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import { z } from 'zod';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { toV2Message } from '../chats/v2-shapes.ts';
import { SearchService } from './search.service.ts';

const { search } = v2.messageRoutes;
const cursors = cursorsOf('search', z.number());

/** Search by REST `/api/v2`. */
@Controller()
export class SearchController {
  constructor(private readonly service: SearchService) {}

  @Endpoint(search)
  async messages(@Caller() { userId }: UserCaller, @Input() { query }: InputOf<typeof search>) {
    const { messages, next } = await this.service.messages(userId, {
      text: query.q,
      chatId: query.chat_id,
      before: cursors.decode(query.cursor),
      limit: query.limit,
    });
    return {
      data: messages.map(({ message, status }) => toV2Message(message, status)),
      next_cursor: cursors.encode(next),
    };
  }
}
