import { inbox, RawWebSocket } from './raw-websocket.ts';
import type { TextObserver } from './raw-websocket.ts';

/** Called for each packet; `start` and `end` are the packet's place in `inbox`, the Engine.IO and Socket.IO types included. */
export interface PacketObserver {
  /** `42[…]` */
  event(start: number, end: number): void;
  /** `43<id>[…]` */
  acknowledgement(start: number, end: number): void;
  /** The connection broke, was refused, or sent what it must not. */
  failed(reason: Error): void;
}

const ascii = (character: string): number => character.charCodeAt(0);
const packetTypes = { open: ascii('0'), ping: ascii('2'), message: ascii('4') };
const messageTypes = { connect: ascii('0'), event: ascii('2'), acknowledgement: ascii('3') };

/**
 * A Socket.IO connection (Engine.IO 4 over WebSocket, namespace `/`) that looks at packet types only. It answers pings; everything
 * else goes to its observer.
 */
export class RawClient {
  /** Settles when the server has accepted the Socket.IO CONNECT. */
  readonly connected: Promise<void>;
  readonly #socket: RawWebSocket;
  readonly #observer: PacketObserver;
  readonly #auth: string;
  #accepted: () => void = () => {};
  #refused: (reason: Error) => void = () => {};

  /** `auth` is what the CONNECT packet carries, as JSON text in ASCII. */
  constructor(port: number, auth: string, observer: PacketObserver, compressed = false) {
    this.#observer = observer;
    this.#auth = auth;
    this.connected = new Promise((resolve, reject) => {
      this.#accepted = resolve;
      this.#refused = reject;
    });
    const packets: TextObserver = {
      text: (start, end) => this.#packet(start, end),
      failed: (reason) => {
        this.#refused(reason);
        this.#observer.failed(reason);
      },
    };
    this.#socket = new RawWebSocket(port, '/socket.io/?EIO=4&transport=websocket', packets, compressed);
  }

  /** Queues a packet in ASCII. Those queued while a chunk is read leave in one write at its end, others at `flush`. */
  send(packet: string): void {
    this.#socket.send(packet);
  }

  flush(): void {
    this.#socket.flush();
  }

  close(): void {
    this.#socket.close();
  }

  #packet(start: number, end: number): void {
    const { view } = inbox;
    const type = view.getUint8(start);
    if (type === packetTypes.ping) return this.send('3');
    if (type === packetTypes.open) return this.send(`40${this.#auth}`);
    if (type === packetTypes.message && start + 1 < end) {
      const messageType = view.getUint8(start + 1);
      if (messageType === messageTypes.event) return this.#observer.event(start, end);
      if (messageType === messageTypes.acknowledgement) return this.#observer.acknowledgement(start, end);
      if (messageType === messageTypes.connect) return this.#accepted();
    }
    return this.#socket.fail(`the packet ${inbox.text(start, Math.min(end, start + 200))}`);
  }
}
