import { COMPRESS_FROM_BYTES, compressedFrame, frame } from './frame.ts';

/**
 * Packets that all go to the same sockets, in order. They are encoded once and joined into one buffer, which is then written to each
 * member's connection: one system call a member however many packets there are. From the first writing on nothing can be added.
 */
export class SharedPackets {
  readonly #packets: string[] = [];
  #sealed = false;
  #plain: Buffer | undefined;
  #compressed: Buffer | undefined;

  /** Adds a packet. @returns false where these have been written already, to anybody: then it must go into the next ones */
  add(packet: string): boolean {
    if (!this.#sealed) this.#packets.push(packet);
    return !this.#sealed;
  }

  /** The packets, one by one, for the path that cannot share bytes. */
  packets(): readonly string[] {
    this.#sealed = true;
    return this.#packets;
  }

  /** The joined frames. */
  bytes(compressed: boolean): Buffer {
    this.#sealed = true;
    return compressed ? (this.#compressed ??= this.#joinCompressed()) : (this.#plain ??= this.#join());
  }

  #join(): Buffer {
    if (this.#packets.length === 1) return frame(this.#packets[0]!);
    return Buffer.concat(this.#packets.map(frame));
  }

  #joinCompressed(): Buffer {
    if (this.#packets.every((packet) => Buffer.byteLength(packet) < COMPRESS_FROM_BYTES)) return this.bytes(false);
    return Buffer.concat(
      this.#packets.map((packet) => (Buffer.byteLength(packet) < COMPRESS_FROM_BYTES ? frame(packet) : compressedFrame(packet))),
    );
  }
}
