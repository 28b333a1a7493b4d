import { Injectable } from '@nestjs/common';
import { depth } from '@majlis/contract';
import { Publisher } from '../../realtime/publisher.ts';
import { serverFigures, type NodeFigures, type ServerFigures } from './figures.ts';
import { OwnNode, type Announcement, type DisconnectTarget, type ListedSocket, type SocketQuery } from './own-node.ts';

/** A place in the list of all sockets: by node, and in each in the order in which they came. */
export interface SocketPlace {
  node: string;
  nth: number;
}

/** All nodes as administrators see and control them. */
@Injectable()
export class Nodes {
  readonly #own: OwnNode;
  readonly #publisher: Publisher;
  #before: NodeFigures | undefined;

  constructor(own: OwnNode, publisher: Publisher) {
    this.#own = own;
    this.#publisher = publisher;
  }

  /** The figures since they were asked for last. */
  async figures(): Promise<ServerFigures & { usersOnline: number }> {
    const before = this.#before;
    const now = await this.#own.figures();
    this.#before = now;
    return { ...serverFigures([{ before, now }]), usersOnline: now.usersOnline };
  }

  /** Nobody watches the figures any more. */
  rest(): void {
    this.#before = undefined;
    this.#own.rest();
  }

  /** Sockets after a place. */
  async sockets(filter: Pick<SocketQuery, 'userId' | 'namespace'>, after: SocketPlace | undefined, limit: number): Promise<ListedSocket[]> {
    return this.#own.list({ ...filter, afterNth: after?.node === this.#own.id ? after.nth : 0, limit });
  }

  /** Whose a socket is; undefined where there is no such socket. */
  async ownerOf(socketId: string): Promise<string | undefined> {
    return this.#own.matching({ socketId, reason: '' })[0]?.userId;
  }

  /** Ends sockets. @returns how many */
  async disconnect(target: DisconnectTarget): Promise<number> {
    return this.#own.disconnect(target);
  }

  /** Gives an announcement to those it is for. */
  announce(announcement: Announcement): void {
    const { message, timestamp } = announcement;
    const event = depth.adminServerEvents.announcement.name;
    this.#publisher.toSessions(this.#own.audience(announcement), { event, data: { message, timestamp } });
  }
}
