import { khawam } from '@majlis/contract';
import type { WebSocket } from 'ws';
import type { Failure } from '../errors.ts';
import type { TurnWriter } from './outbox.ts';
import { RawWire } from './raw-wire.ts';
import { Session, type Identity } from './session.ts';
import type { InboundPacket } from './socket-io-internals.ts';

interface Fields {
  ws: WebSocket;
  wire: RawWire;
  writer: TurnWriter;
  ip: string;
  path: string;
  dialect: string;
  locale: Session['locale'];
  identity: Identity;
  /** The one kind of streams that it carries. */
  stream: string;
  /** Called when it was ended from here, before the peer agrees. */
  onEnd: (session: RawSession) => void;
}

/** An authenticated raw WebSocket: frames of JSON, `{event, data}`. */
export class RawSession extends Session {
  /** Its documents' clients know no other events than theirs. */
  override readonly announces = false;
  readonly #ws: WebSocket;
  readonly #wire: RawWire;
  readonly #stream: string;
  readonly #onEnd: Fields['onEnd'];

  constructor({ ws, wire, writer, ip, path, dialect, locale, identity, stream, onEnd }: Fields) {
    const connection = { outbox: writer.open(wire), ip, sessions: new Set<Session>() };
    super({ id: crypto.randomUUID(), connection, namespace: path, locale, device: identity.tokenHash, dialect, identity });
    this.#ws = ws;
    this.#wire = wire;
    this.#stream = stream;
    this.#onEnd = onEnd;
  }

  get transport(): string {
    return 'websocket';
  }

  /** False from the moment that one of both sides closes it. */
  get open(): boolean {
    return this.#wire.direct() !== undefined;
  }

  packet(event: string, json: string, version?: number): string {
    return version === undefined ? `{"event":"${event}","data":${json}}` : `{"event":"${event}","version":${version},"data":${json}}`;
  }

  acknowledge(): never {
    throw new Error('a raw WebSocket has no acknowledgements');
  }

  end({ code }: Failure): void {
    this.connection.outbox.flush();
    close(this.#ws, code);
    this.#onEnd(this);
  }

  override carries(prefix: string): boolean {
    return prefix === this.#stream;
  }

  /** Writes what waits; resolves when the peer has taken it, or is gone. */
  async written(): Promise<void> {
    this.connection.outbox.flush();
    await this.#wire.drained();
  }
}

/** Closes a raw WebSocket for good: by its code the client sees that it is not to come back as it is. */
export function close(ws: WebSocket, failure: Failure['code']): void {
  const { code, reason } = khawam.CLOSE_CODES[failure as keyof typeof khawam.CLOSE_CODES] ?? khawam.CLOSE_CODES.UNAUTHORIZED;
  ws.close(code, reason);
}

/** What a client's frame says: `{event, data}`; `ping` also as bare text, and as `{"type":"ping"}`. */
export function readFrame(text: string): InboundPacket {
  if (text === 'ping') return { data: [text] };
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return { malformed: 'is not valid JSON' };
  }
  const { event, type, data } = (frame ?? {}) as Record<string, unknown>;
  const name = event === undefined && type === 'ping' ? type : event;
  return typeof name === 'string' ? { data: [name, data] } : { malformed: 'must be an object with the name of an event' };
}
