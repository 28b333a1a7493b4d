import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { timingSafeEqual } from 'node:crypto';
import { SETTINGS } from '../config/config.module.ts';
import { isLoopback } from '../config/loopback.ts';
import type { Settings } from '../config/settings.ts';
import { Failure } from '../errors.ts';
import { Metrics } from '../realtime/metrics.ts';
import { ClientAddresses } from './client-address.ts';

/** Prometheus: contract §9. From this machine only, unless `METRICS_TOKEN` is set; then whoever presents it. */
@Controller()
export class MetricsController {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly metrics: Metrics,
    private readonly addresses: ClientAddresses,
  ) {}

  @Get('/metrics')
  async scrape(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    this.#authorize(request);
    await reply.type(this.metrics.registry.contentType).send(await this.metrics.registry.metrics());
  }

  #authorize({ raw, headers }: FastifyRequest): void {
    const token = this.settings.METRICS_TOKEN;
    if (token === undefined) {
      if (!isLoopback(this.addresses.of(raw))) throw new Failure('FORBIDDEN');
      return;
    }
    const presented = Buffer.from(headers.authorization ?? '');
    const expected = Buffer.from(`Bearer ${token}`);
    if (presented.length !== expected.length || !timingSafeEqual(presented, expected)) throw new Failure('UNAUTHORIZED');
  }
}
