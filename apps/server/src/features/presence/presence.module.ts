import { Global, Module, type OnModuleInit } from '@nestjs/common';
import { Metrics } from '../../realtime/metrics.ts';
import { Presence } from '../users/presence.ts';
import { Contacts } from './contacts.ts';
import { PresenceLeases } from './presence-leases.ts';
import { PresenceEmitter } from './presence.emitter.ts';
import { PresenceService } from './presence.service.ts';
import { V2PresenceGateway } from './v2-presence.gateway.ts';

// Global: every feature that makes contacts registers them here.
@Global()
@Module({ providers: [Contacts, PresenceService, PresenceLeases, PresenceEmitter, V2PresenceGateway], exports: [Contacts] })
export class PresenceModule implements OnModuleInit {
  constructor(
    private readonly presence: Presence,
    private readonly service: PresenceService,
    private readonly metrics: Metrics,
  ) {}

  onModuleInit(): void {
    this.presence.use(this.service);
    this.metrics.addGauge('websocket_users_online', 'Users online, on all nodes', () => this.service.count);
  }
}
