import { isRecord } from './errors.ts';

/** `reconnect`: wait, then come back. `renew`: the same with a new token. `stop`: only the application may come back. */
export type ClosePolicy = 'reconnect' | 'renew' | 'stop';

/**
 * Why a connection ended or did not come about. Socket.IO's own reasons keep their names. The server sends a DISCONNECT
 * only to those who must not come back by themselves; everything else it does by closing the transport.
 */
export const closePolicies = {
  'transport close': 'reconnect',
  'transport error': 'reconnect',
  'ping timeout': 'reconnect',
  'parse error': 'reconnect',
  'connect error': 'reconnect',
  'open timeout': 'reconnect',
  'ack timeout': 'reconnect',
  'token provider failed': 'reconnect',
  'rate limited': 'reconnect',
  'token refused': 'renew',
  'no token': 'stop',
  'access refused': 'stop',
  'io server disconnect': 'stop',
  'io client disconnect': 'stop',
} as const satisfies Record<string, ClosePolicy>;

export type CloseReason = keyof typeof closePolicies;

/** What an error that came just before the end says about it; codes that are not listed say nothing. */
const reasonByCode: Readonly<Record<string, CloseReason>> = {
  UNAUTHORIZED: 'token refused',
  FORBIDDEN: 'access refused',
  RATE_LIMIT: 'rate limited',
};

/** The reason for a Socket.IO `disconnect`. `lastError` is the latest `error` event of this connection, if there was one. */
export function disconnectReason(reason: string, lastError: unknown): CloseReason {
  if (reason === 'io server disconnect') return byCode(lastError) ?? 'io server disconnect';
  return reason in closePolicies ? (reason as CloseReason) : 'transport close';
}

/** The reason for a Socket.IO `connect_error`: its `data` is the server's answer, where the server has answered. */
export function connectErrorReason(data: unknown): CloseReason {
  return byCode(data) ?? 'connect error';
}

function byCode(error: unknown): CloseReason | undefined {
  return isRecord(error) && typeof error['code'] === 'string' ? reasonByCode[error['code']] : undefined;
}
