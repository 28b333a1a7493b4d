/** An S3-compatible server on this machine. s3rver itself takes any signature of version 4, so it is checked here, before it is asked. */
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';
import type { S3Place } from '../../src/features/uploads/s3-blobs.ts';

// What s3rver knows.
const ACCOUNT = 'S3RVER';
const BUCKET = 'majlis';
const REGION = 'eu-central-1';
const PATIENCE_MS = 900_000;

export interface S3Server {
  place: S3Place;
  /** The file in which an upload's object is. */
  objectOf(key: string): string;
  stop(): Promise<void>;
}

export async function startS3(): Promise<S3Server> {
  const directory = mkdtempSync(join(tmpdir(), 'majlis-s3-'));
  const s3 = new S3rver({ directory, silent: true, configureBuckets: [{ name: BUCKET, configs: [] }] });
  await s3.configureBuckets();
  const handle = s3.callback();
  const server = createServer((request, response) => {
    if (isSigned(request)) return handle(request, response);
    request.resume();
    response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    place: { endpoint, region: REGION, bucket: BUCKET, accessKeyId: ACCOUNT, secretAccessKey: ACCOUNT },
    objectOf: (key) => join(directory, BUCKET, 'uploads', `${key}._S3rver_object`),
    async stop() {
      server.close();
      server.closeAllConnections();
      rmSync(directory, { recursive: true });
    },
  };
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=(?<account>[^/]+)\/(?<scope>[^,]+), SignedHeaders=(?<names>[^,]+), Signature=(?<signature>\w+)$/;

/** Whether a request is signed as Amazon's signature version 4 says. */
function isSigned({ method, url, headers }: IncomingMessage): boolean {
  const { account, scope, names, signature } = AUTHORIZATION.exec(headers.authorization ?? '')?.groups ?? {};
  const time = String(headers['x-amz-date']);
  if (account !== ACCOUNT || !scope || !names?.split(';').includes('host')) return false;
  if (scope !== `${time.slice(0, 8)}/${REGION}/s3/aws4_request`) return false;
  const at = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(at - Date.now()) < PATIENCE_MS)) return false;
  const { pathname, searchParams } = new URL(url!, 'http://x');
  const signed = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const parts = [method, pathname, searchParams.toString(), signed.join(''), names, headers['x-amz-content-sha256']];
  const request = createHash('sha256').update(parts.join('\n')).digest('hex');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const key = scope.split('/').reduce(hmac, Buffer.from(`AWS4${ACCOUNT}`));
  return hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${request}`).toString('hex') === signature;
}
