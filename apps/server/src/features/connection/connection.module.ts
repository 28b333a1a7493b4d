import { Module } from '@nestjs/common';
import { V2ConnectionGateway } from './v2-connection.gateway.ts';

@Module({ providers: [V2ConnectionGateway] })
export class ConnectionModule {}
