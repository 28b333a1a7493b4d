import { busKind, type BusKind, type NodeBus } from './node-bus.ts';
import type { RedisLink } from './redis-link.ts';

type Entry = readonly [key: string, member: string];

/** What a node says of its own part: that it grew or shrank, what it is (in pieces), and that it wants to know the others'. */
type Message = { said: 'added' | 'deleted'; entry: Entry } | { said: 'all'; entries: readonly Entry[]; last: boolean } | { said: 'ask' };

type Sets = Map<string, Set<string>>;

const TICK_MS = 1_000;
/** What a node held is gone when nothing was heard of it for so long. */
export const NODE_LEASE_MS = 5_000;
const ENTRIES_A_MESSAGE = 5_000;

/**
 * Sets of which every node holds a part: who is in which room. A member is in a set while any node holds it. Each node tells the others
 * what its part is when it comes to them, and every change of it; what a node held ends with the node. While Redis is away this node
 * goes on with what it knew. On one node there is nothing but its own part.
 */
export class SharedSets {
  readonly #kind: BusKind<Message>;
  readonly #bus: NodeBus;
  readonly #own: Sets = new Map();
  /** The parts of the other nodes. */
  readonly #parts = new Map<string, Sets>();
  /** Parts that are being told, piece by piece. */
  readonly #coming = new Map<string, Sets>();
  /** How many nodes hold a member, by key. */
  readonly #holders = new Map<string, Map<string, number>>();
  readonly #listeners: ((key: string, member: string, isIn: boolean) => void)[] = [];
  readonly #timer: NodeJS.Timeout | undefined;
  #upSince = Infinity;
  /** Something was perhaps not heard by all. */
  #unheard = false;

  /** @param name of its own, as that of a kind of messages on the bus */
  constructor(name: string, bus: NodeBus, link: RedisLink | undefined) {
    this.#kind = busKind<Message>(name);
    this.#bus = bus;
    if (!link) return;
    bus.on(this.#kind, (message, from) => this.#heard(message, from));
    link.onUp(() => {
      this.#tell({ said: 'ask' });
      this.#tellAll();
    });
    link.onLost(() => (this.#unheard = true));
    this.#timer = setInterval(() => this.#tick(link), TICK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Calls `listener` when a member came into a set, or is in it no longer, by what happened on other nodes. */
  onChange(listener: (key: string, member: string, isIn: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** This node holds a member. @returns true where no node did before */
  add(key: string, member: string): boolean {
    if (this.#own.get(key)?.has(member)) return false;
    addTo(this.#own, key, member);
    this.#tell({ said: 'added', entry: [key, member] });
    return this.#count(key, member, 1) === 1;
  }

  /** This node holds a member no longer. @returns true where no other node does */
  delete(key: string, member: string): boolean {
    if (!deleteFrom(this.#own, key, member)) return false;
    this.#tell({ said: 'deleted', entry: [key, member] });
    return this.#count(key, member, -1) === 0;
  }

  /** The members of a set, on whatever node. */
  of(key: string): string[] {
    return [...(this.#holders.get(key)?.keys() ?? [])];
  }

  #heard(message: Message, from: string): void {
    if (message.said === 'ask') return this.#tellAll();
    if (message.said === 'all') return this.#heardAll(message.entries, message.last, from);
    const part = this.#parts.get(from);
    // A change of what is not known: better the whole.
    if (!part) return this.#tell({ said: 'ask' });
    const [key, member] = message.entry;
    if (message.said === 'added') this.#addElsewhere(part, key, member);
    else this.#deleteElsewhere(part, key, member);
  }

  #heardAll(entries: readonly Entry[], last: boolean, from: string): void {
    const coming = this.#coming.get(from) ?? new Map<string, Set<string>>();
    for (const [key, member] of entries) addTo(coming, key, member);
    if (!last) {
      this.#coming.set(from, coming);
      return;
    }
    this.#coming.delete(from);
    const part = this.#parts.get(from) ?? new Map<string, Set<string>>();
    this.#parts.set(from, part);
    for (const [key, member] of entriesOf(coming)) this.#addElsewhere(part, key, member);
    for (const [key, member] of entriesOf(part)) if (!coming.get(key)?.has(member)) this.#deleteElsewhere(part, key, member);
  }

  #addElsewhere(part: Sets, key: string, member: string): void {
    if (part.get(key)?.has(member)) return;
    addTo(part, key, member);
    if (this.#count(key, member, 1) === 1) this.#changed(key, member, true);
  }

  #deleteElsewhere(part: Sets, key: string, member: string): void {
    if (deleteFrom(part, key, member) && this.#count(key, member, -1) === 0) this.#changed(key, member, false);
  }

  #tick(link: RedisLink): void {
    if (!link.up) {
      this.#upSince = Infinity;
      return;
    }
    const now = performance.now();
    this.#upSince = Math.min(this.#upSince, now);
    if (this.#unheard) this.#tellAll();
    const { peers } = link;
    // After an outage all others have been silent, whether they are there or not.
    if (now - this.#upSince >= NODE_LEASE_MS) {
      for (const [node, part] of this.#parts) if ((peers.get(node) ?? Infinity) > NODE_LEASE_MS) this.#drop(node, part);
    }
    const isUnknown = ([node, silentMs]: [string, number]) => silentMs < NODE_LEASE_MS && !this.#parts.has(node);
    if ([...peers].some(isUnknown)) this.#tell({ said: 'ask' });
  }

  #drop(node: string, part: Sets): void {
    this.#parts.delete(node);
    this.#coming.delete(node);
    for (const [key, member] of entriesOf(part)) this.#deleteElsewhere(part, key, member);
  }

  #tellAll(): void {
    this.#unheard = false;
    const entries = entriesOf(this.#own);
    for (let i = 0; i === 0 || i < entries.length; i += ENTRIES_A_MESSAGE) {
      const piece = entries.slice(i, i + ENTRIES_A_MESSAGE);
      this.#tell({ said: 'all', entries: piece, last: i + ENTRIES_A_MESSAGE >= entries.length });
    }
  }

  #tell(message: Message): void {
    this.#bus.publish(this.#kind, message);
  }

  /** @returns how many nodes hold it now */
  #count(key: string, member: string, change: 1 | -1): number {
    const counts = this.#holders.get(key) ?? new Map<string, number>();
    const count = (counts.get(member) ?? 0) + change;
    if (count > 0) counts.set(member, count);
    else counts.delete(member);
    if (counts.size > 0) this.#holders.set(key, counts);
    else this.#holders.delete(key);
    return count;
  }

  #changed(key: string, member: string, isIn: boolean): void {
    for (const listener of this.#listeners) listener(key, member, isIn);
  }
}

function addTo(sets: Sets, key: string, member: string): void {
  const set = sets.get(key);
  if (set) set.add(member);
  else sets.set(key, new Set([member]));
}

function deleteFrom(sets: Sets, key: string, member: string): boolean {
  const set = sets.get(key);
  if (!set?.delete(member)) return false;
  if (set.size === 0) sets.delete(key);
  return true;
}

function entriesOf(sets: Sets): Entry[] {
  return [...sets].flatMap(([key, members]) => [...members].map((member): Entry => [key, member]));
}
