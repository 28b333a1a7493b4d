import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { CONNECT_REFUSALS, EXPIRED_TOKEN, INVALID_TOKEN, type ConnectRefusal, type Locale, type v2 } from '@majlis/contract';
import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Socket } from 'socket.io';
import { AuthenticationRefused } from '../auth/authentication-refused.ts';
import { Authenticator, type Principal } from '../auth/authenticator.ts';
import { DevicesService, type SyncReason } from '../auth/devices.service.ts';
import { Failure } from '../errors.ts';
import { LOGGER } from '../logger.ts';
import { isUnavailable } from '../storage/unavailable.ts';
import { errorBody } from './error-body.ts';
import { BATCH, batchItem, batchJson } from './event-batch.ts';
import { FailedAuthLimiter } from './failed-auth-limiter.ts';
import { eventPacket } from './frame.ts';
import { deviceIdOf, localeOf, presentedToken, wantsBatches, type PresentedToken } from './handshake.ts';
import { Interests } from './interests.ts';
import { Metrics } from './metrics.ts';
import { NAMESPACES, mayBeIn } from './namespaces.ts';
import { NetworkConnections } from './network-connections.ts';
import { Pipeline } from './pipeline.ts';
import { RateLimiter } from './rate-limiter.ts';
import { RefusalDelays } from './refusal-delays.ts';
import { identityOf, type Connection, type Identity, type Session } from './session.ts';
import { SessionRegistry } from './session-registry.ts';
import { connectionOf, cutTransport, dropRequest, interceptEvents } from './socket-io-internals.ts';
import { BatchedSession, SocketIoSession } from './socket-io-session.ts';
import { whileStoreAway } from './while-store-away.ts';

/** What the middleware found out, for the connection that follows it. */
type Admission =
  | { admitted: true; identity: Identity; device: string; reason: SyncReason; locale: Session['locale'] }
  | { admitted: false; failure: Failure; userLocale?: Locale | null };

const CHECK_MS = 1_000;
// Far more than there are namespaces: a client may ask again while the first answer is on its way.
const PENDING_CONNECTS = 32;
// Packets that were sent together may arrive apart: by long-polling, a round trip of the network.
const BURST_MS = 300;
// Node's timers take at most 2^31 - 1 ms; a longer pause is never asked for.
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** From a CONNECT to a session, and from a session to its end. */
@Injectable()
export class Connections implements OnModuleDestroy {
  readonly #delays = new RefusalDelays();
  readonly #admissions = new WeakMap<Socket, Admission>();
  /** Of sockets that have shown a token and are no sessions yet. */
  readonly #underWay = new WeakMap<Connection, Set<Promise<Admission>>>();
  /** How many CONNECTs of a connection wait for an answer. */
  readonly #pending = new WeakMap<Connection, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly authenticator: Authenticator,
    private readonly devices: DevicesService,
    private readonly failedAuths: FailedAuthLimiter,
    private readonly limiter: RateLimiter,
    private readonly network: NetworkConnections,
    private readonly sessions: SessionRegistry,
    private readonly interests: Interests,
    private readonly pipeline: Pipeline,
    private readonly metrics: Metrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#timer = setInterval(() => this.#endExpired(), CHECK_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  /** Connection middleware of every namespace: authentication, before any event is dispatched. Never throws. */
  async admit(socket: Socket, next: (error?: Error) => void): Promise<void> {
    try {
      const admission = await this.#admit(socket);
      this.#admissions.set(socket, admission);
      if (admission.admitted || this.#rules(socket).refusal === 'error-event') return next();
      // A limit passes, and after a connect_error stock clients do not come back.
      if (admission.failure.code === 'RATE_LIMIT') throw admission.failure;
      next(this.#connectError(socket, admission.failure, admission.userLocale));
    } catch (err) {
      if (!(err instanceof Failure) && !isUnavailable(err)) this.logger.error({ err }, 'Connecting failed');
      // The store stayed away, or a fault of ours: the client is to come back, so no connect_error but a closed transport.
      cutTransport(connectionOf(socket));
      // Nobody hears this any more; but Socket.IO keeps a socket, and all that hangs on it, until its middleware has answered.
      next(new Error('closed'));
    }
  }

  /** A socket is connected: it becomes a session, or hears why not and is disconnected. */
  connected(socket: Socket): void {
    const admission = this.#admissions.get(socket)!;
    this.#admissions.delete(socket);
    const connection = this.#connection(socket);
    if (!admission.admitted) return this.#refuse(socket, connection, admission.failure);
    const { identity, device, reason, locale } = admission;
    const session = new (wantsBatches(socket.handshake) ? BatchedSession : SocketIoSession)({
      socket,
      connection,
      locale,
      device,
      identity,
      dialect: this.#rules(socket).dialect,
    });
    dropRequest(socket);
    interceptEvents(socket, (packet) => this.pipeline.receive(session, packet));
    socket.on('disconnect', (cause) => this.#closed(session, cause));
    this.#greet(session, reason);
    this.sessions.add(session);
    this.metrics.connected();
    if (reason === 'reconnection') this.metrics.reconnected();
  }

  /** Swaps the token for all of this user's sockets on the session's connection. @throws Failure UNAUTHORIZED */
  async refresh(session: Session, token: string): Promise<Identity> {
    const principal = await this.authenticator.authenticate(token).catch((error: unknown) => {
      if (error instanceof AuthenticationRefused) throw new Failure('UNAUTHORIZED', undefined, EXPIRED_TOKEN);
      throw error;
    });
    if (principal.user.id !== session.userId)
      throw new Failure('UNAUTHORIZED', { field: 'token', problem: 'is of another user' }, INVALID_TOKEN);
    const identity = identityOf(principal);
    for (const other of session.connection.sessions) {
      if (other.userId !== session.userId) continue;
      // Without a device id a token is a device of its own, the new one as well.
      if (other.device === other.identity.tokenHash) other.device = identity.tokenHash;
      other.identity = identity;
      if (other.namespace !== '/') continue;
      this.devices.renewed({ ...identity, device: other.device });
      this.#tellToSync(other, 'token_refresh');
    }
    return identity;
  }

  /** Ends those sockets of a user that `allowed` does not spare: the user is deleted, disabled, or by `failure` no longer allowed there. */
  endUser(userId: string, allowed: (session: Session) => boolean, failure = new Failure('UNAUTHORIZED', undefined, EXPIRED_TOKEN)): void {
    for (const session of this.sessions.of(userId)) if (!allowed(session)) session.end(failure);
  }

  #rules(socket: Socket) {
    return NAMESPACES[socket.nsp.name]!;
  }

  async #admit(socket: Socket): Promise<Admission> {
    const connection = this.#connection(socket);
    const pending = this.#pending.get(connection) ?? 0;
    if (pending >= PENDING_CONNECTS) throw new Failure('RATE_LIMIT');
    this.#pending.set(connection, pending + 1);
    try {
      return await this.#answer(socket, connection);
    } finally {
      this.#pending.set(connection, this.#pending.get(connection)! - 1);
    }
  }

  async #answer(socket: Socket, connection: Connection): Promise<Admission> {
    const presented = presentedToken(socket.handshake);
    if (presented.kind === 'malformed') return this.#refused(socket, 'invalid');
    // A header came with the connection and grows old with it; whose the connection is now, `auth:refresh` included, its sessions know.
    const outdated = presented.kind === 'token' && presented.from === 'header' && connection.sessions.size > 0;
    if (presented.kind === 'missing' || outdated) return this.#admitAsSibling(socket, Date.now());
    const underWay = this.#underWay.get(connection) ?? new Set();
    this.#underWay.set(connection, underWay);
    const admission = this.#authenticate(socket, presented);
    underWay.add(admission);
    try {
      return await admission;
    } finally {
      // By then it is a session, or refused.
      setImmediate(() => underWay.delete(admission));
    }
  }

  /** Without a token, on a connection where another namespace is authenticated already: that user's. */
  async #admitAsSibling(socket: Socket, since: number): Promise<Admission> {
    const sibling = await this.#sibling(this.#connection(socket));
    if (!sibling) return this.#refused(socket, 'missing');
    const role = await whileStoreAway(() => this.authenticator.roleOf(sibling.identity.userId), since);
    return role ? this.#admitted(socket, sibling.identity, role, sibling.device, since) : this.#refused(socket, 'unknownUser');
  }

  async #sibling(connection: Connection): Promise<Pick<Session, 'identity' | 'device'> | undefined> {
    const [session] = connection.sessions;
    if (session) return session;
    // Stock clients send the CONNECTs of all their namespaces in one burst: the one with the token is being looked at, or comes next.
    if (!this.#underWay.get(connection)?.size) await pause(BURST_MS);
    for (const underWay of this.#underWay.get(connection) ?? []) {
      const admission = await underWay.catch(() => undefined);
      if (admission?.admitted) return admission;
    }
    return connection.sessions.values().next().value;
  }

  async #authenticate(socket: Socket, presented: Extract<PresentedToken, { kind: 'token' }>): Promise<Admission> {
    const since = Date.now();
    let principal: Principal;
    try {
      principal = await whileStoreAway(() => this.authenticator.authenticate(presented.token), since);
    } catch (error) {
      if (!(error instanceof AuthenticationRefused)) throw error;
      const { token, reason } = error;
      if (token) {
        const device = deviceIdOf(socket.handshake) ?? token.hash;
        this.devices.refused({ userId: token.userId, tokenHash: token.hash, expiresAt: Math.floor(token.exp * 1000), device });
      }
      return this.#refused(socket, reason === 'expired' ? 'invalid' : reason, presented.token);
    }
    const identity = identityOf(principal);
    return this.#admitted(socket, identity, principal.user.role, deviceIdOf(socket.handshake) ?? identity.tokenHash, since);
  }

  async #admitted(socket: Socket, identity: Identity, role: v2.Role, device: string, since: number): Promise<Admission> {
    const { userLocale } = identity;
    const allowance = this.limiter.take(identity.userId, 'light');
    if (!allowance.ok) return { admitted: false, failure: new Failure('RATE_LIMIT', { retry_after_ms: allowance.retryAfterMs }) };
    // Nobody guesses here: it counts as no failed authentication, and the user's own limit slows it down.
    if (!mayBeIn(socket.nsp.name, role)) return { admitted: false, failure: new Failure('FORBIDDEN', { reason: 'forbidden' }), userLocale };
    // Only `/` tells the reason. What the other namespaces of a connection did would only blur how the device's latest one ended.
    const connected = () => this.devices.connected({ ...identity, device });
    const { carries } = this.#rules(socket);
    await whileStoreAway(() => this.interests.enter(identity.userId, (prefix) => carries.has(prefix)), since);
    const reason = socket.nsp.name === '/' ? await whileStoreAway(connected, since) : 'connection_established';
    return {
      admitted: true,
      identity,
      device,
      reason,
      locale: localeOf(socket.handshake, userLocale, this.#rules(socket).locale),
    };
  }

  async #refused(socket: Socket, reason: ConnectRefusal, token = ''): Promise<Admission> {
    const { ip } = this.#connection(socket);
    // One connection can ask for ever: past the limit it is ended, and the next handshake is answered 429.
    if (!(await this.failedAuths.failed(ip))) throw new Failure('RATE_LIMIT');
    // Who has no token is told apart by address: otherwise all such clients of the world would wait for each other.
    await pause(this.#delays.next(token === '' ? ip : hash('sha256', token, 'base64'), Date.now()));
    return { admitted: false, failure: new Failure(reason === 'forbidden' ? 'FORBIDDEN' : 'UNAUTHORIZED', { reason }) };
  }

  #connectError(socket: Socket, { code, details }: Failure, userLocale: Locale | null | undefined): Error {
    const reason = (details?.['reason'] as ConnectRefusal | undefined) ?? 'other';
    const texts = CONNECT_REFUSALS[reason];
    const error = new Error(texts[localeOf(socket.handshake, userLocale, this.#rules(socket).locale)]);
    return Object.assign(error, { data: { code, message: texts.en, timestamp: new Date().toISOString() } });
  }

  // On `/` the documents' clients expect to connect, to hear the sentence that they compare, and to be disconnected.
  #refuse(socket: Socket, connection: Connection, failure: Failure): void {
    const limited = failure.code === 'RATE_LIMIT';
    const body = errorBody(limited ? failure : new Failure(failure.code, undefined, INVALID_TOKEN), 'en');
    const json = JSON.stringify(body);
    const { name } = socket.nsp;
    const packet = wantsBatches(socket.handshake)
      ? eventPacket(name, BATCH, batchJson([batchItem('error', json)]))
      : eventPacket(name, 'error', json);
    connection.outbox.push(packet);
    connection.outbox.flush();
    // A limit passes: the client is to come back by itself.
    if (limited) return cutTransport(connectionOf(socket));
    socket.disconnect();
  }

  #connection(socket: Socket): Connection {
    return this.network.of(connectionOf(socket));
  }

  #greet(session: Session, reason: SyncReason): void {
    if (session.dialect !== 'v2') return session.send('connected', { userId: session.userId, socketId: session.id });
    session.send('connected', { socket_id: session.id, user_id: session.userId, timestamp: new Date().toISOString() });
    this.#tellToSync(session, reason);
  }

  #tellToSync(session: Session, reason: SyncReason): void {
    const { userId } = session;
    const whose = session.dialect === 'v2' ? { user_id: userId } : { userId };
    session.send('sync:required', { ...whose, reason, timestamp: new Date().toISOString() });
  }

  #closed(session: Session, cause: string): void {
    this.sessions.remove(session);
    if (session.namespace !== '/' || cause !== 'client namespace disconnect') return;
    // A client with a socket for each chat closes one of them; the device is still there.
    const { userId, device } = session;
    for (const other of this.sessions.of(userId)) if (other.namespace === '/' && other.device === device) return;
    this.devices.left({ ...session.identity, device });
  }

  #endExpired(): void {
    const now = Date.now();
    // The store knows when the token expired, so nothing need be written for the reason of the next connection.
    for (const session of this.sessions.all()) {
      if (session.identity.expiresAt <= now) session.end(new Failure('UNAUTHORIZED', undefined, EXPIRED_TOKEN));
    }
  }
}
