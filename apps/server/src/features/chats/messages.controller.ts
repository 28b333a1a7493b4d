import { Controller, Res } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { MessagesService } from './messages.service.ts';
import { ReadingService } from './reading.service.ts';
import { isoTime } from '../../iso-time.ts';
import { toV2Message } from './v2-shapes.ts';

const { messageRoutes } = v2;

// A cursor says on which side of which seq the next page lies.
const cursors = cursorsOf('messages', z.object({ after: z.number().optional(), before: z.number().optional() }));

/** Messages by REST `/api/v2`. */
@Controller()
export class MessagesController {
  constructor(
    private readonly messages: MessagesService,
    private readonly reading: ReadingService,
  ) {}

  @Endpoint(messageRoutes.list)
  async list(@Caller() caller: UserCaller, @Input() { params, query }: InputOf<typeof messageRoutes.list>) {
    const edge: { after?: number | undefined; before?: number | undefined } = cursors.decode(query.cursor) ?? {};
    const afterSeq = edge.after ?? query.after_seq;
    const beforeSeq = edge.before ?? query.before_seq;
    const { messages, hasMore } = await this.messages.history(caller.userId, params.id, { afterSeq, beforeSeq, limit: query.limit });
    const data = messages.map(({ message, status }) => toV2Message(message, status));
    const next = afterSeq === undefined ? { before: data[0]?.seq } : { after: data.at(-1)?.seq };
    return { data, next_cursor: cursors.encode(hasMore ? next : undefined) };
  }

  @Endpoint(messageRoutes.send)
  async send(
    @Caller() caller: UserCaller,
    @Input() { params, body }: InputOf<typeof messageRoutes.send>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const sent = await this.messages.send(caller.userId, params.id, body);
    if (!sent.message) reply.status(200);
    const { message, status } = sent.message
      ? this.messages.shown(caller.userId, sent.message)
      : await this.messages.one(caller.userId, params.id, sent.messageId);
    return toV2Message(message, status);
  }

  @Endpoint(messageRoutes.edit)
  async edit(@Caller() caller: UserCaller, @Input() { params, body }: InputOf<typeof messageRoutes.edit>) {
    const edited = await this.messages.edit(caller, params.id, params.message_id, body.content);
    const { message, status } = this.messages.shown(caller.userId, edited);
    return toV2Message(message, status);
  }

  @Endpoint(messageRoutes.remove)
  async remove(@Caller() caller: UserCaller, @Input() { params }: InputOf<typeof messageRoutes.remove>): Promise<void> {
    await this.messages.remove(caller, params.id, params.message_id);
  }

  @Endpoint(messageRoutes.read)
  async read(@Caller() caller: UserCaller, @Input() { params, body }: InputOf<typeof messageRoutes.read>) {
    const readAt = await this.reading.read({ userId: caller.userId, sessionId: null }, params.id, body.message_id);
    return { read_at: isoTime(readAt), unread_count: await this.reading.unread(caller.userId, params.id) };
  }
}
