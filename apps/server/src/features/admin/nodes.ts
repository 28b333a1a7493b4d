import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { depth, type Budget } from '@majlis/contract';
import { NodeBus, busKind } from '../../cluster/node-bus.ts';
import { NodeQuestions, questionKind } from '../../cluster/node-questions.ts';
import { Publisher } from '../../realtime/publisher.ts';
import { RateLimiter, type Usage } from '../../realtime/rate-limiter.ts';
import { serverFigures, type NodeFigures, type ServerFigures } from './figures.ts';
import { OwnNode, type Announcement, type DisconnectTarget, type ListedSocket, type SocketQuery } from './own-node.ts';

/** A place in the list of all sockets: by node, and in each in the order in which they came. */
export interface SocketPlace {
  node: string;
  nth: number;
}

type SocketFilter = Pick<SocketQuery, 'userId' | 'namespace'>;

interface SocketsAfter {
  filter: SocketFilter;
  after: SocketPlace | undefined;
  limit: number;
}

/** What another node said last, when, and what it had said when the figures were shown before. */
interface Heard {
  before: NodeFigures | undefined;
  now: NodeFigures;
  at: number;
}

/** Somebody watches the figures: say yours. */
const WANTED = busKind<Record<string, never>>('admin.figures-wanted');
const FIGURES = busKind<NodeFigures>('admin.figures');
const ANNOUNCEMENT = busKind<Announcement>('admin.announcement');
const SOCKETS = questionKind<SocketsAfter, ListedSocket[]>('admin.sockets');
const OWNER = questionKind<string, string | null>('admin.owner');
const USAGE = questionKind<string, Record<Budget, Usage>>('admin.usage');
const DISCONNECT = questionKind<DisconnectTarget, number>('admin.disconnect');

// A node that has said nothing for so long is not shown any more.
const FORGOTTEN_AFTER_MS = 5_000;
const UNWATCHED_AFTER_MS = 6_000;

/** All nodes as administrators see and control them. One that does not answer is left out, and nobody waits for it longer than a second. */
@Injectable()
export class Nodes implements OnModuleInit, OnModuleDestroy {
  readonly #own: OwnNode;
  readonly #publisher: Publisher;
  readonly #bus: NodeBus;
  readonly #questions: NodeQuestions;
  readonly #limiter: RateLimiter;
  #before: NodeFigures | undefined;
  readonly #heard = new Map<string, Heard>();
  #rest: NodeJS.Timeout | undefined;

  constructor(own: OwnNode, publisher: Publisher, bus: NodeBus, questions: NodeQuestions, limiter: RateLimiter) {
    this.#own = own;
    this.#publisher = publisher;
    this.#bus = bus;
    this.#questions = questions;
    this.#limiter = limiter;
  }

  onModuleInit(): void {
    this.#bus.on(WANTED, () => void this.#tellFigures());
    this.#bus.on(FIGURES, (now, node) => this.#heard.set(node, { before: this.#heard.get(node)?.before, now, at: performance.now() }));
    this.#bus.on(ANNOUNCEMENT, (announcement) => this.#announce(announcement));
    this.#questions.answer(SOCKETS, (asked) => this.#ownSockets(asked));
    this.#questions.answer(OWNER, (socketId) => this.#ownOwner(socketId) ?? null);
    this.#questions.answer(USAGE, (userId) => this.#limiter.usage(userId));
    this.#questions.answer(DISCONNECT, (target) => this.#own.disconnect(target));
  }

  onModuleDestroy(): void {
    clearTimeout(this.#rest);
  }

  /** The figures since they were asked for last; of other nodes what they said when they were asked for before. */
  async figures(): Promise<ServerFigures> {
    this.#bus.publish(WANTED, {});
    const own = { before: this.#before, now: await this.#ownFigures() };
    this.#before = own.now;
    const others = [...this.#heard];
    for (const [node, heard] of others) {
      if (performance.now() - heard.at > FORGOTTEN_AFTER_MS) this.#heard.delete(node);
      else this.#heard.set(node, { ...heard, before: heard.now });
    }
    return serverFigures([own, ...others.filter(([node]) => this.#heard.has(node)).map(([, heard]) => heard)]);
  }

  /** Sockets after a place. */
  async sockets(filter: SocketFilter, after: SocketPlace | undefined, limit: number): Promise<ListedSocket[]> {
    const asked = { filter, after, limit };
    const found = [this.#ownSockets(asked), ...(await this.#questions.ask(SOCKETS, asked))].flat();
    return found.toSorted((a, b) => (a.node === b.node ? a.nth - b.nth : a.node < b.node ? -1 : 1)).slice(0, limit);
  }

  /** Whose a socket is; undefined where there is no such socket. */
  async ownerOf(socketId: string): Promise<string | undefined> {
    return this.#ownOwner(socketId) ?? (await this.#questions.ask(OWNER, socketId)).find((owner) => owner !== null);
  }

  /** What a user has used of each budget, as the node knows it that has counted most: a node where the user is has the others' counts too. */
  async usage(userId: string): Promise<Record<Budget, Usage>> {
    const all = [this.#limiter.usage(userId), ...(await this.#questions.ask(USAGE, userId))];
    const most = (budget: Budget) => all.map((usage) => usage[budget]).reduce((a, b) => (b.used > a.used ? b : a));
    return { write: most('write'), light: most('light'), ping: most('ping') };
  }

  /** Ends sockets. @returns how many */
  async disconnect(target: DisconnectTarget): Promise<number> {
    const counts = [this.#own.disconnect(target), ...(await this.#questions.ask(DISCONNECT, target))];
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Gives an announcement to those it is for. */
  announce(announcement: Announcement): void {
    this.#announce(announcement);
    this.#bus.publish(ANNOUNCEMENT, announcement);
  }

  async #tellFigures(): Promise<void> {
    this.#bus.publish(FIGURES, await this.#ownFigures());
  }

  // While nobody asks, whichever node's administrators those were, nothing is measured.
  #ownFigures(): Promise<NodeFigures> {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#before = undefined;
      this.#own.rest();
    }, UNWATCHED_AFTER_MS).unref();
    return this.#own.figures();
  }

  #ownSockets({ filter, after, limit }: SocketsAfter): ListedSocket[] {
    if (after && this.#own.id < after.node) return [];
    return this.#own.list({ ...filter, afterNth: after?.node === this.#own.id ? after.nth : 0, limit });
  }

  #ownOwner(socketId: string): string | undefined {
    return this.#own.matching({ socketId })[0]?.userId;
  }

  #announce(announcement: Announcement): void {
    const { message, timestamp } = announcement;
    const event = depth.adminServerEvents.announcement.name;
    this.#publisher.toSessions(this.#own.audience(announcement), { event, data: { message, timestamp } });
  }
}
