import { Global, Module } from '@nestjs/common';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { FailedAuthLimiter } from './failed-auth-limiter.ts';
import { RateLimiter } from './rate-limiter.ts';

/** The limits that all surfaces share. */
@Global()
@Module({
  providers: [
    { provide: RateLimiter, inject: [SETTINGS], useFactory: (settings: Settings) => new RateLimiter(settings) },
    FailedAuthLimiter,
  ],
  exports: [RateLimiter, FailedAuthLimiter],
})
export class LimitsModule {}
