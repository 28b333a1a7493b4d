/** Codes that the SDK itself raises, beside those of the contract. */
export type ClientErrorCode =
  /** The client is closed, or was closed while the call waited. */
  | 'CLOSED'
  /** No acknowledgement in time; for a request it is not known whether the server has done it. */
  | 'TIMEOUT'
  /** The connection was lost while a request waited for its acknowledgement. */
  | 'CONNECTION_LOST'
  /** The server could not be reached, or answered with something that is not its own. */
  | 'NETWORK'
  /** More messages wait to be sent than `maxQueued` allows. */
  | 'QUEUE_FULL';

/** What every failed call of the SDK rejects with, whichever way the failure came: acknowledgement, event or REST. */
export class MajlisError extends Error {
  override readonly name = 'MajlisError';
  /** A code of the contract (`CHAT_NOT_FOUND`, `RATE_LIMIT` …) or one of `ClientErrorCode`; the same in every language. */
  readonly code: string;
  /** Which field and why, `retry_after_ms`, and the like. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** Reads an error of the wire (`{code, message, details?}`, also problem details); anything else becomes `fallback`. */
export function errorFromWire(value: unknown, fallback: ClientErrorCode = 'NETWORK'): MajlisError {
  const wire = isRecord(value) ? value : {};
  const code = typeof wire['code'] === 'string' ? wire['code'] : fallback;
  const sentence = [wire['message'], wire['detail'], wire['title']].find((text) => typeof text === 'string');
  return new MajlisError(code, sentence ?? code, isRecord(wire['details']) ? wire['details'] : {});
}

/** How long the server asked to wait, in milliseconds, where it did. */
export function retryAfterMs(error: MajlisError): number | undefined {
  const value = error.details['retry_after_ms'];
  return typeof value === 'number' && value >= 0 ? value : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
