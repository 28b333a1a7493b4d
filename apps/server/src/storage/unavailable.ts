/** Tells "the store cannot serve now" from a fault of ours, in the errors of both drivers. */
import { StoreUnavailable } from './storage.ts';

// SQLITE_BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB; the low byte is the primary result code.
const SQLITE_CODES = new Set([5, 6, 8, 10, 11, 13, 14, 26]);
// 08 connection, 53 resources, 57P shutdown, 57014 cancelled by a timeout, 58 system, 25006 read-only.
const SQLSTATES = /^(?:08|53|57P|57014|58|25006)/;
const NETWORK_CODES = /^E[A-Z]{3,}$/;
const NETWORK_MESSAGES = /timeout|terminated|not queryable|connection/i;
// A node that drains has closed its store, and a last request comes too late.
const CLOSED_MESSAGES = /calling end on the pool|database is not open|statement has been finalized/;

/** True where `error`, thrown by a query of either engine, means that the store is away or cannot write. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof StoreUnavailable) return true;
  if (!(error instanceof Error)) return false;
  const { errcode, code, message } = error as Error & { errcode?: number; code?: string };
  if (CLOSED_MESSAGES.test(message)) return true;
  if (errcode !== undefined) return SQLITE_CODES.has(errcode & 0xff);
  if (code === undefined) return NETWORK_MESSAGES.test(message) && /\bat .*[\\/]pg/.test(error.stack ?? '');
  return SQLSTATES.test(code) || NETWORK_CODES.test(code);
}
