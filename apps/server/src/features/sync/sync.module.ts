import { Global, Module } from '@nestjs/common';
import { CamelSyncGateway } from './camel-sync.gateway.ts';
import { SyncService } from './sync.service.ts';
import { V2SyncGateway } from './v2-sync.gateway.ts';

// Global: every feature with streams registers them here.
@Global()
@Module({ providers: [SyncService, V2SyncGateway, CamelSyncGateway], exports: [SyncService] })
export class SyncModule {}
