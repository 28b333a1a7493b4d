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

// Nothing to a person, and a busy room's system calls, by far the most that a delivery costs, are halved.
const COMPANY_MS = 10;

/** Writes all outboxes that got something in this turn of the event loop, once, after its poll phase. */
export class TurnWriter {
  readonly #maxBufferedBytes: number;
  readonly #onCutOff: () => void;
  #soon: Outbox[] = [];
  /** Outboxes that hold only what may wait for company. */
  #later: Outbox[] = [];
  #scheduled = false;
  #laterScheduled = false;

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

  /** Called by an outbox that is to be written at the end of this turn. */
  soon(outbox: Outbox): void {
    this.#soon.push(outbox);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const outboxes = this.#soon;
      this.#soon = [];
      this.#write(outboxes);
    });
  }

  /** Called by an outbox that may wait for company. */
  later(outbox: Outbox): void {
    this.#later.push(outbox);
    if (this.#laterScheduled) return;
    this.#laterScheduled = true;
    setTimeout(() => {
      this.#laterScheduled = false;
      const outboxes = this.#later;
      this.#later = [];
      this.#write(outboxes);
    }, COMPANY_MS);
  }

  /** Ends the connection of a peer for which too much waits. */
  cutIfBehind({ wire }: Outbox): void {
    if (wire.waitingBytes() <= this.#maxBufferedBytes) return;
    this.#onCutOff();
    wire.cut();
  }

  #write(outboxes: readonly Outbox[]): void {
    for (const outbox of outboxes) {
      outbox.flush();
      this.cutIfBehind(outbox);
    }
  }
}

type Chunk = string | SharedPackets;

/** What waits to be written to one connection, in order. */
export class Outbox {
  readonly wire: Wire;
  readonly #writer: TurnWriter;
  #chunks: Chunk[] = [];
  #due: 'never' | 'later' | 'soon' = 'never';

  constructor(wire: Wire, writer: TurnWriter) {
    this.wire = wire;
    this.#writer = writer;
  }

  /** Adds a packet, or packets shared with other connections; with everything before it, it is written at the end of this turn. */
  push(chunk: Chunk): void {
    this.#chunks.push(chunk);
    if (this.#due === 'soon') return;
    this.#due = 'soon';
    this.#writer.soon(this);
  }

  /** Adds packets that may wait a few milliseconds for more. They keep their place: whatever is pushed after them goes after them. */
  pushPatiently(chunk: SharedPackets): void {
    this.#chunks.push(chunk);
    if (this.#due !== 'never') return;
    this.#due = 'later';
    this.#writer.later(this);
  }

  /** Writes what waits: straight to the network where that keeps the order, else through the library above. */
  flush(): void {
    this.#due = 'never';
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    this.#chunks = [];
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
      else for (const packet of chunk.packets()) this.wire.write(packet);
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
