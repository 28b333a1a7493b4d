import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { Failure } from '../../errors.ts';
import { LOGGER } from '../../logger.ts';
import { Connections } from '../../realtime/connections.ts';
import { mayBeIn } from '../../realtime/namespaces.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { whileStoreAway } from '../../realtime/while-store-away.ts';
import { UserDirectory } from './user-directory.ts';
import { isActive } from './user-record.ts';

/**
 * Who is disabled, blocked or erased is out of every socket at once, and who lost a role out of the namespaces that need it; on every
 * node: the change reaches each through the log.
 */
@Injectable()
export class UserSessions implements OnModuleInit {
  constructor(
    private readonly users: UserDirectory,
    private readonly connections: Connections,
    private readonly sessions: SessionRegistry,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.users.onChange((userId) => this.#check(userId));
    // The user may have been kept out, or lost the role, between the look at it and the session.
    this.sessions.onOpen(({ userId, namespace }) => {
      const user = this.users.get(userId);
      if (!user || !isActive(user) || !mayBeIn(namespace, user.role)) this.#check(userId);
    });
  }

  #check(userId: string): void {
    if (this.sessions.of(userId).size === 0) return;
    this.#endWhereNotAllowed(userId).catch((err: unknown) =>
      this.logger.error({ err, userId }, 'Nobody knows whether this user may stay connected'),
    );
  }

  async #endWhereNotAllowed(userId: string): Promise<void> {
    // However long the store is away: who acts is looked up again anyway, and for who only listens there is no other check.
    const user = await whileStoreAway(() => this.users.load(userId), Infinity);
    if (!user) return;
    if (!isActive(user)) return this.connections.endUser(userId, () => false);
    this.connections.endUser(userId, ({ namespace }) => mayBeIn(namespace, user.role), new Failure('FORBIDDEN'));
  }
}
