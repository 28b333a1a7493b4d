import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Failure } from '../../errors.ts';
import { Connections } from '../../realtime/connections.ts';
import { mayBeIn } from '../../realtime/namespaces.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { Presence } from './presence.ts';
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
    private readonly presence: Presence,
    private readonly sessions: SessionRegistry,
  ) {}

  onModuleInit(): void {
    this.presence.use({ isOnline: (userId) => this.sessions.of(userId).size > 0 });
    this.users.onChange((userId) => void this.#check(userId));
    // The role may have gone between the look at it and the session.
    this.sessions.onOpen(({ userId, namespace }) => {
      const role = this.users.get(userId)?.role;
      if (!role || !mayBeIn(namespace, role)) void this.#check(userId);
    });
  }

  async #check(userId: string): Promise<void> {
    // Where the store is away the user is checked at the next action, and by then from the store.
    const user = await this.users.load(userId).catch(() => undefined);
    if (!user) return;
    if (!isActive(user)) return this.connections.endUser(userId, () => false);
    this.connections.endUser(userId, ({ namespace }) => mayBeIn(namespace, user.role), new Failure('FORBIDDEN'));
  }
}
