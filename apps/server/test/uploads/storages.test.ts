import { pino } from 'pino';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../src/features/uploads/blob-store.ts';
import { LocalBlobs } from '../../src/features/uploads/local-blobs.ts';
import { S3Blobs, type S3Place } from '../../src/features/uploads/s3-blobs.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { makeUsers, ok } from '../support/chats.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { download, HEADS, image, upload } from './forms.ts';
import { startS3, type S3Server } from './s3-server.ts';

const KEY = '0123456789abcdef0123456789abcdef';

let folder: string;
let s3: S3Server;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'majlis-blobs-'));
  s3 = await startS3();
});
afterAll(async () => {
  await s3.stop();
  rmSync(folder, { recursive: true });
});

/** The settings of a server that keeps uploads there. */
const settingsOf = ({ endpoint, bucket, region, accessKeyId, secretAccessKey }: S3Place) => ({
  S3_ENDPOINT: endpoint,
  S3_BUCKET: bucket,
  S3_REGION: region,
  S3_ACCESS_KEY_ID: accessKeyId,
  S3_SECRET_ACCESS_KEY: secretAccessKey,
});

const silent = pino({ level: 'silent' });
const stores: [string, () => BlobStore][] = [
  ['the local folder', () => new LocalBlobs(join(folder, 'blobs'))],
  ['S3', () => new S3Blobs(s3.place, silent)],
];

describe.each(stores)('contents in %s', (_name, open) => {
  const incoming = (content: Uint8Array) => {
    const file = join(folder, 'incoming');
    writeFileSync(file, content);
    return file;
  };
  const read = async (...what: Parameters<BlobStore['read']>) => buffer(await open().read(...what));

  test('what is put is read, all of it or a part, until it is deleted; deleting again does nothing', async () => {
    const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
    const blobs = open();
    await blobs.put(KEY, incoming(content), 'video/mp4');
    expect(Buffer.compare(await read(KEY), content)).toBe(0);
    expect(Buffer.compare(await read(KEY, { start: 1_000_000, end: 1_000_009 }), content.subarray(1_000_000, 1_000_010))).toBe(0);
    expect((await read(KEY, { start: content.length - 1, end: content.length - 1 })).length).toBe(1);
    await blobs.delete(KEY);
    await blobs.delete(KEY);
    await expect(blobs.read(KEY)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('uploads with "S3-compatible where `S3_*` is set"', () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startServer(settingsOf(s3.place));
  });
  afterEach(() => server.stop());
  const keyOf = (url: string) => url.slice(url.lastIndexOf('/') + 1);

  test('a photo and its thumbnail are in the bucket, are read through the server, in parts too, and are gone with their person', async () => {
    const [amal] = await makeUsers(server, 'Amal');
    const content = await image('png', 500, 500);
    const { url, thumbnail } = ok(await upload(server, content, { as: amal, kind: 'photo' }));
    expect(Buffer.compare(readFileSync(s3.objectOf(keyOf(url))), content)).toBe(0);
    expect(statSync(s3.objectOf(keyOf(thumbnail))).size).toBeGreaterThan(0);
    const got = await download(url);
    expect([got.headers.get('content-type'), Buffer.compare(got.bytes, content)]).toEqual(['image/png', 0]);
    const part = await download(url, { range: 'bytes=5-9' });
    expect([part.status, part.headers.get('content-range'), Buffer.from(part.bytes)]).toEqual([
      206,
      `bytes 5-9/${content.length}`,
      Buffer.from(content.slice(5, 10)),
    ]);
    const small = await download(thumbnail);
    expect([small.status, small.headers.get('content-type')]).toEqual([200, 'image/webp']);
    ok(await server.api('DELETE', `/api/v2/users/${amal}`, { key: true }));
    expect([(await download(url)).status, (await download(thumbnail)).status]).toEqual([404, 404]);
    expect(() => statSync(s3.objectOf(keyOf(url)))).toThrow('ENOENT');
  });

  test('where the bucket cannot be had, an upload is UNAVAILABLE, nothing of it is kept, and the log says why, without the secret', async () => {
    const refusing = await startServer(settingsOf({ ...s3.place, secretAccessKey: 'not-the-secret-of-that-key' }));
    try {
      const [amal] = await makeUsers(refusing, 'Amal');
      expect((await upload(refusing, HEADS.mp4, { as: amal })).body).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
      const { db } = refusing.app.get<Storage>(STORAGE, { strict: false });
      expect(await db.selectFrom('uploads').selectAll().execute()).toEqual([]);
      expect(refusing.logs().find(({ level }) => level === 'error')).toMatchObject({
        method: 'PUT',
        status: 403,
        s3Code: 'SignatureDoesNotMatch',
      });
      expect(JSON.stringify(refusing.logs())).not.toContain('not-the-secret');
    } finally {
      await refusing.stop();
    }
  });
});

test('S3 is told the length of what comes, and gets it as it is read', async () => {
  const told: [string | undefined, string | undefined, number][] = [];
  const store = createServer((request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => {
      told.push([request.headers['content-length'], request.headers['transfer-encoding'], bytes]);
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(store, 'listening');
  const file = join(folder, 'large');
  writeFileSync(file, Buffer.alloc(5_000_000));
  const endpoint = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
  await new S3Blobs({ ...s3.place, endpoint }, silent).put(KEY, file, 'video/mp4');
  store.close();
  store.closeAllConnections();
  expect(told).toEqual([['5000000', undefined, 5_000_000]]);
});
