import { Controller } from '@nestjs/common';
import { route } from '@majlis/contract';
import { z } from 'zod';
import { Endpoint } from './endpoint.ts';
import { Readiness } from './readiness.ts';

const healthRoutes = {
  live: route({
    method: 'GET',
    path: '/health/live',
    summary: 'The process answers.',
    tag: 'Health',
    access: 'public',
    budget: 'light',
    answer: z.object({ status: z.literal('live') }),
    status: 200,
    errors: [],
  }),
  ready: route({
    method: 'GET',
    path: '/health/ready',
    summary: 'The node takes connections: its store answers and it is not draining.',
    tag: 'Health',
    access: 'public',
    budget: 'light',
    answer: z.object({ status: z.literal('ready') }),
    status: 200,
    errors: ['UNAVAILABLE'],
  }),
} as const;

@Controller()
export class HealthController {
  readonly #readiness: Readiness;

  constructor(readiness: Readiness) {
    this.#readiness = readiness;
  }

  @Endpoint(healthRoutes.live)
  live() {
    return { status: 'live' };
  }

  @Endpoint(healthRoutes.ready)
  async ready() {
    await this.#readiness.check();
    return { status: 'ready' };
  }
}
