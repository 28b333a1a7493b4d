/** What a CONNECT says of itself. Pure functions over hostile input. */
import { LOCALES, type Locale } from '@majlis/contract';

/** The parts of a Socket.IO handshake that are read. */
export interface HandshakeInput {
  auth: unknown;
  headers: Record<string, string | string[] | undefined>;
}

/** A token, none at all, or something that cannot be one. */
export type PresentedToken = { kind: 'token'; token: string; from: 'auth' | 'header' } | { kind: 'missing' } | { kind: 'malformed' };

const BEARER = /^bearer\s+/i;

function authOf(handshake: HandshakeInput): Record<string, unknown> {
  return typeof handshake.auth === 'object' && handshake.auth !== null ? (handshake.auth as Record<string, unknown>) : {};
}

/** The token: `auth.token` (with or without the word Bearer; anything but a string is a bad token), then the Authorization header. */
export function presentedToken(handshake: HandshakeInput): PresentedToken {
  const { token } = authOf(handshake);
  if (token !== undefined && token !== null && token !== '') {
    return typeof token === 'string' ? { kind: 'token', token: token.replace(BEARER, '').trim(), from: 'auth' } : { kind: 'malformed' };
  }
  const header = handshake.headers['authorization'];
  if (typeof header === 'string' && BEARER.test(header)) return { kind: 'token', token: header.replace(BEARER, '').trim(), from: 'header' };
  return { kind: 'missing' };
}

const isLocale = (value: unknown): value is Locale => LOCALES.includes(value as Locale);

/** The language of error text: `auth.locale`, then the user's, then `Accept-Language`, then the surface's own. */
export function localeOf(handshake: HandshakeInput, stored: Locale | null | undefined, surface: Locale): Locale {
  const { locale } = authOf(handshake);
  if (isLocale(locale)) return locale;
  if (stored) return stored;
  return acceptedLocale(handshake.headers['accept-language']) ?? surface;
}

/** The first language of an `Accept-Language` header that Majlis speaks, by its weights. */
export function acceptedLocale(header: string | string[] | undefined): Locale | undefined {
  if (typeof header !== 'string') return undefined;
  return header
    .slice(0, 200)
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.trim().split(';');
      const weight = parameters.map((p) => /^\s*q=([\d.]+)/.exec(p)?.[1]).find((q) => q !== undefined);
      return { language: tag.split('-')[0]!.toLowerCase(), weight: weight === undefined ? 1 : Number(weight) };
    })
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
    .map(({ language }) => language)
    .find(isLocale);
}

/** Whether the client wants its events in batches. */
export function wantsBatches(handshake: HandshakeInput): boolean {
  return authOf(handshake)['batch'] === true;
}

const DEVICE_ID_CHARACTERS = 128;

/** `auth.device_id`, where the client gives a usable one. */
export function deviceIdOf(handshake: HandshakeInput): string | undefined {
  const { device_id: device } = authOf(handshake);
  return typeof device === 'string' &&
    device !== '' &&
    device.length <= DEVICE_ID_CHARACTERS &&
    device.isWellFormed() &&
    !device.includes('\0')
    ? device
    : undefined;
}
