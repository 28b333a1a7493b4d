import { Controller, Res } from '@nestjs/common';
import { allawzi, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { isoTime } from '../../iso-time.ts';
import { SupportService, type TicketView } from './support.service.ts';
import { toV1SupportMessage, toV1Ticket } from './v1-shapes.ts';

const { supportRoutes: routes } = allawzi;

const ticketCursors = cursorsOf('tickets', z.object({ updatedAt: z.number(), id: z.string() }));
const messageCursors = cursorsOf('ticket-messages', z.number());

const present = ({ ticket, version, lastMessage }: TicketView) => toV1Ticket(ticket, version, lastMessage);

/** Support by REST `/api/v1`. */
@Controller()
export class SupportController {
  constructor(private readonly support: SupportService) {}

  @Endpoint(routes.list)
  async list(@Caller() { userId }: UserCaller, @Input() { query }: InputOf<typeof routes.list>) {
    const { cursor, limit, ...filter } = query;
    const { tickets, end } = await this.support.list(userId, filter, ticketCursors.decode(cursor), limit);
    return { data: tickets.map(present), nextCursor: ticketCursors.encode(end) };
  }

  @Endpoint(routes.create)
  async create(@Caller() { user }: UserCaller, @Input() { body }: InputOf<typeof routes.create>) {
    return present(await this.support.create(user, body));
  }

  @Endpoint(routes.get)
  async get(@Caller() { userId }: UserCaller, @Input() { params }: InputOf<typeof routes.get>) {
    return present(await this.support.get(userId, params.id));
  }

  @Endpoint(routes.patch)
  async patch(@Caller() { userId }: UserCaller, @Input() { params, body }: InputOf<typeof routes.patch>) {
    return present(await this.support.change(userId, params.id, body));
  }

  @Endpoint(routes.messages)
  async messages(@Caller() { userId }: UserCaller, @Input() { params, query }: InputOf<typeof routes.messages>) {
    const page = { beforeSeq: messageCursors.decode(query.cursor), limit: query.limit };
    const { messages, version, hasMore } = await this.support.messages(userId, params.id, page);
    return { data: messages.map(toV1SupportMessage), nextCursor: messageCursors.encode(hasMore ? messages[0]?.seq : undefined), version };
  }

  @Endpoint(routes.send)
  async send(
    @Caller() { userId }: UserCaller,
    @Input() { params, body }: InputOf<typeof routes.send>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { message, repeated } = await this.support.send(userId, params.id, body);
    if (repeated) reply.status(200);
    return toV1SupportMessage(message);
  }

  @Endpoint(routes.read)
  async read(@Caller() { userId }: UserCaller, @Input() { params }: InputOf<typeof routes.read>) {
    return { readAt: isoTime(await this.support.read(userId, params.id)), unreadCount: 0 };
  }
}
