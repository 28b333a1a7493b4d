import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { LIMITS, khawam } from '@majlis/contract';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { WebSocketServer, type WebSocket } from 'ws';
import { AuthenticationRefused } from '../../auth/authentication-refused.ts';
import { Authenticator, type Principal } from '../../auth/authenticator.ts';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';
import { Failure, invalid } from '../../errors.ts';
import { ClientAddresses } from '../../http/client-address.ts';
import { Drain, closeSpread } from '../../http/drain.ts';
import { HttpEntry } from '../../http/http-entry.ts';
import { originAllowed } from '../../http/origin.ts';
import { LOGGER } from '../../logger.ts';
import { FailedAuthLimiter } from '../../realtime/failed-auth-limiter.ts';
import { localeOf } from '../../realtime/handshake.ts';
import { TurnWriter } from '../../realtime/outbox.ts';
import { Pipeline } from '../../realtime/pipeline.ts';
import { RateLimiter } from '../../realtime/rate-limiter.ts';
import { RawSession, close, readFrame } from '../../realtime/raw-session.ts';
import { RawWire } from '../../realtime/raw-wire.ts';
import { identityOf } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { whileStoreAway } from '../../realtime/while-store-away.ts';
import { isUnavailable } from '../../storage/unavailable.ts';
import { isStaff } from '../users/user-record.ts';
import { OrderFeed, type Since } from './order-feed.ts';
import { ORDERS_STREAM } from './order-record.ts';

const PATH = khawam.feed.name;
const MISSED_PINGS = 2;
const GOING_AWAY = 1001;
const SUBPROTOCOL = 'bearer';

/** A socket, and the pings in a row that it has not answered. */
interface Peer {
  ws: WebSocket;
  missed: number;
}

/** The feed's raw WebSocket on the server's one port: from an upgrade to a session, and to its end. Contract §§1 and 7. */
@Injectable()
export class OrderFeedServer implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: LIMITS.frameBytes,
    perMessageDeflate: false,
    // Browsers want one of theirs back.
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : offered.values().next().value!),
  });
  readonly #peers = new Set<Peer>();
  #pings: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly entry: HttpEntry,
    private readonly drain: Drain,
    private readonly addresses: ClientAddresses,
    private readonly failedAuths: FailedAuthLimiter,
    private readonly limiter: RateLimiter,
    private readonly authenticator: Authenticator,
    private readonly writer: TurnWriter,
    private readonly sessions: SessionRegistry,
    private readonly pipeline: Pipeline,
    private readonly feed: OrderFeed,
  ) {}

  onApplicationBootstrap(): void {
    this.entry.setUpgradeHandler(PATH, (request, socket, head) => {
      this.#upgrade(request, socket, head).catch((err: unknown) => {
        // Where the store stayed away, or by a fault of ours: the client is to come back.
        if (!isUnavailable(err)) this.logger.error({ err }, 'Connection handler failed');
        socket.destroy();
      });
    });
    this.drain.onDrain(() => closeSpread([...this.#peers], ({ ws }) => ws.close(GOING_AWAY)));
    this.#pings = setInterval(() => this.#ping(), LIMITS.feedPingIntervalMs);
  }

  onModuleDestroy(): void {
    clearInterval(this.#pings);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const ip = this.addresses.of(request);
    this.logger.info({ ip }, 'WebSocket connection attempt');
    const { headers } = request;
    if (!originAllowed(headers.origin, headers.host, this.settings)) {
      return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () => socket.destroy());
    }
    const { searchParams } = new URL(request.url!, 'http://localhost');
    const admitted = await this.#admit(tokenOf(searchParams, headers), ip);
    if (this.drain.draining) return void socket.destroy();
    // From here to the session there is no wait: a user who changes is looked for among the sessions.
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      // It closes by itself after one.
      ws.on('error', () => undefined);
      if (admitted instanceof Failure) close(ws, admitted.code);
      else this.#open(ws, socket, admitted, headers, ip, sinceOf(searchParams));
    });
  }

  async #admit(token: string | undefined, ip: string): Promise<Principal | Failure> {
    if ((await this.failedAuths.wait(ip)) > 0) return new Failure('RATE_LIMIT');
    try {
      const principal = await whileStoreAway(() => this.authenticator.authenticate(token));
      if (!isStaff(principal.user)) return new Failure('FORBIDDEN');
      return this.limiter.take(principal.user.id, 'light').ok ? principal : new Failure('RATE_LIMIT');
    } catch (error) {
      if (!(error instanceof AuthenticationRefused)) throw error;
      await this.failedAuths.failed(ip);
      return new Failure('UNAUTHORIZED');
    }
  }

  #open(
    ws: WebSocket,
    socket: Duplex,
    principal: Principal,
    headers: IncomingMessage['headers'],
    ip: string,
    since: Since | Failure | undefined,
  ): void {
    const wire = new RawWire(ws, socket);
    const peer = { ws, missed: 0 };
    const session = new RawSession({
      ws,
      wire,
      writer: this.writer,
      ip,
      path: PATH,
      dialect: 'khawam',
      locale: localeOf({ auth: undefined, headers }, principal.user.locale, 'ar'),
      identity: identityOf(principal),
      stream: ORDERS_STREAM,
      onEnd: (ended) => this.feed.close(ended),
    });
    ws.on('message', (data: Buffer) => session.open && this.pipeline.receive(session, readFrame(data.toString())));
    ws.on('pong', () => (peer.missed = 0));
    ws.on('close', () => {
      this.#peers.delete(peer);
      this.feed.close(session);
    });
    this.#peers.add(peer);
    this.feed.open(session, since).catch((err: unknown) => {
      if (!isUnavailable(err)) this.logger.error({ err }, 'Replaying orders failed');
      wire.cut();
    });
    this.logger.info({ userId: session.userId, ip, connections: this.sessions.count(PATH) }, 'WebSocket: Connection established');
  }

  #ping(): void {
    for (const peer of this.#peers) {
      if (peer.missed === MISSED_PINGS) {
        peer.ws.terminate();
        continue;
      }
      peer.missed++;
      peer.ws.ping();
    }
  }
}

/** The token: the query, then the header, then the subprotocols `bearer, <token>`. */
function tokenOf(query: URLSearchParams, headers: IncomingMessage['headers']): string | undefined {
  const [scheme, offered] = (headers['sec-websocket-protocol'] ?? '').split(',').map((part) => part.trim());
  return query.get('token') || /^bearer +(\S+)/i.exec(headers.authorization ?? '')?.[1] || (scheme === SUBPROTOCOL ? offered : undefined);
}

const WHOLE_NUMBER = /^\d{1,15}$/;

/** What the query asks to have replayed; of both, the version, which says it exactly. */
function sinceOf(query: URLSearchParams): Since | Failure | undefined {
  for (const field of ['since_version', 'since'] as const) {
    const value = query.get(field);
    if (!value) continue;
    return WHOLE_NUMBER.test(value) ? { field, value: Number(value) } : invalid(field, 'must be a whole number');
  }
  return undefined;
}
