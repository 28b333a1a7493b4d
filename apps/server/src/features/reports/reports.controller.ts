import { Controller, Res } from '@nestjs/common';
import { v2, type AnswerOf, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { AnyCaller, Caller, type KnownCaller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { toV2Message } from '../chats/v2-shapes.ts';
import { ReportsService } from './reports.service.ts';
import { toV2Report } from './v2-shapes.ts';

const { reportRoutes: routes } = v2;

const cursors = { open: cursorsOf('open-reports', z.string()), resolved: cursorsOf('resolved-reports', z.string()) };

/** Reports by REST: made by anybody, read and resolved by administrators and keys, as the declarations say. */
@Controller()
export class ReportsController {
  constructor(private readonly reports: ReportsService) {}

  @Endpoint(routes.create)
  async create(
    @Caller() { userId }: UserCaller,
    @Input() { body }: InputOf<typeof routes.create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AnswerOf<typeof routes.create>> {
    const { user_id, message_id, reason } = body;
    const { report, created } = await this.reports.create(userId, { userId: user_id, messageId: message_id, reason });
    if (!created) reply.status(200);
    return toV2Report(report);
  }

  @Endpoint(routes.list)
  async list(@Input() { query }: InputOf<typeof routes.list>): Promise<AnswerOf<typeof routes.list>> {
    const places = cursors[query.status];
    const { reports, end } = await this.reports.list(query.status, places.decode(query.cursor), query.limit);
    const data = reports.map(({ report, message }) => ({ ...toV2Report(report), message: message ? toV2Message(message) : null }));
    return { data, next_cursor: places.encode(end) };
  }

  @Endpoint(routes.resolve)
  async resolve(
    @AnyCaller() { actor }: KnownCaller,
    @Input() { params, body }: InputOf<typeof routes.resolve>,
  ): Promise<AnswerOf<typeof routes.resolve>> {
    return toV2Report(await this.reports.resolve(actor, params.id, body.resolution));
  }
}
