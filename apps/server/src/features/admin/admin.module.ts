import { Module } from '@nestjs/common';
import { AdminEmitter } from './admin.emitter.ts';
import { AdminGateway } from './admin.gateway.ts';
import { AdminService } from './admin.service.ts';
import { EventWatch } from './event-watch.ts';
import { Nodes } from './nodes.ts';
import { OwnNode } from './own-node.ts';

@Module({ providers: [OwnNode, Nodes, EventWatch, AdminService, AdminEmitter, AdminGateway] })
export class AdminModule {}
