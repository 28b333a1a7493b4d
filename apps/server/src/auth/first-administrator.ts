import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { Failure } from '../errors.ts';
import { UserDirectory } from '../features/users/user-directory.ts';
import { UsersService } from '../features/users/users.service.ts';
import { LOGGER } from '../logger.ts';
import { hashPassword } from './passwords.ts';

/** Makes the administrator of `ADMIN_EMAIL` where there is none at all: contract §9. The user who has that address already becomes it. */
@Injectable()
export class FirstAdministrator implements OnApplicationBootstrap {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly users: UsersService,
    private readonly directory: UserDirectory,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const email = this.settings.ADMIN_EMAIL?.toLowerCase();
    if (email === undefined || (await this.users.hasAdministrator())) return;
    const existing = await this.users.credentials(email);
    const id = existing?.id ?? uuidv7();
    const name = (await this.directory.load(id))?.name ?? 'Administrator';
    const passwordHash = await hashPassword(this.settings.ADMIN_PASSWORD!);
    try {
      await this.users.save(id, { name, email, passwordHash, role: 'admin', disabled: false });
      this.logger.info({ userId: id }, 'Made the first administrator');
    } catch (error) {
      // Another node, started at the same time, made it.
      if (!(error instanceof Failure && error.code === 'CONFLICT')) throw error;
    }
  }
}
