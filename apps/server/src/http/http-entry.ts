import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

interface Routed<Handler> {
  path: string;
  handler: Handler;
}

// Longer than the idle timeouts of the usual load balancers (60 s), so that it is never the server that closes a connection in use.
const KEEP_ALIVE_MS = 72_000;
const CLOSE = 'Connection: close\r\nContent-Length: 0\r\n\r\n';
const NOT_FOUND = `HTTP/1.1 404 Not Found\r\n${CLOSE}`;
const UNAVAILABLE = `HTTP/1.1 503 Service Unavailable\r\n${CLOSE}`;

/**
 * What every request and every upgrade meets first. The realtime surfaces take theirs here; all else is Fastify's. An upgrade that
 * nobody takes is answered 404 at once, and while draining every one is refused.
 */
export class HttpEntry {
  readonly #logger: Logger;
  readonly #requests: Routed<RequestHandler>[] = [];
  readonly #upgrades: Routed<UpgradeHandler>[] = [];
  readonly #sockets = new Set<Socket>();
  #draining = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Gives every request of that path, or where it ends with a slash of all that begin with it, to `handler`. */
  setHandler(path: string, handler: RequestHandler): void {
    this.#requests.push({ path, handler });
  }

  /** Gives every upgrade of that path, or where it ends with a slash of all that begin with it, to `handler`, which owns the socket from then on. */
  setUpgradeHandler(path: string, handler: UpgradeHandler): void {
    this.#upgrades.push({ path, handler });
  }

  /** The HTTP server, for Fastify's `serverFactory`. */
  createServer(fastify: RequestHandler): Server {
    const server = createServer(
      // Another protocol than WebSocket (`curl --http2` offers h2c) is an ordinary request.
      { keepAliveTimeout: KEEP_ALIVE_MS, shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket' },
      (request, response) => {
        const taken = this.#find(this.#requests, request);
        if (!taken) fastify(request, response);
        else this.#guarded(() => taken(request, response), response);
      },
    );
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
      // The HTTP server has just removed its own listener: a reset without one would end the process.
      socket.on('error', () => socket.destroy());
      const taken = this.#find(this.#upgrades, request);
      if (this.#draining) refuse(socket, UNAVAILABLE);
      else if (!taken) refuse(socket, NOT_FOUND);
      else this.#guarded(() => taken(request, socket, head), socket);
    });
    return server;
  }

  /** Refuses every upgrade from now on. */
  drain(): void {
    this.#draining = true;
  }

  /** Ends every connection that is still there, upgraded ones too. */
  destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #find<Handler>(table: readonly Routed<Handler>[], request: IncomingMessage): Handler | undefined {
    const url = request.url ?? '';
    const query = url.indexOf('?');
    const asked = query < 0 ? url : url.slice(0, query);
    return table.find(({ path }) => asked === path || (path.endsWith('/') && asked.startsWith(path)))?.handler;
  }

  // Whatever a client sends, the fault of a handler costs that one connection and not the process.
  #guarded(work: () => void, connection: { destroy(): unknown }): void {
    try {
      work();
    } catch (err) {
      this.#logger.error({ err }, 'Connection handler failed');
      connection.destroy();
    }
  }
}

function refuse(socket: Duplex, answer: string): void {
  socket.end(answer, () => socket.destroy());
}
