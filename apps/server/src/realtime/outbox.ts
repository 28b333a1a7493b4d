import type { Writable } from 'node:stream';
import { COMPRESS_FROM_BYTES, compressedFrame, frameBytes, writeFrame } from './frame.ts';
import { SharedPackets } from './shared-packets.ts';

/** A network connection as an outbox writes to it, whatever protocol is spoken on it. */
export interface Wire {
  /** Where frames of ours may be written past the library above, in the order of its own; undefined: not now. */
  direct(): Writable | undefined;
  /** Whether the peer takes compressed frames. */
  compresses(): boolean;
  /** Sends a packet by way of the library above. */
  write(packet: string): void;
  /** Bytes that wait for a peer that does not read, on either path. */
  waitingBytes(): number;
  /** Ends the connection at once, without waiting for the peer. */
  cut(): void;
}

/** Writes all outboxes that got something in this turn of the event loop, once, after its poll phase. */
export class TurnWriter {
  readonly #maxBufferedBytes: number;
  readonly #onCutOff: () => void;
  #dirty: Outbox[] = [];
  #scheduled = false;

  /**
   * @param maxBufferedBytes a peer for which more than this waits is cut off; it catches up with `sync` when it is back
   * @param onCutOff counted in the metrics
   */
  constructor(maxBufferedBytes: number, onCutOff: () => void) {
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#onCutOff = onCutOff;
  }

  /** An outbox for a new connection. */
  open(wire: Wire): Outbox {
    return new Outbox(wire, this);
  }

  /** Called by an outbox when it gets its first packet of a turn. */
  add(outbox: Outbox): void {
    this.#dirty.push(outbox);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Writes everything now. */
  flush(): void {
    this.#scheduled = false;
    const dirty = this.#dirty;
    this.#dirty = [];
    turn++;
    for (const outbox of dirty) {
      outbox.flush();
      if (outbox.wire.waitingBytes() <= this.#maxBufferedBytes) continue;
      this.#onCutOff();
      outbox.wire.cut();
    }
  }
}

// Numbers the flushes, so that packets of one turn can be told from those of the next.
let turn = 0;

/** The number of the current turn: shared packets of an earlier one have been written. */
export function currentTurn(): number {
  return turn;
}

type Chunk = string | SharedPackets;

/** What waits to be written to one connection in this turn, in order. */
export class Outbox {
  readonly wire: Wire;
  readonly #writer: TurnWriter;
  #chunks: Chunk[] = [];

  constructor(wire: Wire, writer: TurnWriter) {
    this.wire = wire;
    this.#writer = writer;
  }

  /** Adds a packet, or packets shared with other connections. */
  push(chunk: Chunk): void {
    if (this.#chunks.push(chunk) === 1) this.#writer.add(this);
  }

  /** Writes what waits: straight to the network where that keeps the order, else through the library above. */
  flush(): void {
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    this.#chunks = [];
    // What is shared is encoded now, here and for everybody: whatever follows in this turn of the event loop begins anew.
    turn++;
    const socket = this.wire.direct();
    if (!socket) return this.#writeThroughLibrary(chunks);
    const compressed = this.wire.compresses();
    const first = chunks[0]!;
    if (chunks.length === 1 && typeof first !== 'string') socket.write(first.bytes(compressed));
    else socket.write(join(chunks, compressed));
  }

  #writeThroughLibrary(chunks: Chunk[]): void {
    for (const chunk of chunks) {
      if (typeof chunk === 'string') this.wire.write(chunk);
      else for (const packet of chunk.packets) this.wire.write(packet);
    }
  }
}

/** All chunks as one buffer: one allocation and one system call for acknowledgements, own copies and receipts together. */
function join(chunks: Chunk[], compressed: boolean): Buffer {
  const sizes: number[] = [];
  let total = 0;
  const parts: (string | Buffer)[] = [];
  for (const chunk of chunks) {
    let part: string | Buffer = typeof chunk === 'string' ? chunk : chunk.bytes(compressed);
    let size = typeof part === 'string' ? frameBytes(part) : part.length;
    if (compressed && typeof part === 'string' && size >= COMPRESS_FROM_BYTES) {
      part = compressedFrame(part);
      size = part.length;
    }
    parts.push(part);
    sizes.push(size);
    total += size;
  }
  const buffer = Buffer.allocUnsafe(total);
  let offset = 0;
  parts.forEach((part, i) => {
    if (typeof part === 'string') offset = writeFrame(buffer, offset, part, sizes[i]!);
    else offset += part.copy(buffer, offset);
  });
  return buffer;
}
