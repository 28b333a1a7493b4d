/** What an upload is, by its content alone: neither its name nor what the client calls it counts. */
import type { v2 } from '@majlis/contract';
import { fileTypeFromBuffer } from 'file-type';
import { open } from 'node:fs/promises';

/** A kind, and the type under which it is served. */
export interface Media {
  kind: v2.UploadKind;
  contentType: string;
}

const photo = (contentType: string) => ({ kind: 'photo' as const, contentType });
const video = (contentType: string, sound?: string) => ({ kind: 'video' as const, contentType, sound });
const voice = (contentType: string) => ({ kind: 'voice' as const, contentType });

/**
 * What browsers show and play, by the type that its first bytes say. All else is a file: SVG and HTML, which may hold scripts, are
 * therefore only ever downloaded. Recorders put sound into video containers (`sound`); only their sender knows that there is no picture.
 */
const MEDIA: Readonly<Record<string, Media & { sound?: string | undefined }>> = {
  'image/jpeg': photo('image/jpeg'),
  'image/png': photo('image/png'),
  'image/apng': photo('image/apng'),
  'image/gif': photo('image/gif'),
  'image/webp': photo('image/webp'),
  'image/avif': photo('image/avif'),
  'video/mp4': video('video/mp4', 'audio/mp4'),
  'video/x-m4v': video('video/mp4'),
  'video/quicktime': video('video/quicktime'),
  'video/webm': video('video/webm', 'audio/webm'),
  'video/ogg': video('video/ogg', 'audio/ogg'),
  'video/3gpp': video('video/3gpp', 'audio/3gpp'),
  'audio/mpeg': voice('audio/mpeg'),
  'audio/aac': voice('audio/aac'),
  'audio/amr': voice('audio/amr'),
  'audio/flac': voice('audio/flac'),
  'audio/mp4': voice('audio/mp4'),
  'audio/x-m4a': voice('audio/mp4'),
  'audio/ogg': voice('audio/ogg'),
  'audio/ogg; codecs=opus': voice('audio/ogg; codecs=opus'),
  'audio/wav': voice('audio/wav'),
};

const UNKNOWN_TYPE = 'application/octet-stream';
// Enough for every type of the table; what is deeper inside a file is not looked for.
const HEAD_BYTES = 16_384;

/** The type that a file's first bytes say; undefined where they say none. */
export async function sniffType(file: string): Promise<string | undefined> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return (await fileTypeFromBuffer(buffer.subarray(0, bytesRead)))?.mime;
  } finally {
    await handle.close();
  }
}

/** What content of that type is to somebody who calls it `declared`, or nothing; undefined where it is not what it is called. */
export function mediaOf(type: string | undefined, declared: v2.UploadKind | undefined): Media | undefined {
  const asFile: Media = { kind: 'file', contentType: type ?? UNKNOWN_TYPE };
  const known = MEDIA[type ?? ''];
  if (declared === 'file') return asFile;
  if (declared === 'voice' && known?.sound) return { kind: 'voice', contentType: known.sound };
  if (declared === undefined) return known ?? asFile;
  return known?.kind === declared ? known : undefined;
}
