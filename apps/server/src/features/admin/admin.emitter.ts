import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { depth } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import { Publisher } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { Presence } from '../users/presence.ts';
import { Nodes } from './nodes.ts';

const { adminNamespace, adminServerEvents } = depth;
const EVERY_MS = 2_000;

/** Gives the figures to the sockets of `/admin`. While nobody watches nothing is counted up. */
@Injectable()
export class AdminEmitter implements OnModuleInit, OnModuleDestroy {
  readonly #nodes: Nodes;
  readonly #publisher: Publisher;
  readonly #sessions: SessionRegistry;
  readonly #presence: Presence;
  readonly #watchers = new Set<Session>();
  #timer: NodeJS.Timeout | undefined;

  constructor(nodes: Nodes, publisher: Publisher, sessions: SessionRegistry, presence: Presence) {
    this.#nodes = nodes;
    this.#publisher = publisher;
    this.#sessions = sessions;
    this.#presence = presence;
  }

  onModuleInit(): void {
    this.#sessions.onOpen((session) => {
      if (session.namespace === adminNamespace.name) this.#opened(session);
    });
    this.#sessions.onClose((session) => {
      if (this.#watchers.delete(session) && this.#watchers.size === 0) this.#rest();
    });
  }

  onModuleDestroy(): void {
    this.#rest();
  }

  #opened(session: Session): void {
    this.#watchers.add(session);
    if (this.#timer) return;
    this.#timer = setInterval(() => void this.#tell(), EVERY_MS);
    // From here on there is something to compare with.
    void this.#nodes.figures();
  }

  async #tell(): Promise<void> {
    const figures = await this.#nodes.figures();
    const data: depth.AdminStats = { timestamp: isoTime(Date.now()), ...figures, usersOnline: this.#presence.count };
    this.#publisher.toSessions(this.#watchers, { event: adminServerEvents.stats.name, data });
  }

  #rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
