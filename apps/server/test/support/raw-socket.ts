/** A WebSocket that speaks Engine.IO and Socket.IO by hand: it says what no library would, and sees every frame as it was on the wire. */
import { WebSocket, type ClientOptions } from 'ws';
import { Recorder } from './recorder.ts';

const open = new Set<RawSocket>();

/** How a frame was on the wire. */
export interface WireFrame {
  compressed: boolean;
  /** Of the payload as it was sent. */
  bytes: number;
}

/**
 * Records each Engine.IO packet as `packet` (its text), each Socket.IO event and acknowledgement as `Client` does (`ack` with
 * `[id, …arguments]`), and the end of the connection as `close` (its code).
 */
export class RawSocket extends Recorder {
  readonly ws: WebSocket;
  readonly #wire: Buffer[] = [];
  #nextId = 0;

  constructor(url: string, options: ClientOptions, query: string) {
    super();
    this.ws = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?${query}`, { perMessageDeflate: false, ...options });
    open.add(this);
    this.ws.on('open', () => {
      // ws has no way to see a frame as it came.
      (this.ws as unknown as { _socket: NodeJS.ReadableStream })._socket.on('data', (chunk: Buffer) => this.#wire.push(chunk));
      this.add('open', [url]);
    });
    this.ws.on('message', (data: Buffer, binary) => this.#message(binary ? data : data.toString()));
    this.ws.on('unexpected-response', (_, response) => this.add('refused', [{ status: response.statusCode, headers: response.headers }]));
    this.ws.on('error', (error) => this.add('failed', [error.message]));
    this.ws.on('close', (code) => this.add('close', [code]));
  }

  /** Sends an Engine.IO packet; a Socket.IO one begins with `4`. */
  send(packet: string | Buffer): void {
    this.ws.send(packet);
  }

  /** Joins a namespace, and resolves when the server has accepted. */
  async join(auth: object, namespace = '/'): Promise<void> {
    const name = namespace === '/' ? '' : `${namespace},`;
    this.send(`40${name}${JSON.stringify(auth)}`);
    await this.next('packet', (packet) => typeof packet === 'string' && packet.startsWith(`40${name}`));
  }

  /** Sends an event to `/` and resolves with the arguments of its acknowledgement. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of it is what the test says
  async ask(event: string, ...args: unknown[]): Promise<any[]> {
    const id = this.#nextId++;
    this.send(`42${id}${JSON.stringify([event, ...args])}`);
    const [, ...answer] = await this.next('ack', (ack) => ack[0] === id);
    return answer;
  }

  /** The server's frames so far, in order. */
  frames(): WireFrame[] {
    const bytes = Buffer.concat(this.#wire);
    const frames: WireFrame[] = [];
    for (let at = 0; at + 2 <= bytes.length;) {
      const short = bytes[at + 1]! & 0x7f;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
      frames.push({ compressed: (bytes[at]! & 0x40) !== 0, bytes: length });
      at += head + length;
    }
    return frames;
  }

  /** Stops reading, as a peer does whose process hangs. */
  freeze(): void {
    this.ws.pause();
  }

  thaw(): void {
    this.ws.resume();
  }

  close(): void {
    open.delete(this);
    this.ws.terminate();
  }

  #message(packet: string | Buffer): void {
    if (packet === '2') this.send('3');
    this.add('packet', [packet]);
    const event = /^42(?:\/[^,]*,)?(?<data>\[.*)$/s.exec(String(packet))?.groups;
    if (event) {
      const [name, ...args] = JSON.parse(event['data']!) as [string, ...unknown[]];
      this.add(name, args);
    }
    const ack = /^43(?:\/[^,]*,)?(?<id>\d+)(?<data>\[.*)$/s.exec(String(packet))?.groups;
    if (ack) this.add('ack', [[Number(ack['id']), ...(JSON.parse(ack['data']!) as unknown[])]]);
  }
}

interface RawOptions extends ClientOptions {
  /** Of the handshake; by default a WebSocket of protocol 4. */
  query?: string;
}

/** Opens a connection; nothing is sent on it. */
export function rawSocket(url: string, { query = 'EIO=4&transport=websocket', ...options }: RawOptions = {}): RawSocket {
  return new RawSocket(url, options, query);
}

/** A connection that has been greeted on `/`. */
export async function rawConnected(url: string, auth: object, options: RawOptions = {}): Promise<RawSocket> {
  const raw = rawSocket(url, options);
  await raw.next('open');
  raw.send(`40${JSON.stringify(auth)}`);
  await raw.next('sync:required');
  return raw;
}

/** Closes every connection that is still open; for `afterEach`. */
export function closeRawSockets(): void {
  for (const raw of open) raw.close();
}
