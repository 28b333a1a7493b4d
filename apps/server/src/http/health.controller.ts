import { Controller, Inject } from '@nestjs/common';
import { route } from '@majlis/contract';
import { z } from 'zod';
import { Failure } from '../errors.ts';
import { STORAGE } from '../storage/storage.module.ts';
import type { Storage } from '../storage/storage.ts';
import { Drain } from './drain.ts';
import { Endpoint } from './endpoint.ts';

const healthRoutes = {
  live: route({
    method: 'GET', path: '/health/live', summary: 'The process answers.', tag: 'Health', access: 'public', budget: 'light',
    answer: z.object({ status: z.literal('live') }), status: 200, errors: [],
  }),
  ready: route({
    method: 'GET', path: '/health/ready', summary: 'The node takes connections: its store answers and it is not draining.', tag: 'Health', access: 'public',
    budget: 'light', answer: z.object({ status: z.literal('ready') }), status: 200, errors: ['UNAVAILABLE'],
  }),
} as const;

// Probes of several load balancers share one look at the store.
const CHECKED_FOR_MS = 1_000;

@Controller()
export class HealthController {
  readonly #storage: Storage;
  readonly #drain: Drain;
  #checked: { at: number; result: Promise<void> } | undefined;

  constructor(@Inject(STORAGE) storage: Storage, drain: Drain) {
    this.#storage = storage;
    this.#drain = drain;
  }

  @Endpoint(healthRoutes.live)
  live() {
    return { status: 'live' };
  }

  @Endpoint(healthRoutes.ready)
  async ready() {
    if (this.#drain.draining) throw new Failure('UNAVAILABLE', { reason: 'draining' });
    await this.#storeAnswers();
    return { status: 'ready' };
  }

  #storeAnswers(): Promise<void> {
    const now = performance.now();
    if (!this.#checked || now - this.#checked.at > CHECKED_FOR_MS) this.#checked = { at: now, result: this.#storage.check() };
    return this.#checked.result;
  }
}
