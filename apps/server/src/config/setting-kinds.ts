import { createPublicKey, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';
import { SECRET_MIN_BYTES } from './jwt-secret.ts';

// The kinds of value that a setting can have. Each is a schema from the text of an environment variable; the message of
// its issue says what would be right, as the end of "it must be …".

/** A setting read by `parse`, which answers `undefined` for a value that is not `expected`. */
export function parsed<T>(expected: string, parse: (text: string) => T | undefined) {
  return z.string().transform((text, context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', input: text, message: expected });
    return z.NEVER;
  });
}

export const oneOf = <const T extends readonly string[]>(...values: T) => z.enum(values, { error: `one of ${values.join(', ')}` });

export const flag = () => z.stringbool({ error: 'true or false' });

export const text = () => z.string();

export const integer = (min: number, max: number) =>
  parsed(`a whole number from ${min} to ${max}`, (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    return number >= min && number <= max ? number : undefined;
  });

export const items = (value: string) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** Reads an absolute URL; without `protocols`, one of any scheme. */
function urlOf(value: string, protocols?: readonly string[]): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url && (protocols?.includes(url.protocol) ?? true) ? url : undefined;
}

/** `scheme://host[:port]`, as browsers send it. `URL.origin` would be "null" for the schemes of mobile shells (`capacitor://`). */
function originOf(value: string): string | undefined {
  const url = urlOf(value);
  return url?.host ? `${url.protocol}//${url.host}` : undefined;
}

export const httpUrl = () => parsed('an http or https URL', (value) => urlOf(value, ['http:', 'https:'])?.href);

/** What paths are appended to: without query, fragment and the last slash. */
export const baseUrl = () =>
  parsed('an http or https URL without query', (value) => {
    const url = urlOf(value, ['http:', 'https:']);
    return url && !url.search && !url.hash ? url.href.replace(/\/+$/, '') : undefined;
  });

export const databaseUrl = () =>
  parsed('a postgres:// URL (unset selects the embedded store)', (value) =>
    urlOf(value, ['postgres:', 'postgresql:']) ? value : undefined,
  );

export const redisUrl = () =>
  parsed('a redis:// or rediss:// URL, whose path is empty or the number of a database', (value) =>
    /^\/?\d*$/.test(urlOf(value, ['redis:', 'rediss:'])?.pathname ?? 'none') ? value : undefined,
  );

export const origins = () =>
  parsed('a comma-separated list of origins, or unset for any origin (without credentials)', (value) => {
    const found = items(value).map(originOf);
    return found.every((origin) => origin !== undefined) ? found : undefined;
  });

const hostname = /^(?=.{1,253}$)[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)*$/i;

export const host = () => parsed('an IP address or a host name', (value) => (isIP(value) || hostname.test(value) ? value : undefined));

const subnet = /^(?<address>[^/]+)(?:\/(?<bits>\d{1,3}))?$/;

function isSubnet(value: string): boolean {
  const { address = '', bits = '0' } = subnet.exec(value)?.groups ?? {};
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

/** How many proxies stand in front, or the addresses that are proxies: both are what Fastify's `trustProxy` takes. */
export const trustedProxies = () =>
  parsed('true, false, a number of proxies, or a comma-separated list of their addresses', (value): number | string[] | undefined => {
    // `true` is the one proxy that the operator knows of. To trust every hop would let the client choose its address.
    if (value === 'false' || value === 'true') return Number(value === 'true');
    if (/^\d{1,2}$/.test(value)) return Number(value);
    const addresses = items(value);
    return addresses.length > 0 && addresses.every(isSubnet) ? addresses : undefined;
  });

/** A key that RS256 or ES256 can verify with. A line break may be written as `\n`, for files that know single lines only. */
export const publicKey = () =>
  parsed('a public key in PEM form, RSA of 2048 bits or more (RS256) or EC P-256 (ES256)', (value): KeyObject | undefined => {
    if (value.includes('PRIVATE KEY')) return undefined;
    try {
      const key = createPublicKey(value.replaceAll('\\n', '\n'));
      const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
      const rs256 = key.asymmetricKeyType === 'rsa' && modulusLength >= 2048;
      const es256 = key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1';
      return rs256 || es256 ? key : undefined;
    } catch {
      return undefined;
    }
  });

export const secretText = () =>
  z.string().refine((value) => Buffer.byteLength(value) >= SECRET_MIN_BYTES, { error: `at least ${SECRET_MIN_BYTES} bytes` });
