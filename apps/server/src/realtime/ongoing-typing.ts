import { LIMITS } from '@majlis/contract';

/**
 * What sockets are typing now, by socket and place: a user may type on two devices. Nothing of it is stored; what is not renewed ends
 * after 6 s: contract §4.
 */
export class OngoingTyping<Typing> {
  readonly #bySocket = new Map<string, Map<string, { typing: Typing; timer: NodeJS.Timeout }>>();
  readonly #endedByServer: (typing: Typing) => void;

  /** @param endedByServer told what was not renewed, and what a socket that is gone was typing */
  constructor(endedByServer: (typing: Typing) => void) {
    this.#endedByServer = endedByServer;
  }

  /** A socket types in a place. */
  begin(socketId: string, place: string, typing: Typing): void {
    this.end(socketId, place);
    let places = this.#bySocket.get(socketId);
    if (!places) this.#bySocket.set(socketId, (places = new Map()));
    const timer = setTimeout(() => this.#endByServer(socketId, place), LIMITS.typingTtlMs);
    places.set(place, { typing, timer });
  }

  /** A socket no longer types in a place. @returns what it was typing, if it was */
  end(socketId: string, place: string): Typing | undefined {
    const places = this.#bySocket.get(socketId);
    const ongoing = places?.get(place);
    if (!places || !ongoing) return undefined;
    clearTimeout(ongoing.timer);
    places.delete(place);
    if (places.size === 0) this.#bySocket.delete(socketId);
    return ongoing.typing;
  }

  /** Ends whatever a socket was typing: it is gone. */
  disconnected(socketId: string): void {
    for (const place of this.#bySocket.get(socketId)?.keys() ?? []) this.#endByServer(socketId, place);
  }

  #endByServer(socketId: string, place: string): void {
    const typing = this.end(socketId, place);
    if (typing !== undefined) this.#endedByServer(typing);
  }
}
