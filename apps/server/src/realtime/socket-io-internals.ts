/**
 * Everything in Majlis that leans on the insides of Socket.IO, Engine.IO and ws is in this file. They are pinned, and
 * test/realtime/socket-io-internals.test.ts fails where a new version has moved them.
 */
import type { Server as EngineServer } from 'engine.io';
import type { IncomingMessage } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import type { Socket } from 'socket.io';
import type { Wire } from './outbox.ts';

/** An Engine.IO connection, as far as it is used here. */
export interface EngineConnection {
  id: string;
  readyState: 'opening' | 'open' | 'closing' | 'closed';
  remoteAddress: string;
  request: IncomingMessage;
  transport: { name: string; writable: boolean; socket?: WebSocketInternals };
  writeBuffer: unknown[];
  write(data: string, options: { compress: boolean }): void;
  close(discard?: boolean): void;
  once(event: 'close', listener: (reason: string) => void): void;
}

interface WebSocketInternals {
  readyState: number;
  _extensions: { 'permessage-deflate'?: { params: { server_max_window_bits?: number } } };
  _socket: NetSocket | null;
  _sender: { _queue: unknown[]; _state: number };
  terminate(): void;
}

/** A decoded packet: of Socket.IO, or what stands for one on a raw WebSocket. */
export interface InboundPacket {
  /** The event's name and its arguments. */
  data?: unknown[];
  id?: number;
  /** Why it could not be read; never of Socket.IO, which ends such a connection. */
  malformed?: string;
}

const WS_OPEN = 1;
const SENDER_IDLE = 0;
const LARGEST_WINDOW_BITS = 15;

/** The Engine.IO connection under a Socket.IO socket; several namespaces share one. */
export function connectionOf(socket: Socket): EngineConnection {
  return socket.conn as unknown as EngineConnection;
}

/** All connections of an Engine.IO server, on both transports. */
export function openConnections(engine: EngineServer): EngineConnection[] {
  return Object.values(clientsOf(engine));
}

/** The connection with this id. */
export function openConnection(engine: EngineServer, sid: string): EngineConnection | undefined {
  return Object.hasOwn(clientsOf(engine), sid) ? clientsOf(engine)[sid] : undefined;
}

function clientsOf(engine: EngineServer) {
  return (engine as unknown as { clients: Record<string, EngineConnection> }).clients;
}

/**
 * Hands every inbound event packet of `socket` to `receive` instead of Socket.IO's dispatcher: its emitter throws on an event named
 * `error`, and its acknowledgement closure hides the id that we write ourselves.
 */
export function interceptEvents(socket: Socket, receive: (packet: InboundPacket) => void): void {
  (socket as unknown as { onevent: (packet: InboundPacket) => void }).onevent = receive;
}

/** An Engine.IO connection as an outbox writes to it. */
export class EngineWire implements Wire {
  readonly #connection: EngineConnection;

  constructor(connection: EngineConnection) {
    this.#connection = connection;
  }

  /**
   * The network socket of an open WebSocket with nothing queued above it, so that the order of a socket's packets is kept across both
   * paths. Undefined for polling, during an upgrade and while ws is compressing.
   */
  direct(): NetSocket | undefined {
    const { transport, readyState, writeBuffer } = this.#connection;
    const ws = transport.socket;
    if (ws === undefined || readyState !== 'open' || writeBuffer.length > 0 || transport.name !== 'websocket') return undefined;
    if (ws.readyState !== WS_OPEN || ws._sender._state !== SENDER_IDLE || ws._sender._queue.length > 0) return undefined;
    return ws._socket ?? undefined;
  }

  /** True where the peer negotiated per-message compression with a window that our shared frames may use, the largest. */
  compresses(): boolean {
    const { params } = this.#connection.transport.socket?._extensions['permessage-deflate'] ?? {};
    return params !== undefined && (params.server_max_window_bits ?? LARGEST_WINDOW_BITS) === LARGEST_WINDOW_BITS;
  }

  write(packet: string): void {
    // Engine.IO writes its own packet type, which is the first character, before what it is given.
    this.#connection.write(packet.slice(1), { compress: true });
  }

  waitingBytes(): number {
    let waiting = this.#connection.transport.socket?._socket?.writableLength ?? 0;
    for (const packet of this.#connection.writeBuffer) {
      const { data } = packet as { data?: unknown };
      if (typeof data === 'string') waiting += data.length;
    }
    return waiting;
  }

  cut(): void {
    cutTransport(this.#connection);
  }
}

/** Ends a connection at once, without waiting for the peer: the client sees a transport that closed, and reconnects. */
export function cutTransport(connection: EngineConnection): void {
  const ws = connection.transport.socket;
  if (ws) ws.terminate();
  else connection.close(true);
}

/** What later CONNECTs and log lines on this connection still need of its request. */
interface LeanRequest {
  headers: IncomingMessage['headers'];
  _query: unknown;
  url: string | undefined;
  method: string | undefined;
  connection: { encrypted: boolean };
}

const KEPT_HEADERS = ['authorization', 'accept-language', 'origin', 'user-agent', 'host'] as const;

/**
 * Drops the handshake request of a WebSocket connection (about 8 KiB) but for what is still needed. Polling connections keep
 * theirs: their transport works on it.
 */
export function dropRequest(socket: Socket): void {
  const connection = connectionOf(socket);
  if (connection.transport.name !== 'websocket') return;
  const { request } = connection;
  const headers: IncomingMessage['headers'] = {};
  for (const name of KEPT_HEADERS) if (request.headers[name] !== undefined) headers[name] = request.headers[name];
  const lean: LeanRequest = { headers, _query: {}, url: undefined, method: undefined, connection: { encrypted: false } };
  connection.request = lean as unknown as IncomingMessage;
  // The token that `auth` brought is not needed again either.
  Object.assign(socket, {
    handshake: {
      headers,
      auth: {},
      address: connection.remoteAddress,
      query: {},
      time: '',
      xdomain: false,
      secure: false,
      issued: 0,
      url: '',
    },
  });
}
