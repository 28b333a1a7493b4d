import type { Locale } from '@majlis/contract';
import type { Principal } from '../auth/authenticator.ts';
import type { Failure } from '../errors.ts';
import type { Outbox } from './outbox.ts';

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
  /** The language that the user chose, if any. */
  userLocale: Locale | null;
}

/** Whose a socket is that shows this principal's token. */
export function identityOf({ user, exp, tokenHash }: Principal): Identity {
  return { userId: user.id, expiresAt: Math.floor(exp * 1000), tokenHash, userLocale: user.locale };
}

/** An authenticated socket in a namespace, whatever protocol it speaks. */
export abstract class Session {
  readonly id: string;
  readonly connection: Connection;
  readonly namespace: string;
  readonly userId: string;
  readonly locale: Locale;
  /** `auth.device_id`, or the token's hash. */
  device: string;
  readonly connectedAt: number;
  /** The user's id as JSON, for the event log's lines. */
  readonly loggedUserId: string;
  identity: Identity;
  /** Which projection of the log this socket gets. */
  dialect: string;
  /** Which of its dialect's families of names it gets, where there are several: that of its latest join. */
  family: string | undefined;
  /** Streams that this socket joined; undefined until its first join. */
  joined: Set<string> | undefined;
  /** Streams that it left. */
  left: Set<string> | undefined;
  /** When it was last told of a rate limit, in milliseconds: at most once a second. */
  toldOfLimitAt = 0;

  constructor(fields: Pick<Session, 'id' | 'connection' | 'namespace' | 'locale' | 'device' | 'dialect' | 'identity'>) {
    this.id = fields.id;
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

  /** An event as sockets of this kind and namespace get it. @param version of the stream's change that it tells, where it tells one */
  abstract packet(event: string, json: string, version?: number): string;

  /** What carries it: `websocket` or `polling`. */
  abstract get transport(): string;

  /** Queues an acknowledgement; exactly one argument. */
  abstract acknowledge(id: number, answer: unknown): void;

  /** Ends the socket for good and tells why: the client is not to come back by itself. */
  abstract end(failure: Failure): void;

  /** True where each socket gathers its events for itself: its packets are none by themselves, and are never encoded for several at once. */
  readonly batched: boolean = false;

  /** Whether it can be told what an administrator announces. */
  readonly announces: boolean = true;

  /** Queues what `packet` made. */
  queue(packet: string): void {
    this.connection.outbox.push(packet);
  }

  /** Whether this socket can get streams of a kind at all. */
  carries(_prefix: string): boolean {
    return true;
  }

  /** Queues an event for this socket alone. Every event has exactly one argument. */
  send(event: string, data: unknown): void {
    this.queue(this.packet(event, JSON.stringify(data)));
  }
}
