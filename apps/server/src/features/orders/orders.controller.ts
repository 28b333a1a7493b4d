import { Controller, Res } from '@nestjs/common';
import { khawam, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { hash } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../../errors.ts';
import { AnyCaller, Caller, type KnownCaller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { toKhawamOrder } from './khawam-shapes.ts';
import type { OrderDraft } from './order-record.ts';
import { OrdersService, type OrderCaller, type OrderView } from './orders.service.ts';

const { orderRoutes } = khawam;

const cursors = cursorsOf('orders', z.object({ createdAt: z.number(), id: z.number() }));

/** Orders by REST `/api/orders`. */
@Controller()
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Endpoint(orderRoutes.create)
  async create(
    @AnyCaller() caller: KnownCaller,
    @Input() { body, headers }: InputOf<typeof orderRoutes.create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const key = headers['Idempotency-Key'];
    const idempotency = key === undefined ? undefined : { key, bodyHash: hash('sha256', JSON.stringify(body), 'base64url') };
    const { created, ...view } = await this.orders.create(orderCaller(caller), draftOf(body), idempotency);
    if (!created) reply.status(200);
    return present(view);
  }

  @Endpoint(orderRoutes.list)
  async list(@AnyCaller() caller: KnownCaller, @Input() { query }: InputOf<typeof orderRoutes.list>) {
    const { status, limit } = query;
    const { orders, version } = await this.orders.list(orderCaller(caller), {
      status,
      before: cursors.decode(query.cursor),
      limit: limit + 1,
    });
    const page = orders.slice(0, limit);
    const last = orders.length > limit ? page.at(-1) : undefined;
    const data = page.map((order) => present({ order, version }));
    return { data, next_cursor: cursors.encode(last && { createdAt: last.createdAt, id: last.id }), version };
  }

  @Endpoint(orderRoutes.get)
  async get(@AnyCaller() caller: KnownCaller, @Input() { params }: InputOf<typeof orderRoutes.get>) {
    return present(await this.orders.get(orderCaller(caller), orderId(params.id)));
  }

  @Endpoint(orderRoutes.patch)
  async patch(@AnyCaller() caller: KnownCaller, @Input() { params, body }: InputOf<typeof orderRoutes.patch>) {
    return present(await this.orders.setStatus(orderCaller(caller), orderId(params.id), body.status));
  }

  @Endpoint(orderRoutes.acknowledge)
  async acknowledge(@Caller() { userId }: UserCaller, @Input() { params }: InputOf<typeof orderRoutes.acknowledge>) {
    return present(await this.orders.acknowledge(userId, orderId(params.id)));
  }
}

const present = ({ order, version }: OrderView): khawam.Order => ({ ...toKhawamOrder(order), version });

const orderCaller = ({ id, kind, user }: KnownCaller): OrderCaller => ({ id, userId: user?.id ?? null, isKey: kind === 'key' });

/** @throws Failure NOT_FOUND: an id of another form does not exist */
function orderId(text: string): number {
  const id = Number(text);
  if (!/^[1-9]\d*$/.test(text) || !Number.isSafeInteger(id)) throw new Failure('NOT_FOUND');
  return id;
}

const HAS_OFFSET = /(?:Z|[+-]\d\d:?\d\d)$/i;

function draftOf(body: khawam.CreateOrder): OrderDraft {
  const { created_at: createdAt } = body;
  return {
    customerName: body.customer_name,
    customerPhone: body.customer_phone,
    totalMinor: khawam.minorUnits(body.total_amount),
    finalMinor: khawam.minorUnits(body.final_amount),
    deliveryType: body.delivery_type,
    itemsCount: body.items_count,
    id: body.order_id,
    number: body.order_number,
    createdAt: createdAt === undefined ? undefined : Date.parse(HAS_OFFSET.test(createdAt) ? createdAt : `${createdAt}Z`),
  };
}
