import type { Locale } from '@majlis/contract';
import type { Socket } from 'socket.io';
import type { Outbox } from './outbox.ts';
import { ackPacket, eventPacket } from './frame.ts';

/** One network connection; the sockets of several namespaces may share it. */
export interface Connection {
  readonly outbox: Outbox;
  readonly ip: string;
  readonly sessions: Set<Session>;
}

/** Whose a socket is, as its token says; what the user may do is asked of the store at each action. */
export interface Identity {
  userId: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** SHA-256 of the token: tells tokens apart without keeping them. */
  tokenHash: string;
}

/** An authenticated socket in a namespace. */
export class Session {
  readonly id: string;
  readonly socket: Socket;
  readonly connection: Connection;
  readonly namespace: string;
  readonly userId: string;
  readonly locale: Locale;
  /** `auth.device_id`, or the first token's hash. */
  readonly device: string;
  readonly connectedAt: number;
  /** The user's id as JSON, for the event log's lines. */
  readonly loggedUserId: string;
  identity: Identity;
  /** Which projection of the log this socket gets. */
  dialect: string;
  /** Streams that this socket joined; undefined until its first join. */
  joined: Set<string> | undefined;
  /** Streams that it left. */
  left: Set<string> | undefined;
  /** When it was last told of a rate limit, in milliseconds: at most once a second. */
  toldOfLimitAt = 0;

  constructor(fields: Pick<Session, 'socket' | 'connection' | 'namespace' | 'locale' | 'device' | 'dialect' | 'identity'>) {
    this.id = fields.socket.id;
    this.socket = fields.socket;
    this.connection = fields.connection;
    this.namespace = fields.namespace;
    this.userId = fields.identity.userId;
    this.locale = fields.locale;
    this.device = fields.device;
    this.dialect = fields.dialect;
    this.identity = fields.identity;
    this.connectedAt = Date.now();
    this.loggedUserId = JSON.stringify(this.userId);
  }

  /** Queues an event for this socket alone. Every event has exactly one argument. */
  send(event: string, data: unknown): void {
    this.connection.outbox.push(eventPacket(this.namespace, event, JSON.stringify(data)));
  }

  /** Queues an acknowledgement; exactly one argument. */
  acknowledge(id: number, answer: unknown): void {
    this.connection.outbox.push(ackPacket(this.namespace, id, JSON.stringify(answer)));
  }
}
