/** The way to push services. Where they are is said by clients, so the server is kept from its own network. */
import { Inject, Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { lookup, type LookupAddress } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { SETTINGS } from '../../config/config.module.ts';
import type { Settings } from '../../config/settings.ts';

const TIMEOUT_MS = 10_000;
const SOCKETS = 20;

/** What a push service answered. */
export interface PushAnswer {
  status: number;
  /** Milliseconds, where it said how long to wait. */
  retryAfterMs: number | undefined;
}

/** The endpoint's name leads into a network that is not public. */
export class PrivateAddress extends Error {
  override name = 'PrivateAddress';
}

/** Sends requests to push endpoints: over https and to public addresses only, unless `PUSH_ALLOW_PRIVATE`. Redirections are not followed. */
@Injectable()
export class PushEndpoints {
  readonly #allowPrivate: boolean;
  readonly #agents: Readonly<Record<string, HttpAgent>>;

  constructor(@Inject(SETTINGS) { PUSH_ALLOW_PRIVATE }: Settings) {
    this.#allowPrivate = PUSH_ALLOW_PRIVATE;
    // Looked at where the connection is made: what a name meant when it was checked it may mean no longer.
    const options = { keepAlive: true, maxSockets: SOCKETS, ...(!PUSH_ALLOW_PRIVATE && { lookup: publicLookup }) };
    this.#agents = { 'https:': new HttpsAgent(options), 'http:': new HttpAgent(options) };
  }

  /** What is wrong with an endpoint, as far as its text tells; undefined where nothing is. */
  problem(endpoint: string): string | undefined {
    const { protocol, hostname, username, password } = new URL(endpoint);
    if (username || password) return 'must not carry credentials';
    if (this.#allowPrivate) return protocol in this.#agents ? undefined : 'must be an http or https URL';
    if (protocol !== 'https:') return 'must be an https URL';
    const address = hostname.replace(/^\[|\]$/g, '');
    return isIP(address) !== 0 && !isPublic(address) ? 'must be a public address' : undefined;
  }

  /** Sends one request. @throws PrivateAddress, and what the network throws, a timeout after 10 s included */
  async post(endpoint: string, headers: Record<string, string>, body: Buffer): Promise<PushAnswer> {
    if (this.problem(endpoint) !== undefined) throw new PrivateAddress(endpoint);
    const { protocol } = new URL(endpoint);
    const send = protocol === 'https:' ? httpsRequest : httpRequest;
    const options = { method: 'POST', headers, agent: this.#agents[protocol], signal: AbortSignal.timeout(TIMEOUT_MS) };
    return new Promise((resolve, reject) => {
      const request = send(endpoint, options as Parameters<typeof httpsRequest>[1], (response) => {
        const seconds = Number(response.headers['retry-after']);
        response.on('error', () => undefined).resume();
        resolve({ status: response.statusCode ?? 0, retryAfterMs: seconds > 0 ? seconds * 1000 : undefined });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  /** Ends the connections that are kept open. */
  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }
}

/** Whether an address belongs to the internet at large. IPv4 inside IPv6 is taken for what it stands for. */
export function isPublic(address: string): boolean {
  return ipaddr.process(address).range() === 'unicast';
}

const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, '');
    if (addresses.some(({ address }) => !isPublic(address))) return callback(new PrivateAddress(hostname), '');
    if (options.all) callback(null, addresses);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  });
};
