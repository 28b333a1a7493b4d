import { COMPRESS_FROM_BYTES, compressedFrame, frameBytes, writeFrame } from './frame.ts';
import { SharedPackets } from './shared-packets.ts';
import { compresses, cutTransport, directSocket, waitingBytes, type EngineConnection } from './socket-io-internals.ts';

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
  open(connection: EngineConnection): Outbox {
    return new Outbox(connection, this);
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
      if (waitingBytes(outbox.connection) <= this.#maxBufferedBytes) continue;
      this.#onCutOff();
      cutTransport(outbox.connection);
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
  readonly connection: EngineConnection;
  readonly #writer: TurnWriter;
  #chunks: Chunk[] = [];

  constructor(connection: EngineConnection, writer: TurnWriter) {
    this.connection = connection;
    this.#writer = writer;
  }

  /** Adds a packet, or packets shared with other connections. */
  push(chunk: Chunk): void {
    if (this.#chunks.push(chunk) === 1) this.#writer.add(this);
  }

  /** Writes what waits: straight to the network where that keeps the order, else through Engine.IO. */
  flush(): void {
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    this.#chunks = [];
    const socket = directSocket(this.connection);
    if (!socket) return this.#writeThroughEngine(chunks);
    const compressed = compresses(this.connection);
    const first = chunks[0]!;
    if (chunks.length === 1 && typeof first !== 'string') socket.write(first.bytes(compressed));
    else socket.write(join(chunks, compressed));
  }

  #writeThroughEngine(chunks: Chunk[]): void {
    for (const chunk of chunks) {
      if (typeof chunk === 'string') this.connection.write(chunk, { compress: true });
      else for (const packet of chunk.packets) this.connection.write(packet, { compress: true });
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
