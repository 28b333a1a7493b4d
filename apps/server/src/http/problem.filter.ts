import { Catch, HttpException, Inject, Injectable, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { ERRORS, errorText, type Locale, type Problem } from '@majlis/contract';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { Failure, invalid } from '../errors.ts';
import { LOGGER } from '../logger.ts';
import { asFailure } from '../realtime/error-body.ts';
import { acceptedLocale } from '../realtime/handshake.ts';
import { RateLimiter } from '../realtime/rate-limiter.ts';
import { callerOf, type KnownCaller } from './caller.ts';

/** Answers every error of a request with a problem document (RFC 9457), in the caller's language: contract §2. */
@Catch()
@Injectable()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger: Logger;
  readonly #limiter: RateLimiter;

  constructor(@Inject(LOGGER) logger: Logger, limiter: RateLimiter) {
    this.#logger = logger;
    this.#limiter = limiter;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const failure = failureOfRequest(error);
    if (failure.code === 'SOCKET_ERROR')
      this.#logger.error({ err: error, method: request.method, route: request.routeOptions?.url }, 'Request failed');
    if (reply.sent) return;
    const caller = callerOf(request);
    if (caller) this.#countRefusal(caller, failure);
    void send(reply, failure, caller?.user?.locale ?? acceptedLocale(request.headers['accept-language']) ?? 'en');
  }

  // As on sockets: whoever hammers with what is refused has less left for what is not.
  #countRefusal({ kind, user, budget }: KnownCaller, { code }: Failure): void {
    if (kind === 'user' && budget !== 'light' && code !== 'UNAVAILABLE') this.#limiter.take(user!.id, 'light');
  }
}

/** Sends the problem document of a failure. */
export function send(reply: FastifyReply, failure: Failure, locale: Locale): FastifyReply {
  const { code, details } = failure;
  const { status } = ERRORS[code];
  const retryAfterMs = details?.['retry_after_ms'];
  if (typeof retryAfterMs === 'number') reply.header('Retry-After', Math.ceil(retryAfterMs / 1000));
  if (status === 401) reply.header('WWW-Authenticate', 'Bearer');
  // Clients compare the sentences about tokens, so these are the same in every language.
  const title = errorText(code, code === 'UNAUTHORIZED' ? 'en' : locale);
  const problem: Problem = {
    type: `/docs/errors#${code}`,
    title,
    status,
    detail: failure.sentence ?? title,
    code,
    ...(details && { details }),
    timestamp: new Date().toISOString(),
  };
  return reply.status(status).type('application/problem+json').send(problem);
}

/** What the framework refuses by itself, in the contract's words, by its HTTP status. */
const REFUSALS: Readonly<Record<number, () => Failure>> = {
  404: () => new Failure('NOT_FOUND'),
  413: () => new Failure('MESSAGE_TOO_LARGE', { field: 'payload', problem: 'is larger than 1 MiB' }),
  415: () => invalid('Content-Type', 'must be application/json'),
};

function failureOfRequest(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const status = error instanceof HttpException ? error.getStatus() : (error as Partial<FastifyError> | undefined)?.statusCode;
  if (status === undefined || status < 400 || status >= 500) return asFailure(error);
  return REFUSALS[status]?.() ?? invalid('payload', error instanceof Error ? error.message : 'cannot be read');
}
