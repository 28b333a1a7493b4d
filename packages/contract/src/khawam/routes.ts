/** REST `/api/orders`: contract §7. */
import { z } from 'zod';
import { route } from '../declare.ts';
import { LIMITS } from '../limits.ts';
import { Reference, text } from '../values.ts';
import { Page } from '../v2/routes.ts';
import { CreateOrder, Order, OrderList, OrderStatus } from './objects.ts';

const OrderPath = z.object({ id: Reference });

export const orderRoutes = {
  create: route({
    method: 'POST',
    path: '/api/orders',
    summary: 'Makes an order. A repeated Idempotency-Key returns the first one and tells nobody.',
    tag: 'Orders',
    access: 'user-or-key',
    budget: 'write',
    body: CreateOrder,
    answer: Order,
    status: 201,
    headers: z.object({
      'Idempotency-Key': text(1, LIMITS.idempotencyKeyCharacters).optional().meta({ description: 'Of this caller alone, for 24 hours.' }),
    }),
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN', 'CONFLICT', 'RATE_LIMIT', 'UNAVAILABLE'],
  }),
  list: route({
    method: 'GET',
    path: '/api/orders',
    summary: 'Orders, the latest first; staff.',
    tag: 'Orders',
    access: 'user-or-key',
    budget: 'light',
    query: Page.extend({ status: OrderStatus.optional() }),
    answer: OrderList,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN'],
  }),
  get: route({
    method: 'GET',
    path: '/api/orders/:id',
    summary: 'An order; staff, or who made it.',
    tag: 'Orders',
    access: 'user-or-key',
    budget: 'light',
    params: OrderPath,
    answer: Order,
    status: 200,
    errors: ['UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND'],
  }),
  patch: route({
    method: 'PATCH',
    path: '/api/orders/:id',
    summary:
      'Takes an order a step on; staff. new → accepted → preparing → ready → delivered, cancelled from any but delivered; another step is CONFLICT.',
    tag: 'Orders',
    access: 'user-or-key',
    budget: 'write',
    params: OrderPath,
    body: z.object({ status: OrderStatus }),
    answer: Order,
    status: 200,
    errors: ['INVALID_DATA', 'UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'RATE_LIMIT', 'UNAVAILABLE'],
  }),
  acknowledge: route({
    method: 'POST',
    path: '/api/orders/:id/ack',
    summary: 'Stops an order ringing for everybody; staff. Who did so first stands.',
    tag: 'Orders',
    access: 'user',
    budget: 'write',
    params: OrderPath,
    answer: Order,
    status: 200,
    errors: ['UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND', 'RATE_LIMIT', 'UNAVAILABLE'],
  }),
} as const;
