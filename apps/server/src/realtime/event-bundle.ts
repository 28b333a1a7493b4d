import type { Session } from './session.ts';
import { SharedPackets } from './shared-packets.ts';

/** An event on the wire, its one argument already JSON. */
export interface EncodedEvent {
  event: string;
  json: string;
}

/** Passing events that go to many sockets together, in order: encoded once for all of a namespace, and one write to each. */
export class EventBundle {
  readonly events: readonly EncodedEvent[];
  readonly #packets = new Map<string, SharedPackets>();

  constructor(events: readonly EncodedEvent[]) {
    this.events = events;
  }

  /** Queues all of them for a socket. */
  giveTo(session: Session): void {
    if (!session.batched) return session.connection.outbox.push(this.#shared(session));
    for (const { event, json } of this.events) session.queue(session.packet(event, json));
  }

  #shared(session: Session): SharedPackets {
    let shared = this.#packets.get(session.namespace);
    if (!shared) {
      this.#packets.set(session.namespace, (shared = new SharedPackets()));
      for (const { event, json } of this.events) shared.add(session.packet(event, json));
    }
    return shared;
  }
}
