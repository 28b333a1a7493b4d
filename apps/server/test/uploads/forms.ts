/** Uploading by hand and by form, and the files that are uploaded. */
import { connect, type Socket } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import type { Api, ApiAnswer } from '../support/server.ts';

interface Sent {
  as?: string;
  kind?: string;
  name?: string;
  /** What the client calls it. */
  type?: string;
  headers?: Record<string, string>;
}

export type Bytes = Uint8Array<ArrayBuffer>;

/** A text as bytes. */
export const bytes = (text: string): Bytes => new Uint8Array(Buffer.from(text));

/** Uploads one file by a form, as browsers do. */
export async function upload(
  server: Api,
  content: Bytes,
  { as, kind, name = 'a file', type = '', headers = {} }: Sent,
): Promise<ApiAnswer> {
  const form = new FormData();
  form.set('file', new Blob([content], { type }), name);
  if (kind !== undefined) form.set('kind', kind);
  return answerOf(
    await fetch(`${server.url}/api/v2/uploads`, {
      method: 'POST',
      headers: { ...(as === undefined ? {} : { authorization: `Bearer ${server.token(as)}` }), ...headers },
      body: form,
    }),
  );
}

export async function answerOf(response: Response): Promise<ApiAnswer> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

/** What a URL gives, with its bytes. */
export async function download(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) };
}

/** An image of one colour. `orientation` is that of EXIF: 6 lies on its side. */
export async function image(
  format: 'jpeg' | 'png' | 'gif' | 'webp' | 'avif',
  width = 64,
  height = 48,
  orientation?: number,
): Promise<Bytes> {
  const blank = sharp({ create: { width, height, channels: 3, background: '#c03' } }).toFormat(format);
  const taken =
    orientation === undefined
      ? blank
      : blank.withExif({ IFD0: { Copyright: 'the-place-where-it-was-taken' } }).withMetadata({ orientation });
  return new Uint8Array(await taken.toBuffer());
}

/** A sound PNG of 60 million pixels in some seven kilobytes. */
export function bomb(): Bytes {
  const [width, height] = [10_000, 6_000];
  const chunk = (type: string, data: Buffer) => {
    const named = Buffer.concat([Buffer.from(type), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length);
    frame.writeUInt32BE(crc32(named), 4);
    return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  // One bit a pixel, grey.
  head[8] = 1;
  const rows = deflateSync(Buffer.alloc((1 + width / 8) * height), { level: 9 });
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return new Uint8Array(Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]));
}

/** What an image says of itself. The server, in the same process, lets images be read from files only. */
export async function metadataOf(content: Bytes) {
  const folder = mkdtempSync(join(tmpdir(), 'majlis-image-'));
  writeFileSync(join(folder, 'image'), content);
  return sharp(join(folder, 'image'))
    .metadata()
    .finally(() => rmSync(folder, { recursive: true }));
}

/** The first bytes of media that no library here makes. */
export const HEADS = {
  mp4: bytes('\0\0\0\u0018ftypmp42\0\0\0\0isommp42'),
  m4a: bytes('\0\0\0\u0018ftypM4A \0\0\0\0isommp42'),
  webm: new Uint8Array(
    Buffer.concat([Buffer.from('1a45dfa39f4286810142f7810142f2810442f381084282847765626d42878102428581021853', 'hex'), Buffer.alloc(300)]),
  ),
} as const;

/** Sends the head of an upload and the beginning of its form, and gives the connection and what it is answered. */
export function openUpload(server: Api, userId: string, contentLength: number) {
  const { hostname, port } = new URL(server.url);
  const socket: Socket = connect(Number(port), hostname);
  const answer = new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (text.includes('\r\n\r\n')) resolve(text);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
  socket.write(
    `POST /api/v2/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.token(userId)}\r\nContent-Type: multipart/form-data; boundary=b\r\n` +
      `Content-Length: ${contentLength}\r\n\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n`,
  );
  return { socket, answer };
}
