import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Wire } from './outbox.ts';

/** A raw WebSocket as an outbox writes to it. No compression is agreed on, so ws itself never keeps a frame waiting. */
export class RawWire implements Wire {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;

  /** @param socket the network socket that was upgraded to `ws` */
  constructor(ws: WebSocket, socket: Duplex) {
    this.#ws = ws;
    this.#socket = socket;
  }

  direct(): Duplex | undefined {
    return this.#ws.readyState === WebSocket.OPEN ? this.#socket : undefined;
  }

  compresses(): boolean {
    return false;
  }

  write(): void {
    // Only what is closing is not written to directly, and that gets nothing any more.
  }

  waitingBytes(): number {
    return this.#socket.writableLength;
  }

  cut(): void {
    this.#ws.terminate();
  }

  /** Resolves when the peer has taken what was written, or is gone. */
  async drained(): Promise<void> {
    if (!this.#socket.writableNeedDrain || this.#socket.destroyed) return;
    const over = new AbortController();
    const ends = ['drain', 'close'].map((event) => once(this.#socket, event, over).catch(() => undefined));
    await Promise.race(ends);
    over.abort();
  }
}
