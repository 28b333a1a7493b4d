import { COMPRESS_FROM_BYTES, compressedFrame, frame } from './frame.ts';

/**
 * Packets of one turn of the event loop that all go to the same sockets, in order. They are encoded once and joined into one buffer,
 * which is then written to each member's connection: one system call a member however many packets there are.
 */
export class SharedPackets {
  readonly packets: string[] = [];
  #plain: Buffer | undefined;
  #compressed: Buffer | undefined;

  /** The joined frames; called only after the turn in which packets are added. */
  bytes(compressed: boolean): Buffer {
    return compressed ? (this.#compressed ??= this.#joinCompressed()) : (this.#plain ??= this.#join());
  }

  #join(): Buffer {
    if (this.packets.length === 1) return frame(this.packets[0]!);
    return Buffer.concat(this.packets.map(frame));
  }

  #joinCompressed(): Buffer {
    if (this.packets.every((packet) => Buffer.byteLength(packet) < COMPRESS_FROM_BYTES)) return this.bytes(false);
    return Buffer.concat(this.packets.map((packet) => (Buffer.byteLength(packet) < COMPRESS_FROM_BYTES ? frame(packet) : compressedFrame(packet))));
  }
}
