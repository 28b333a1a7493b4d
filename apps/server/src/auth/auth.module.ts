import { Global, Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard.ts';
import { ApiKeysController } from './api-keys.controller.ts';
import { ApiKeysService } from './api-keys.service.ts';
import { Authenticator } from './authenticator.ts';
import { DeviceRetention } from './device-retention.ts';
import { DevicesService } from './devices.service.ts';
import { FirstAdministrator } from './first-administrator.ts';
import { SignInController } from './sign-in.controller.ts';
import { SignInService } from './sign-in.service.ts';
import { Tokens } from './tokens.ts';

@Global()
@Module({
  providers: [
    ApiKeysService,
    Tokens,
    Authenticator,
    DevicesService,
    DeviceRetention,
    SignInService,
    FirstAdministrator,
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  controllers: [SignInController, ApiKeysController],
  exports: [Authenticator, DevicesService, Tokens],
})
export class AuthModule {}
