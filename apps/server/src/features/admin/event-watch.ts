import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { LIMITS, depth } from '@majlis/contract';
import { NodeBus, busKind } from '../../cluster/node-bus.ts';
import { isoTime } from '../../iso-time.ts';
import { Pipeline, type HandledEvent } from '../../realtime/pipeline.ts';
import { Publisher } from '../../realtime/publisher.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';

const { event: EVENT } = depth.adminServerEvents;

/** Whether somebody on the node that says so is told of every event; said again and again, so that a dead node's wish ends. */
const WANTED = busKind<boolean>('admin.events-wanted');
const EVENTS = busKind<depth.AdminEvent[]>('admin.events');

const SECOND_MS = 1_000;
const SAY_AGAIN_MS = 2_000;
const WANTED_FOR_MS = 6_000;
// What happened on one node within this time travels together.
const TRAVELS_AFTER_MS = 100;

/** Tells administrators who ask for it of each inbound event of all nodes, never of its content. While nobody asks, an event costs nothing. */
@Injectable()
export class EventWatch implements OnModuleInit, OnModuleDestroy {
  readonly #pipeline: Pipeline;
  readonly #publisher: Publisher;
  readonly #sessions: SessionRegistry;
  readonly #bus: NodeBus;
  readonly #watchers = new Set<Session>();
  /** Other nodes that want the events, and when their wish ends by itself. */
  readonly #elsewhere = new Map<string, NodeJS.Timeout>();
  #travelling: depth.AdminEvent[] = [];
  #sayAgain: NodeJS.Timeout | undefined;
  #second = 0;
  #told = 0;

  constructor(pipeline: Pipeline, publisher: Publisher, sessions: SessionRegistry, bus: NodeBus) {
    this.#pipeline = pipeline;
    this.#publisher = publisher;
    this.#sessions = sessions;
    this.#bus = bus;
  }

  onModuleInit(): void {
    this.#sessions.onClose((session) => {
      if (this.#watchers.has(session)) this.set(session, false);
    });
    this.#bus.on(WANTED, (wanted, node) => this.#wantedElsewhere(node, wanted));
    this.#bus.on(EVENTS, (events) => {
      for (const data of events) this.#publisher.toSessions(this.#watchers, { event: EVENT.name, data });
    });
  }

  onModuleDestroy(): void {
    clearInterval(this.#sayAgain);
    for (const timer of this.#elsewhere.values()) clearTimeout(timer);
  }

  /** Whether a socket is told; one that has closed meanwhile is not. */
  set(session: Session, on: boolean): void {
    if (on && this.#sessions.of(session.userId).has(session)) this.#watchers.add(session);
    else this.#watchers.delete(session);
    clearInterval(this.#sayAgain);
    this.#sayWanted();
    if (this.#watchers.size > 0) this.#sayAgain = setInterval(() => this.#sayWanted(), SAY_AGAIN_MS);
    this.#watch();
  }

  #sayWanted(): void {
    this.#bus.publish(WANTED, this.#watchers.size > 0);
  }

  #wantedElsewhere(node: string, wanted: boolean): void {
    clearTimeout(this.#elsewhere.get(node));
    if (wanted)
      this.#elsewhere.set(
        node,
        setTimeout(() => this.#wantedElsewhere(node, false), WANTED_FOR_MS),
      );
    else this.#elsewhere.delete(node);
    this.#watch();
  }

  #watch(): void {
    const wanted = this.#watchers.size > 0 || this.#elsewhere.size > 0;
    this.#pipeline.watch(wanted ? (handled) => this.#tell(handled) : undefined);
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
    if (this.#elsewhere.size > 0) this.#travel(data);
  }

  #travel(event: depth.AdminEvent): void {
    if (this.#travelling.push(event) > 1) return;
    setTimeout(() => {
      this.#bus.publish(EVENTS, this.#travelling);
      this.#travelling = [];
    }, TRAVELS_AFTER_MS);
  }
}
