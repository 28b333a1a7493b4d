import { Injectable } from '@nestjs/common';
import sharp from 'sharp';

// What a browser shows, and no other of the many formats that the library can open.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegFile',
    'VipsForeignLoadPngFile',
    'VipsForeignLoadNsgifFile',
    'VipsForeignLoadWebpFile',
    'VipsForeignLoadHeifFile',
  ],
});
// Images are hardly ever asked for twice.
sharp.cache(false);

const SIDE_PIXELS = 320;
// A few kilobytes can unpack to gigabytes. Beyond this (200 MB unpacked) it is no photo.
const MAX_PIXELS = 50_000_000;
const TIMEOUT_S = 10;
const QUALITY = 75;

export const THUMBNAIL_TYPE = 'image/webp';

export interface Picture {
  /** Upright, in pixels. */
  width: number;
  height: number;
  thumbnail: { width: number; height: number; size: number };
}

/** Makes small pictures, one at a time: they share a few threads with the file system, and each may need 200 MB. */
@Injectable()
export class Thumbnails {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Writes the thumbnail of an image: upright, at most 320 by 320 pixels, without what cameras write into images (place, time, device).
   * @returns undefined where it cannot be decoded wholly, or is too large
   */
  make(image: string, thumbnail: string): Promise<Picture | undefined> {
    const picture = this.#last.then(() => draw(image, thumbnail)).catch(() => undefined);
    this.#last = picture;
    return picture;
  }
}

async function draw(image: string, thumbnail: string): Promise<Picture> {
  const source = sharp(image, { failOn: 'error', limitInputPixels: MAX_PIXELS, sequentialRead: true });
  const { autoOrient } = await source.metadata();
  const { width, height, size } = await source
    .autoOrient()
    .resize(SIDE_PIXELS, SIDE_PIXELS, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: QUALITY })
    .timeout({ seconds: TIMEOUT_S })
    .toFile(thumbnail);
  return { ...autoOrient, thumbnail: { width, height, size } };
}
