import { AwsClient } from 'aws4fetch';
import { openAsBlob } from 'node:fs';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { Logger } from 'pino';
import { Failure } from '../../errors.ts';
import type { BlobStore, ByteRange } from './blob-store.ts';

/** Where the bucket is, and who may write there. */
export interface S3Place {
  /** Without a slash at the end. */
  endpoint: string;
  region: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
}

// Of requests that the store answers with 429 or 5xx.
const RETRIES = 3;
const FOLDER = 'uploads';

/** Contents as objects `uploads/<key>` of a bucket of Amazon's S3, or of what speaks like it (MinIO, Ceph, R2, …). */
export class S3Blobs implements BlobStore {
  readonly #client: AwsClient;
  readonly #folder: string;
  readonly #logger: Logger;

  constructor({ endpoint, region, bucket, accessKeyId, secretAccessKey }: S3Place, logger: Logger) {
    this.#client = new AwsClient({ service: 's3', region, accessKeyId, secretAccessKey, retries: RETRIES });
    // The bucket in the path, not in the host: that works everywhere.
    this.#folder = `${endpoint}/${bucket}/${FOLDER}`;
    this.#logger = logger;
  }

  async put(key: string, file: string, contentType: string): Promise<void> {
    // Read from the disk while it is sent; its length is known, which S3 wants.
    const body = await openAsBlob(file);
    await this.#ask('PUT', key, { body, headers: { 'Content-Type': contentType } });
  }

  async read(key: string, range?: ByteRange): Promise<Readable> {
    const headers: Record<string, string> = range ? { Range: `bytes=${range.start}-${range.end}` } : {};
    const { body } = await this.#ask('GET', key, { headers });
    return body ? Readable.fromWeb(body as ReadableStream<Uint8Array>) : Readable.from([]);
  }

  async delete(key: string): Promise<void> {
    await this.#ask('DELETE', key, {});
  }

  /** @throws Failure NOT_FOUND; UNAVAILABLE where it cannot be reached, or refuses, which the log tells of */
  async #ask(method: string, key: string, init: RequestInit): Promise<Response> {
    let problem: object;
    try {
      const response = await this.#client.fetch(`${this.#folder}/${key}`, { ...init, method });
      if (response.ok) return response;
      const text = await response.text();
      if (response.status === 404 && method === 'GET') throw new Failure('NOT_FOUND');
      problem = { status: response.status, s3Code: /<Code>(?<code>\w+)<\/Code>/.exec(text)?.groups?.['code'] };
    } catch (err) {
      if (err instanceof Failure) throw err;
      problem = { err };
    }
    this.#logger.error({ method, ...problem }, 'The S3 store did not do what it was asked');
    throw new Failure('UNAVAILABLE');
  }
}
