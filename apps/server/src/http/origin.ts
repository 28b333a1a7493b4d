/** Which web pages may talk to this server: contract §9. Shared by REST, Socket.IO and the raw WebSocket. */
import type { Settings } from '../config/settings.ts';

/**
 * What an `Origin` header is to this server. `absent`: not a browser, or its own page asking with GET; `own`: a page that this
 * server served; `listed`: of the settings, may send credentials; `any`: nothing is listed; `foreign`: refused.
 */
export type OriginVerdict = 'absent' | 'own' | 'listed' | 'any' | 'foreign';

/**
 * Judges an origin.
 * @param host the `Host` header of the same request
 */
export function originVerdict(
  origin: string | undefined,
  host: string | undefined,
  { FRONTEND_URL, CLIENT_URL }: Pick<Settings, 'FRONTEND_URL' | 'CLIENT_URL'>,
): OriginVerdict {
  if (origin === undefined) return 'absent';
  // Behind a proxy that ends TLS the server does not know its own scheme; the host is enough.
  if (host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase()) return 'own';
  if (FRONTEND_URL.includes(origin) || CLIENT_URL.includes(origin)) return 'listed';
  return FRONTEND_URL.length + CLIENT_URL.length === 0 ? 'any' : 'foreign';
}

/** Whether a page of this origin may connect. */
export function originAllowed(...question: Parameters<typeof originVerdict>): boolean {
  return originVerdict(...question) !== 'foreign';
}
