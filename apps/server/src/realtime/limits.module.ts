import { Global, Module } from '@nestjs/common';
import { REDIS_LINK } from '../cluster/cluster.module.ts';
import type { RedisLink } from '../cluster/redis-link.ts';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { FailedAuthLimiter } from './failed-auth-limiter.ts';
import { RateLimiter } from './rate-limiter.ts';
import { RedisUsageExchange } from './redis-usage-exchange.ts';

/** The limits that all surfaces share. */
@Global()
@Module({
  providers: [
    {
      provide: RateLimiter,
      inject: [SETTINGS, REDIS_LINK],
      useFactory: (settings: Settings, link: RedisLink | undefined) =>
        new RateLimiter(settings, undefined, link && new RedisUsageExchange(link, settings.RATE_LIMIT_WINDOW_MS)),
    },
    FailedAuthLimiter,
  ],
  exports: [RateLimiter, FailedAuthLimiter],
})
export class LimitsModule {}
