import type { Logger } from 'pino';
import type { RedisLink } from './redis-link.ts';

/** One kind of message between nodes, and what it carries: JSON. Made once, by the feature that both publishes and hears it. */
export interface BusKind<Payload> {
  readonly name: string;
  /** Only for the compiler. */
  readonly payload?: Payload;
}

/** A kind of message between nodes. @param name of its own, as `chats.typing` */
export const busKind = <Payload>(name: string): BusKind<Payload> => ({ name });

/** Called with a message of another node, and that node's id. Must not wait. */
type BusListener = (payload: never, from: string) => void;

/** The channel that every node listens to. */
const ALL_NODES = 'nodes';

/**
 * What passes between nodes and is kept nowhere: typing, announcements, what administrators do. A message is for the other nodes, not
 * for this one; it arrives at most once, one node's in their order; nobody waits for it. On one node nothing is published.
 */
export class NodeBus {
  readonly #link: RedisLink | undefined;
  readonly #logger: Logger;
  readonly #listeners = new Map<string, BusListener[]>();

  constructor(link: RedisLink | undefined, logger: Logger) {
    this.#link = link;
    this.#logger = logger;
    if (!link) return;
    link.onMessage('bus', (_channel, body, from) => this.#receive(body, from));
    link.want(ALL_NODES);
  }

  /**
   * Tells the other nodes. Lost where Redis is away.
   * @param topic tells only those nodes whose sockets have the streams of that topic: `chat:<id>`, `user:<id>`; see `Topics`
   */
  publish<Payload>(kind: BusKind<Payload>, payload: Payload, topic = ALL_NODES): void {
    this.#link?.publish('bus', topic, JSON.stringify([kind.name, payload]));
  }

  /** Calls `listener` with what other nodes publish; at start, so that nothing is missed. */
  on<Payload>(kind: BusKind<Payload>, listener: (payload: Payload, from: string) => void): void {
    const listeners = this.#listeners.get(kind.name);
    if (listeners) listeners.push(listener);
    else this.#listeners.set(kind.name, [listener]);
  }

  #receive(body: string, from: string): void {
    try {
      const [name, payload] = JSON.parse(body) as [string, never];
      for (const listener of this.#listeners.get(name) ?? []) listener(payload, from);
    } catch (err) {
      // A node of another version may say what this one does not understand.
      this.#logger.warn({ err, from }, 'A message of another node was not understood');
    }
  }
}
