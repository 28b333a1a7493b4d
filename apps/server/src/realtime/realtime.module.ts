import { Global, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import type { Logger } from 'pino';
import { AuthModule } from '../auth/auth.module.ts';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { Follower } from '../log/follower.ts';
import { LOGGER } from '../logger.ts';
import { Connections } from './connections.ts';
import { EventLog } from './event-log.ts';
import { Interests } from './interests.ts';
import { Metrics } from './metrics.ts';
import { NetworkConnections } from './network-connections.ts';
import { TurnWriter } from './outbox.ts';
import { Pipeline } from './pipeline.ts';
import { Publisher } from './publisher.ts';
import { RateLimiter } from './rate-limiter.ts';
import { SessionRegistry } from './session-registry.ts';
import { SocketServer } from './socket-server.ts';

@Global()
@Module({
  imports: [DiscoveryModule, AuthModule],
  providers: [
    SessionRegistry,
    Publisher,
    Interests,
    NetworkConnections,
    Connections,
    SocketServer,
    {
      provide: Metrics,
      inject: [SessionRegistry, Publisher],
      useFactory: (sessions: SessionRegistry, publisher: Publisher) =>
        new Metrics({
          connections: () => sessions.counts(),
          clients: () => sessions.connections(),
          deliveries: () => publisher.deliveries,
        }),
    },
    {
      provide: TurnWriter,
      inject: [SETTINGS, Metrics],
      useFactory: (settings: Settings, metrics: Metrics) => new TurnWriter(settings.SOCKET_MAX_BUFFERED_BYTES, () => metrics.cutOff()),
    },
    {
      provide: Pipeline,
      inject: [SETTINGS, LOGGER, RateLimiter, SessionRegistry, Metrics],
      useFactory: (settings: Settings, logger: Logger, limiter: RateLimiter, sessions: SessionRegistry, metrics: Metrics) =>
        new Pipeline({
          limiter,
          sessions,
          metrics,
          eventLog: new EventLog(settings.LOG_EVENTS ? logger : undefined),
          onUnexpected: (err, event) => logger.error({ err, event }, 'Unexpected fault in a handler'),
        }),
    },
  ],
  exports: [SessionRegistry, Publisher, Interests, Connections, Metrics, Pipeline, TurnWriter],
})
export class RealtimeModule implements OnModuleInit {
  constructor(
    private readonly follower: Follower,
    @Inject(Publisher) private readonly publisher: Publisher,
  ) {}

  // After the directories' own listeners, which their constructors added: what is kept in memory is current when an entry is published.
  onModuleInit(): void {
    this.follower.onEntry((entry) => this.publisher.publish(entry));
    this.follower.onSkipped((stream) => this.publisher.forgetAudience(stream));
  }
}
