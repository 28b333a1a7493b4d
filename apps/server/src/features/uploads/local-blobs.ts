import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { Failure } from '../../errors.ts';
import type { BlobStore, ByteRange } from './blob-store.ts';

/** Contents as files of a folder, spread over 256 folders by the beginning of their keys. */
export class LocalBlobs implements BlobStore {
  readonly #folder: string;

  /** @param folder on the file system of the files that are put */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(key: string, file: string): Promise<void> {
    const place = this.#place(key);
    await mkdir(dirname(place), { recursive: true, mode: 0o700 });
    await rename(file, place);
    await syncFolder(dirname(place));
  }

  async read(key: string, range?: ByteRange): Promise<Readable> {
    try {
      const handle = await open(this.#place(key));
      return handle.createReadStream(range);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Failure('NOT_FOUND');
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.#place(key), { force: true });
  }

  #place(key: string): string {
    return join(this.#folder, key.slice(0, 2), key);
  }
}

/** A file whose name is not on the disk is lost with a power failure. Windows has no such call, and does it by itself. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
