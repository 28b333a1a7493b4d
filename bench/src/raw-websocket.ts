import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { constants, inflateRawSync } from 'node:zlib';

/**
 * Every connection reads into this one buffer: Node calls back synchronously after each read, so nothing of one connection
 * is left in it when the next one reads. The room before the read position takes the part of a frame that an earlier
 * chunk ended with, so that a frame is always in one piece.
 */
const headroom = 256 * 1024;
const readable = 256 * 1024;
/** Behind them the text of a compressed frame. */
const inflatedAt = headroom + readable;
const storage = Buffer.allocUnsafeSlow(inflatedAt + 256 * 1024);
const nothing = Buffer.alloc(0);

/** What was received, for observers to read positions of while they are being called, and no longer. */
export const inbox = {
  bytes: storage,
  /** Unlike an index into the buffer, its reads are checked and typed as plain numbers, at the same speed. */
  view: new DataView(storage.buffer, storage.byteOffset, storage.byteLength),
  text: (start: number, end: number): string => storage.toString('latin1', start, end),
  /** Of the frame that is being read, its head included, as it was on the wire. */
  frameBytes: 0,
};

/** Called for each text; `start` and `end` are its place in `inbox`. */
export interface TextObserver {
  text(start: number, end: number): void;
  /** The connection broke, was refused, or sent what it must not. */
  failed(reason: Error): void;
}

/** First bytes of a frame: the final (and only) one of a text, a close, a ping and the answer to it. */
const finalText = 0x81;
const compressedText = 0xc1;
const close = 0x88;
const ping = 0x89;
const pong = 0x8a;
const maskFlag = 0x80;
/** What ends a compressed message and is not sent: RFC 7692, section 7.2.1. */
const deflateTail = Buffer.from([0, 0, 0xff, 0xff]);
/** As browsers offer it. */
const compressionOffer = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n';
/** The latest compressed text, which is at `inflatedAt`: a message that all get compressed alike is inflated once. */
const latest = { compressed: nothing, length: 0 };

/** Inflates what lies between two positions of `inbox` to `inflatedAt`. @returns where it ends */
function inflate(start: number, end: number): number {
  const compressed = storage.subarray(start, end);
  if (!compressed.equals(latest.compressed)) {
    const text = inflateRawSync(Buffer.concat([compressed, deflateTail]), { finishFlush: constants.Z_SYNC_FLUSH });
    storage.set(text, inflatedAt);
    latest.compressed = Buffer.from(compressed);
    latest.length = text.length;
  }
  return inflatedAt + latest.length;
}

/** Any key but zero: ws does not unmask under a zero key, and real clients never use one. */
const mask = randomBytes(4).map((byte) => byte || 1);

/** Client frames (RFC 6455, section 5) of ASCII texts, one after the other in one buffer. */
function encodeFrames(texts: readonly string[], head = finalText): Buffer {
  let size = 0;
  for (const text of texts) size += frameHeaderBytes(text.length) + text.length;
  const frames = Buffer.allocUnsafe(size);
  let at = 0;
  for (const text of texts) at = writeFrame(frames, at, text, head);
  return frames;
}

function frameHeaderBytes(length: number): number {
  if (length > 0xffff) throw new RangeError(`a frame of ${length} bytes is more than this client sends`);
  return length < 126 ? 6 : 8;
}

function writeFrame(frames: Buffer, at: number, text: string, head: number): number {
  frames[at++] = head;
  if (text.length < 126) {
    frames[at++] = maskFlag | text.length;
  } else {
    frames[at++] = maskFlag | 126;
    at = frames.writeUInt16BE(text.length, at);
  }
  frames.set(mask, at);
  at += 4;
  const end = at + frames.write(text, at, 'latin1');
  for (let key = 0; at < end; at++, key = (key + 1) & 3) frames[at]! ^= mask[key]!;
  return end;
}

/**
 * A WebSocket connection that looks at frame headers only, so that thousands of them cost the load generator little. It answers
 * pings; texts go to its observer.
 */
export class RawWebSocket {
  /** Settles when the server has accepted the upgrade. */
  readonly opened: Promise<void>;
  readonly #socket: Socket;
  readonly #observer: TextObserver;
  #outbox: string[] = [];
  #unread: Buffer = nothing;
  /** Reads what is between two positions of `inbox` and returns how far it came: first the upgrade, then frames. */
  #read: (start: number, end: number) => number = (start, end) => this.#readUpgrade(start, end);
  #accepted: () => void = () => {};
  #refused: (reason: Error) => void = () => {};
  #closing = false;
  readonly #compressed: boolean;

  /** @param path with its query @param compressed whether the server is to compress: a context of its own per connection is refused */
  constructor(port: number, path: string, observer: TextObserver, compressed = false) {
    this.#observer = observer;
    this.#compressed = compressed;
    this.opened = new Promise((resolve, reject) => {
      this.#accepted = resolve;
      this.#refused = reject;
    });
    // Who waits for more than the upgrade hears of a failure from the observer.
    this.opened.catch(() => {});
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: { buffer: storage.subarray(headroom, inflatedAt), callback: (length) => this.#received(length) },
    });
    this.#socket.on('connect', () => {
      this.#socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${compressed ? compressionOffer : ''}\r\n`,
      );
    });
    this.#socket.on('error', (error) => this.fail(error.message));
    this.#socket.on('close', () => this.fail('the server closed the connection'));
  }

  /** Queues a text in ASCII. Those queued while a chunk is read leave in one write at its end, others at `flush`. */
  send(text: string): void {
    this.#outbox.push(text);
  }

  flush(): void {
    if (this.#outbox.length === 0) return;
    this.#socket.write(encodeFrames(this.#outbox));
    this.#outbox = [];
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  /** Gives the connection up; the observer is told why, once. */
  fail(what: string): void {
    if (this.#closing) return;
    this.close();
    const reason = new Error(what);
    this.#refused(reason);
    this.#observer.failed(reason);
  }

  #received(length: number): boolean {
    const start = headroom - this.#unread.length;
    const end = headroom + length;
    storage.set(this.#unread, start);
    const reached = this.#read(start, end);
    this.#unread = reached === end ? nothing : Buffer.from(storage.subarray(reached, end));
    if (this.#unread.length > headroom) this.fail(`a frame of more than ${headroom} bytes`);
    this.flush();
    return !this.#closing;
  }

  #readUpgrade(start: number, end: number): number {
    const answer = inbox.text(start, end);
    const length = answer.indexOf('\r\n\r\n') + 4;
    if (length < 4) return start;
    if (!answer.startsWith('HTTP/1.1 101 ')) {
      this.fail(`the upgrade was answered ${answer.slice(0, 200)}`);
      return end;
    }
    if (this.#compressed && !/^sec-websocket-extensions: .*server_no_context_takeover/im.test(answer.slice(0, length))) {
      this.fail(`compression was answered ${answer.slice(0, length)}`);
      return end;
    }
    this.#read = (from, to) => this.#readFrames(from, to);
    this.#accepted();
    return this.#readFrames(start + length, end);
  }

  #readFrames(start: number, end: number): number {
    const { view } = inbox;
    let at = start;
    while (at + 2 <= end) {
      let length = view.getUint8(at + 1);
      let payload = at + 2;
      if (length === 126) {
        payload = at + 4;
        if (payload > end) break;
        length = view.getUint16(at + 2);
      } else if (length === 127) {
        payload = at + 10;
        if (payload > end) break;
        length = Number(view.getBigUint64(at + 2));
      }
      if (payload + length > end) break;
      inbox.frameBytes = payload + length - at;
      this.#frame(view.getUint8(at), payload, payload + length);
      at = payload + length;
    }
    return at;
  }

  /** Server frames are unmasked and no server of ours fragments, so a text's frame begins in one way, or two where it may be compressed. */
  #frame(head: number, start: number, end: number): void {
    if (head === finalText) return this.#observer.text(start, end);
    if (head === compressedText && this.#compressed) return this.#observer.text(inflatedAt, inflate(start, end));
    if (head === ping) return void this.#socket.write(encodeFrames([inbox.text(start, end)], pong));
    if (head === close) return this.fail('the server closed the connection');
    return this.fail(`a frame that begins 0x${head.toString(16)}: ${inbox.text(start, Math.min(end, start + 200))}`);
  }
}
