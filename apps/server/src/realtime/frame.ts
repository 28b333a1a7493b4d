/**
 * Packets as bytes. A packet is the text of one WebSocket frame, whatever protocol is spoken in it. A server's frames are not masked,
 * so one encoding serves every receiver: an event is stringified once and framed once, however many sockets get it.
 */
import { constants, deflateRawSync } from 'node:zlib';

const FINAL_TEXT = 0x81;
const COMPRESSED = 0x40;
/** Frames from this size on are compressed for sockets that negotiated it: contract §9. */
export const COMPRESS_FROM_BYTES = 1_024;
const COMPRESSION_LEVEL = 6;

const headerBytes = (payload: number) => (payload < 126 ? 2 : payload < 65_536 ? 4 : 10);

function writeHeader(target: Buffer, offset: number, payload: number, flags: number): number {
  target[offset] = flags;
  if (payload < 126) {
    target[offset + 1] = payload;
    return offset + 2;
  }
  if (payload < 65_536) {
    target[offset + 1] = 126;
    target.writeUInt16BE(payload, offset + 2);
    return offset + 4;
  }
  target[offset + 1] = 127;
  target.writeUInt32BE(0, offset + 2);
  target.writeUInt32BE(payload, offset + 6);
  return offset + 10;
}

/** A Socket.IO event (an Engine.IO message, 4, of type 2) with its one argument given as JSON. `namespace` `/` is not written. */
export function eventPacket(namespace: string, event: string, json: string): string {
  return namespace === '/' ? `42["${event}",${json}]` : `42${namespace},["${event}",${json}]`;
}

/** A Socket.IO acknowledgement (an Engine.IO message, 4, of type 3) with its one argument given as JSON. */
export function ackPacket(namespace: string, id: number, json: string): string {
  return namespace === '/' ? `43${id}[${json}]` : `43${namespace},${id}[${json}]`;
}

/** Bytes of a packet as a WebSocket frame. */
export function frameBytes(packet: string): number {
  const payload = Buffer.byteLength(packet);
  return payload + headerBytes(payload);
}

/** Writes a packet as an uncompressed WebSocket frame. @returns the offset behind it */
export function writeFrame(target: Buffer, offset: number, packet: string, bytes: number): number {
  const payload = bytes < 128 ? bytes - 2 : bytes < 65_540 ? bytes - 4 : bytes - 10;
  const start = writeHeader(target, offset, payload, FINAL_TEXT);
  // Most packets are plain ASCII: then characters are bytes and the cheaper writer does.
  if (packet.length === payload) target.write(packet, start, 'latin1');
  else target.write(packet, start, 'utf8');
  return start + payload;
}

/** A packet as one WebSocket frame. */
export function frame(packet: string): Buffer {
  const bytes = frameBytes(packet);
  const buffer = Buffer.allocUnsafe(bytes);
  writeFrame(buffer, 0, packet, bytes);
  return buffer;
}

/**
 * A packet as one compressed WebSocket frame (RFC 7692). No context is taken over between frames, so the same bytes serve all
 * sockets and none keeps a compressor.
 */
export function compressedFrame(packet: string): Buffer {
  const deflated = deflateRawSync(packet, { level: COMPRESSION_LEVEL, finishFlush: constants.Z_SYNC_FLUSH });
  // RFC 7692 §7.2.1: the four bytes that end a sync flush are left out.
  const payload = deflated.length - 4;
  const head = headerBytes(payload);
  const buffer = Buffer.allocUnsafe(head + payload);
  writeHeader(buffer, 0, payload, FINAL_TEXT | COMPRESSED);
  deflated.copy(buffer, head, 0, payload);
  return buffer;
}
