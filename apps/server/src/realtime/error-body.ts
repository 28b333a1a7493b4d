import { ERRORS, type ErrorCode, type Locale, type v2 } from '@majlis/contract';
import type { ZodError } from 'zod';
import { Failure, fieldName } from '../errors.ts';
import { isUnavailable } from '../storage/unavailable.ts';

/** Any thrown value as a refusal that may be shown: what is not a `Failure` is unexpected, and says nothing of itself. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure(isUnavailable(error) ? 'UNAVAILABLE' : 'SOCKET_ERROR');
}

/** The first problem that a schema found, as a refusal that names the field. */
export function failureOf(error: ZodError): Failure {
  const issue = error.issues[0]!;
  const code = issue.code === 'custom' ? (issue.params?.['code'] as ErrorCode | undefined) : undefined;
  return new Failure(code ?? 'INVALID_DATA', { field: fieldName(issue.path.join('.')), problem: issue.message });
}

/** An error as the contract shows it: §2. */
export function errorBody(failure: Failure, locale: Locale, event?: string): v2.ErrorBody {
  return {
    code: failure.code,
    message: failure.sentence ?? ERRORS[failure.code][locale],
    timestamp: new Date().toISOString(),
    ...(event === undefined ? {} : { event }),
    ...(failure.details ? { details: failure.details } : {}),
  };
}
