import { Module } from '@nestjs/common';
import { CamelConnectionGateway } from './camel-connection.gateway.ts';
import { V2ConnectionGateway } from './v2-connection.gateway.ts';

@Module({ providers: [V2ConnectionGateway, CamelConnectionGateway] })
export class ConnectionModule {}
