/** Whose request it is: contract §3. Shared by REST, Socket.IO and the raw WebSocket. */
import { Inject, Injectable } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4 } from 'node:net';
import type { Logger } from 'pino';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { LOGGER } from '../logger.ts';

/** Whether the one at `address`, `hop` steps away from this server, is a proxy whose word is taken. */
export type Trust = (address: string, hop: number) => boolean;

/** Reads `TRUST_PROXY`: how many proxies stand in front, or their addresses and subnets. */
export function trustOf(proxies: Settings['TRUST_PROXY']): Trust {
  if (typeof proxies === 'number') return (_, hop) => hop < proxies;
  const list = new BlockList();
  for (const proxy of proxies) {
    const [address = '', bits] = proxy.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/**
 * The address that the nearest trusted proxy vouches for. What stands further left in `forwarded` is the client's own claim.
 * @param remote the peer of the connection
 * @param forwarded the `X-Forwarded-For` header: the client, and each proxy but the last
 */
export function clientAddress(remote: string | undefined, forwarded: string | string[] | undefined, trust: Trust): string {
  let address = plain(remote ?? '');
  const hops = forwarded === undefined ? [] : String(forwarded).split(',').toReversed();
  for (let hop = 0; hop < hops.length && trust(address, hop); hop++) {
    const next = plain(hops[hop]!.trim());
    if (isIP(next) === 0) break;
    address = next;
  }
  return address;
}

const WITH_PORT = /^(?:\[(?<v6>[^\]]+)\](?::\d+)?|(?<v4>[\d.]+):\d+)$/;

// Some proxies append the port; a dual-stack listener shows IPv4 peers as IPv6.
function plain(address: string): string {
  const { v4, v6 } = WITH_PORT.exec(address)?.groups ?? {};
  return (v4 ?? v6 ?? address).replace(/^::ffff:(?=\d+\.)/i, '');
}

/** Tells the address of a request, and warns once where a proxy seems to stand in front that nobody told the server of. */
@Injectable()
export class ClientAddresses {
  readonly #trust: Trust;
  readonly #logger: Logger;
  #silent: boolean;

  constructor(@Inject(SETTINGS) { TRUST_PROXY }: Settings, @Inject(LOGGER) logger: Logger) {
    this.#trust = trustOf(TRUST_PROXY);
    this.#silent = TRUST_PROXY !== 0;
    this.#logger = logger;
  }

  /** The client's address. */
  of({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): string {
    const forwarded = headers['x-forwarded-for'];
    if (forwarded !== undefined && !this.#silent) {
      this.#silent = true;
      this.#logger.warn('X-Forwarded-For was received and is ignored; set TRUST_PROXY if a proxy stands in front of this server');
    }
    return clientAddress(socket.remoteAddress, forwarded, this.#trust);
  }
}
