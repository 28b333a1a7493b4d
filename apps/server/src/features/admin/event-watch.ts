import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LIMITS, depth } from '@majlis/contract';
import { isoTime } from '../../iso-time.ts';
import { Pipeline, type HandledEvent } from '../../realtime/pipeline.ts';
import { Publisher } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';

const { event: EVENT } = depth.adminServerEvents;
const SECOND_MS = 1_000;

/** Tells administrators who ask for it of each inbound event, never of its content. While nobody asks, an event costs nothing. */
@Injectable()
export class EventWatch implements OnModuleInit {
  readonly #pipeline: Pipeline;
  readonly #publisher: Publisher;
  readonly #sessions: SessionRegistry;
  readonly #watchers = new Set<Session>();
  #second = 0;
  #told = 0;

  constructor(pipeline: Pipeline, publisher: Publisher, sessions: SessionRegistry) {
    this.#pipeline = pipeline;
    this.#publisher = publisher;
    this.#sessions = sessions;
  }

  onModuleInit(): void {
    this.#sessions.onClose((session) => this.set(session, false));
  }

  /** Whether a socket is told. */
  set(session: Session, on: boolean): void {
    if (on) this.#watchers.add(session);
    else this.#watchers.delete(session);
    this.#pipeline.watch(this.#watchers.size > 0 ? (handled) => this.#tell(handled) : undefined);
  }

  #tell({ session, event, ok, durationMs }: HandledEvent): void {
    const now = Date.now();
    // Watching a flood must not become one.
    if (now - this.#second >= SECOND_MS) [this.#second, this.#told] = [now, 0];
    if (++this.#told > LIMITS.watchedEventsPerSecond) return;
    const data: depth.AdminEvent = {
      timestamp: isoTime(now),
      userId: session.userId,
      namespace: session.namespace,
      event,
      status: ok ? 'ok' : 'error',
      durationMs: Math.round(durationMs * 1000) / 1000,
      ip: session.connection.ip,
    };
    this.#publisher.toSessions(this.#watchers, { event: EVENT.name, data });
  }
}
