/** The scalars that payloads are made of, and the checks that hold for every payload whatever its schema. */
import { z } from 'zod';
import { LIMITS } from './limits.ts';

/** Length of `text` in Unicode code points, the unit of every length in the contract. */
export function codePoints(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdbff) count++;
    else if (i + 1 < text.length) {
      count++;
      i++;
    }
  }
  return count;
}

/** True where `text` is longer than `max` code points; the common case costs one comparison. */
export function longerThan(text: string, max: number): boolean {
  return text.length > max && codePoints(text) > max;
}

/** Text of `min` to `max` code points. */
export function text(min: number, max: number) {
  return z
    .string()
    .refine((value) => value.length >= min, { error: min === 1 ? 'must not be empty' : `must have at least ${min} characters` })
    .refine((value) => !longerThan(value, max), { error: `must have at most ${max} characters` })
    .meta({ minLength: min, maxLength: max });
}

// Control characters are what makes an id unsafe in a log line or a header; everything else is the customer's business.
// eslint-disable-next-line no-control-regex
const ID_FORM = /^[^\u0000-\u001f\u007f-\u009f]+$/u;

/** An id that the customer's backend chose: 1 to 64 characters without control characters. */
export const UserId = text(1, LIMITS.userIdCharacters)
  .refine((value) => ID_FORM.test(value), { error: 'must not contain control characters' })
  .meta({ id: 'UserId', description: "A user's id, chosen by the customer's backend: 1 to 64 characters without control characters." });

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True where `id` has the form of an id that the server makes. */
export function isUuid(id: string): boolean {
  return id.length === 36 && UUID.test(id);
}

/** An id that the server makes (UUIDv7), in answers. */
export const Uuid = z.string().meta({ format: 'uuid' });

/**
 * An id in a question. Deliberately any string: an id of the wrong form is answered like one that does not exist
 * (`CHAT_NOT_FOUND`, `NOT_FOUND`), not as `INVALID_DATA`.
 */
export const Reference = z.string().meta({ description: 'An id that the server made; one of another form does not exist.' });

/** A time: ISO 8601 UTC with milliseconds and `Z`. */
export const Time = z.string().meta({ format: 'date-time', description: 'ISO 8601 UTC with milliseconds and Z.' });

/** A whole number from 0. */
export const Count = z.int().min(0);

/** How many items of a list are asked for, in a query. */
export const PageSize = z.coerce.number().int().min(1).max(LIMITS.pageMax).default(LIMITS.pageDefault);

/** Yes or no, in a query. */
export const Flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/** Whether a text is an absolute http or https URL. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\/[^\s/]/i.test(text) && URL.canParse(text);
}

/** An absolute http or https URL in something whose length is bounded as a whole: a message, attachments. */
export const UnboundedHttpUrl = z.string().refine(isHttpUrl, { error: 'must be an http or https URL' }).meta({ format: 'uri' });

/** An absolute http or https URL of at most 2,048 characters. */
export const HttpUrl = UnboundedHttpUrl.refine((value) => !longerThan(value, LIMITS.urlCharacters), {
  error: `must have at most ${LIMITS.urlCharacters} characters`,
}).meta({ format: 'uri', maxLength: LIMITS.urlCharacters });

/** A JSON object whose keys are the sender's own. */
export const FreeObject = z.record(z.string(), z.unknown());

/** What is wrong with a payload before any schema looks at it. */
export interface PayloadProblem {
  field: string;
  problem: string;
}

/**
 * The checks that hold for every payload (contract preamble and §3): at most 32 levels deep, no lone surrogate, no NUL, no binary.
 * Recursion is bounded by the depth limit, so a payload nested 5,000 deep costs 33 calls.
 * @returns the first problem, or undefined.
 */
export function payloadProblem(value: unknown, field = '', depth = 1): PayloadProblem | undefined {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) return { field, problem: 'contains a lone surrogate' };
    return value.includes('\0') ? { field, problem: 'contains NUL' } : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > LIMITS.jsonDepth) return { field, problem: `is nested deeper than ${LIMITS.jsonDepth} levels` };
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return { field, problem: 'must not be binary' };
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const found = payloadProblem(value[i], field === '' ? String(i) : `${field}.${i}`, depth + 1);
      if (found) return found;
    }
    return undefined;
  }
  for (const key in value) {
    const path = field === '' ? key : `${field}.${key}`;
    const found = payloadProblem(key, path) ?? payloadProblem((value as Record<string, unknown>)[key], path, depth + 1);
    if (found) return found;
  }
  return undefined;
}
