import { LIMITS } from '@majlis/contract';
import type { BusKind, NodeBus } from '../cluster/node-bus.ts';

/** That somebody types somewhere, or stopped: a socket and its user, beside the place, which the kind of place names. */
export interface SocketTyping {
  userId: string;
  isTyping: boolean;
  /** The socket that types, on whatever node. */
  sessionId: string;
}

interface Ongoing<Typing> {
  typing: Typing;
  timer: NodeJS.Timeout;
}

// A node that is gone tells of no end, and an end may get lost between nodes: who heard of a beginning ends it as well, a little later.
const ELSEWHERE_GRACE_MS = 1_500;

/**
 * What sockets are typing now, by socket and place: a user may type on two devices. Nothing of it is stored; what is not renewed ends
 * after 6 s: contract §4. What happens on one node is told on all.
 */
export class OngoingTyping<Typing extends SocketTyping> {
  readonly #bySocket = new Map<string, Map<string, Ongoing<Typing>>>();
  readonly #placeOf: (typing: Typing) => string;
  readonly #topicOf: ((typing: Typing) => string) | undefined;
  readonly #kind: BusKind<Typing>;
  readonly #bus: NodeBus;
  readonly #listeners: ((typing: Typing) => void)[] = [];

  /** @param topicOf to which nodes it is of interest; by default to all */
  constructor(bus: NodeBus, kind: BusKind<Typing>, placeOf: (typing: Typing) => string, topicOf?: (typing: Typing) => string) {
    this.#bus = bus;
    this.#topicOf = topicOf;
    this.#kind = kind;
    this.#placeOf = placeOf;
    bus.on(kind, (typing) => {
      if (this.#note(typing, LIMITS.typingTtlMs + ELSEWHERE_GRACE_MS, (ended) => this.#tellHere(ended))) this.#tellHere(typing);
    });
  }

  /** Calls `listener` with what the sockets of this node are to be told, wherever it began. */
  onTyping(listener: (typing: Typing) => void): void {
    this.#listeners.push(listener);
  }

  /** A socket of this node types, still types, or stopped. */
  set(typing: Typing): void {
    if (this.#note(typing, LIMITS.typingTtlMs, (ended) => this.#tell(ended))) this.#tell(typing);
  }

  /** Ends whatever a socket of this node was typing: it is gone. */
  disconnected(socketId: string): void {
    for (const { typing } of this.#bySocket.get(socketId)?.values() ?? []) this.set({ ...typing, isTyping: false });
  }

  /** @returns false where it says nothing new: the end of what nobody was told of */
  #note(typing: Typing, ttlMs: number, endedByServer: (typing: Typing) => void): boolean {
    const place = this.#placeOf(typing);
    const wasTyping = this.#forget(typing.sessionId, place);
    if (!typing.isTyping) return wasTyping;
    let places = this.#bySocket.get(typing.sessionId);
    if (!places) this.#bySocket.set(typing.sessionId, (places = new Map()));
    const timer = setTimeout(() => {
      this.#forget(typing.sessionId, place);
      endedByServer({ ...typing, isTyping: false });
    }, ttlMs);
    places.set(place, { typing, timer });
    return true;
  }

  #forget(socketId: string, place: string): boolean {
    const places = this.#bySocket.get(socketId);
    const ongoing = places?.get(place);
    if (!places || !ongoing) return false;
    clearTimeout(ongoing.timer);
    places.delete(place);
    if (places.size === 0) this.#bySocket.delete(socketId);
    return true;
  }

  #tell(typing: Typing): void {
    this.#tellHere(typing);
    this.#bus.publish(this.#kind, typing, this.#topicOf?.(typing));
  }

  #tellHere(typing: Typing): void {
    for (const listener of this.#listeners) listener(typing);
  }
}
