import { Controller, Res } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { AutoProposals } from './auto-proposals.service.ts';
import { BookingsService } from './bookings.service.ts';
import { toV2Booking } from './v2-shapes.ts';

const { bookingRoutes: routes } = v2;

/** Bookings by REST `/api/v2`. */
@Controller()
export class BookingsController {
  constructor(
    private readonly bookings: BookingsService,
    private readonly proposals: AutoProposals,
  ) {}

  @Endpoint(routes.create)
  async create(@Caller() { user }: UserCaller, @Input() { body }: InputOf<typeof routes.create>) {
    return toV2Booking(await this.bookings.request(user, body));
  }

  @Endpoint(routes.confirm)
  async confirm(@Caller() { user }: UserCaller, @Input() { params }: InputOf<typeof routes.confirm>) {
    return toV2Booking(await this.bookings.confirm(user, params.id));
  }

  @Endpoint(routes.cancel)
  async cancel(@Caller() { user }: UserCaller, @Input() { params }: InputOf<typeof routes.cancel>) {
    return toV2Booking(await this.bookings.cancel(user, params.id));
  }

  @Endpoint(routes.autoRule)
  async autoRule(@Caller() { userId }: UserCaller, @Input() { body: { weeks } }: InputOf<typeof routes.autoRule>) {
    await this.proposals.setRule(userId, weeks);
    return { weeks };
  }

  @Endpoint(routes.accept)
  async accept(
    @Caller() { user }: UserCaller,
    @Input() { params, body }: InputOf<typeof routes.accept>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { booking, created } = await this.bookings.accept(user, params.id, params.message_id, body?.starts_at ?? undefined);
    if (!created) reply.status(200);
    return toV2Booking(booking);
  }
}
