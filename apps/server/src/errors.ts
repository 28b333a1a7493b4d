import type { ErrorCode } from '@majlis/contract';

/**
 * A refusal that the client is told of, with a code of the contract. Services throw it, repositories never do; the inbound
 * pipeline and the REST error filter are the only ones that catch it.
 */
export class Failure extends Error {
  override name = 'Failure';
  readonly code: ErrorCode;
  /** Which field and why, for people who write clients. */
  readonly details: Record<string, unknown> | undefined;
  /** An English sentence that replaces the code's own where clients compare it. */
  readonly sentence: string | undefined;

  constructor(code: ErrorCode, details?: Record<string, unknown>, sentence?: string) {
    super(sentence ?? code);
    this.code = code;
    this.details = details;
    this.sentence = sentence;
  }
}

const FIELD_CHARACTERS = 200;

/** A path into a payload as an error shows it. Its keys may be the client's own: an answer does not carry a megabyte of them back. */
export function fieldName(path: string): string {
  const shown = path.length > FIELD_CHARACTERS ? `${path.slice(0, FIELD_CHARACTERS)}…` : path;
  return shown.toWellFormed() || 'payload';
}

/** `INVALID_DATA` that names the field. */
export function invalid(field: string, problem: string): Failure {
  return new Failure('INVALID_DATA', { field: fieldName(field), problem });
}
