import type { Readable } from 'node:stream';

/** Injection token of the one `BlobStore`. */
export const BLOBS = Symbol('BlobStore');

/** The first and the last byte of a part, both included. */
export interface ByteRange {
  start: number;
  end: number;
}

/** Where the contents of uploads are. What is put is never changed; keys are hexadecimal. */
export interface BlobStore {
  /** Keeps the content of a file; it is durable when this resolves. The file may be gone then. */
  put(key: string, file: string, contentType: string): Promise<void>;
  /** The content, or a part of it. @throws Failure NOT_FOUND where there is none */
  read(key: string, range?: ByteRange): Promise<Readable>;
  /** Forgets the content; again does nothing. */
  delete(key: string): Promise<void>;
}
