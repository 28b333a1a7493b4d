/** A push service on this machine, and browsers that are subscribed there: what arrives is decrypted as a browser does it. */
import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify, type ECDH } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Recorder } from '../support/recorder.ts';

interface Received {
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Answers a request to a browser's endpoint. */
type Answer = (path: string) => { status: number; headers?: Record<string, string> };

/** Records as `push` what browsers were sent, decrypted, with `to` (the browser's name) and `signed` (by whom, and for whom). */
export class PushService extends Recorder {
  readonly #server: Server;
  readonly #browsers = new Map<string, Browser>();
  /** What it answers; 201 unless a test says otherwise. */
  answer: Answer = () => ({ status: 201 });
  /** Requests, whatever they were answered. */
  requests = 0;

  constructor() {
    super();
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.requests++;
        const { status, headers } = this.answer(request.url!);
        response.writeHead(status, headers).end();
        const browser = this.#browsers.get(request.url!);
        this.add('request', [{ to: browser?.name, status }]);
        if (status === 201)
          this.add('push', [{ to: browser!.name, ...browser!.read({ headers: request.headers, body: Buffer.concat(chunks) }) }]);
      });
    });
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A new browser. */
  browser(name: string): Browser {
    const path = `/${randomBytes(9).toString('base64url')}`;
    const browser = new Browser(name, this.url + path);
    this.#browsers.set(path, browser);
    return browser;
  }

  /** What a browser was pushed. */
  pushedTo(browser: Browser) {
    return this.of('push').filter(({ to }) => to === browser.name);
  }
}

export class Browser {
  readonly name: string;
  readonly endpoint: string;
  readonly #key: ECDH = createECDH('prime256v1');
  readonly #auth = randomBytes(16);

  constructor(name: string, endpoint: string) {
    this.name = `${name}-${randomBytes(4).toString('hex')}`;
    this.endpoint = endpoint;
    this.#key.generateKeys();
  }

  /** As `PushSubscription.toJSON()` gives it. */
  get subscription() {
    const p256dh = this.#key.getPublicKey('base64url');
    return { endpoint: this.endpoint, expirationTime: null, keys: { p256dh, auth: this.#auth.toString('base64url') } };
  }

  read({ headers, body }: Received) {
    return { message: JSON.parse(this.#decrypt(body)), bytes: body.length, headers, signed: signedBy(headers, this.endpoint) };
  }

  /** RFC 8291 over RFC 8188, one record. */
  #decrypt(body: Buffer): string {
    const salt = body.subarray(0, 16);
    const serverKey = body.subarray(21, 21 + body[20]!);
    const sealed = body.subarray(21 + body[20]!);
    const shared = this.#key.computeSecret(serverKey);
    const keyInfo = Buffer.concat([Buffer.from('WebPush: info\0'), this.#key.getPublicKey(), serverKey]);
    const material = Buffer.from(hkdfSync('sha256', shared, this.#auth, keyInfo, 32));
    const derive = (info: string, length: number) => Buffer.from(hkdfSync('sha256', material, salt, `Content-Encoding: ${info}\0`, length));
    const decipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12));
    decipher.setAuthTag(sealed.subarray(-16));
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
    return plain.subarray(0, plain.lastIndexOf(2)).toString();
  }
}

/** The key that signed a push (RFC 8292) and what it says. @throws where the signature is wrong */
function signedBy({ authorization = '' }: IncomingHttpHeaders, endpoint: string) {
  const { token, key } = /^vapid t=(?<token>[^,]+), k=(?<key>.+)$/.exec(authorization)!.groups as { token: string; key: string };
  const [head, claims, signature] = token.split('.') as [string, string, string];
  const point = Buffer.from(key, 'base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') };
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  const isRight = verify(
    'sha256',
    Buffer.from(`${head}.${claims}`),
    { key: publicKey, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  const { aud, exp, sub } = JSON.parse(Buffer.from(claims, 'base64url').toString());
  if (!isRight || aud !== new URL(endpoint).origin || exp * 1000 < Date.now()) throw new Error('the push service refuses this signature');
  return { key, sub };
}
