import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { LIMITS, type ClientEvent } from '@majlis/contract';
import { Server as EngineServer } from 'engine.io';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { Server, type Namespace } from 'socket.io';
import { WebSocketServer } from 'ws';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { ClientAddresses } from '../http/client-address.ts';
import { Drain, closeSpread } from '../http/drain.ts';
import { HttpEntry } from '../http/http-entry.ts';
import { originVerdict } from '../http/origin.ts';
import { LOGGER } from '../logger.ts';
import { Connections } from './connections.ts';
import { FailedAuthLimiter } from './failed-auth-limiter.ts';
import { COMPRESS_FROM_BYTES } from './frame.ts';
import { GATEWAY, HANDLES, type Place } from './gateway.ts';
import { NAMESPACES } from './namespaces.ts';
import { NetworkConnections } from './network-connections.ts';
import { Pipeline } from './pipeline.ts';
import { cutTransport, openConnection, openConnections, type EngineConnection } from './socket-io-internals.ts';

const PATH = '/socket.io/';

/**
 * Socket.IO on the server's one port. It hands inbound packets to the pipeline, which knows the gateways' handlers; nothing else is
 * ever attached to a socket. Connection state recovery stays off: it adds an argument to every event and skips authentication.
 */
@Injectable()
export class SocketServer implements OnApplicationBootstrap {
  readonly #engine: EngineServer;
  readonly #io: Server;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly entry: HttpEntry,
    private readonly drain: Drain,
    private readonly addresses: ClientAddresses,
    private readonly failedAuths: FailedAuthLimiter,
    private readonly network: NetworkConnections,
    private readonly connections: Connections,
    private readonly pipeline: Pipeline,
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {
    this.#engine = new EngineServer({
      maxHttpBufferSize: LIMITS.frameBytes,
      pingTimeout: LIMITS.pingTimeoutMs,
      pingInterval: LIMITS.pingIntervalMs,
      // No context is taken over, in either direction: it would cost every connection its own compressor.
      perMessageDeflate: {
        threshold: COMPRESS_FROM_BYTES,
        zlibDeflateOptions: { level: 6 },
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
      },
      // A newer one than Engine.IO's own: it bounds the answers that wait for a peer which pings and does not read.
      wsEngine: WebSocketServer,
      // Ours is written below, by the rule that REST and the raw WebSocket share.
      cors: undefined,
    });
    this.#io = new Server({ connectTimeout: LIMITS.connectTimeoutMs, serveClient: false, cleanupEmptyChildNamespaces: false });
    this.#io.bind(this.#engine);
    this.#engine.on('connection', (connection: EngineConnection) => void this.network.of(connection));
  }

  /** Network connections, on both transports. */
  get clients(): number {
    return this.#engine.clientsCount;
  }

  onApplicationBootstrap(): void {
    for (const name of Object.keys(NAMESPACES)) this.#open(this.#io.of(name));
    this.#registerHandlers();
    this.entry.setHandler(PATH, (request, response) => this.#guard(this.#request(request, response), response));
    this.entry.setUpgradeHandler(PATH, (request, socket, head) => this.#guard(this.#upgrade(request, socket, head), socket));
    this.drain.onDrain(() => this.#close());
  }

  #open(namespace: Namespace): void {
    namespace.use((socket, next) => void this.connections.admit(socket, next));
    namespace.on('connection', (socket) => this.connections.connected(socket));
  }

  // Every provider marked with @Gateway; its methods marked with @On become the pipeline's handlers.
  #registerHandlers(): void {
    for (const { instance, metatype } of this.discovery.getProviders()) {
      const places = metatype ? this.reflector.get<Place[] | undefined>(GATEWAY, metatype) : undefined;
      if (places === undefined) continue;
      for (const method of this.scanner.getAllMethodNames(Object.getPrototypeOf(instance) as object)) {
        for (const event of this.reflector.get<ClientEvent[] | undefined>(HANDLES, instance[method]) ?? [])
          for (const place of places) this.pipeline.register(place, event, instance[method].bind(instance));
      }
    }
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { origin } = request.headers;
    const verdict = this.#verdict(request);
    if (verdict === 'foreign') return void response.writeHead(403).end();
    if (origin !== undefined) {
      response.setHeader('Vary', 'Origin');
      response.setHeader('Access-Control-Allow-Origin', verdict === 'any' ? '*' : origin);
      if (verdict === 'listed' || verdict === 'own') response.setHeader('Access-Control-Allow-Credentials', 'true');
    }
    if (request.method === 'OPTIONS') {
      response.setHeader('Access-Control-Allow-Methods', 'GET,POST');
      response.setHeader('Access-Control-Allow-Headers', request.headers['access-control-request-headers'] ?? 'authorization,content-type');
      return void response.writeHead(204).end();
    }
    const sid = sidOf(request);
    if (sid) this.#endIfTooLarge(sid, response);
    else {
      // Who polls needs no upgrade, so the refusal of upgrades while draining does not reach them.
      if (this.drain.draining) return void response.writeHead(503, { Connection: 'close' }).end();
      const wait = await this.failedAuths.wait(this.addresses.of(request));
      if (wait > 0) return void response.writeHead(429, { 'Retry-After': String(Math.ceil(wait / 1000)) }).end();
    }
    this.#engine.handleRequest(request, response);
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // `cors` does not reach the WebSocket transport: a page of a foreign origin is refused here.
    if (this.#verdict(request) === 'foreign') return refuse(socket, '403 Forbidden');
    const wait = sidOf(request) ? 0 : await this.failedAuths.wait(this.addresses.of(request));
    if (wait > 0) return refuse(socket, `429 Too Many Requests\r\nRetry-After: ${Math.ceil(wait / 1000)}`);
    this.#engine.handleUpgrade(request, socket, head);
  }

  // A WebSocket ends by itself; of a polling client Engine.IO refuses the one request.
  #endIfTooLarge(sid: string, response: ServerResponse): void {
    response.once('close', () => {
      const connection = response.statusCode === 413 ? openConnection(this.#engine, sid) : undefined;
      if (connection) cutTransport(connection);
    });
  }

  #verdict({ headers }: IncomingMessage) {
    return originVerdict(headers.origin, headers.host, this.settings);
  }

  // Whatever a client sends, a fault of ours costs that one connection: a rejection that nobody takes would end the process.
  #guard(work: Promise<void>, connection: { destroy(): unknown }): void {
    work.catch((err: unknown) => {
      this.logger.error({ err }, 'Connection handler failed');
      connection.destroy();
    });
  }

  async #close(): Promise<void> {
    const clients = openConnections(this.#engine);
    this.logger.info({ connections: clients.length }, 'Closing transports');
    // The transport is closed and no DISCONNECT sent: stock clients come back by themselves.
    await closeSpread(clients, cutTransport);
  }
}

/**
 * The connection that a request belongs to; empty where it opens one: failed authentications count before that, not after. Engine.IO
 * reads the query so: of several `sid` the last counts.
 */
function sidOf({ url = '' }: IncomingMessage): string {
  return new URL(url, 'http://localhost').searchParams.getAll('sid').at(-1) ?? '';
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
