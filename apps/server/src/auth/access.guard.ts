import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { EXPIRED_TOKEN, INVALID_TOKEN } from '@majlis/contract';
import type { FastifyRequest } from 'fastify';
import { Failure } from '../errors.ts';
import { UserDirectory } from '../features/users/user-directory.ts';
import type { UserRecord } from '../features/users/user-record.ts';
import { ON_BEHALF_OF, setCaller, type KnownCaller } from '../http/caller.ts';
import { ClientAddresses } from '../http/client-address.ts';
import { routeOf } from '../http/endpoint.ts';
import { FailedAuthLimiter } from '../realtime/failed-auth-limiter.ts';
import { RateLimiter } from '../realtime/rate-limiter.ts';
import { ApiKeysService } from './api-keys.service.ts';
import { AuthenticationRefused } from './authentication-refused.ts';
import { Authenticator } from './authenticator.ts';

const BEARER = /^bearer +(?<token>\S+) *$/i;

/**
 * Finds out who calls a route of the contract, whether they may at all, and whether they have any of their budget left. What is no
 * route of the contract (metrics, documentation) authorises by itself.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  readonly #authenticator: Authenticator;
  readonly #directory: UserDirectory;
  readonly #limiter: RateLimiter;
  readonly #failures: FailedAuthLimiter;
  readonly #addresses: ClientAddresses;
  readonly #keys: ApiKeysService;

  constructor(
    authenticator: Authenticator,
    directory: UserDirectory,
    limiter: RateLimiter,
    failures: FailedAuthLimiter,
    addresses: ClientAddresses,
    keys: ApiKeysService,
  ) {
    this.#authenticator = authenticator;
    this.#directory = directory;
    this.#limiter = limiter;
    this.#failures = failures;
    this.#addresses = addresses;
    this.#keys = keys;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const route = routeOf(context);
    if (!route || route.access === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = { ...(await this.#identify(request)), budget: route.budget };
    setCaller(request, caller);
    // Before the right to call it: who is refused again and again is slowed down as well.
    if (caller.kind === 'user') this.#spend(caller.user!, route.budget);
    if (route.access === 'key-or-admin' && !caller.isAdmin) throw new Failure('FORBIDDEN');
    return true;
  }

  #spend(user: UserRecord, budget: Parameters<RateLimiter['take']>[1]): void {
    const allowance = this.#limiter.take(user.id, budget);
    if (!allowance.ok) throw new Failure('RATE_LIMIT', { retry_after_ms: allowance.retryAfterMs });
  }

  async #identify(request: FastifyRequest): Promise<Omit<KnownCaller, 'budget'>> {
    const key = request.headers['x-api-key'];
    if (key !== undefined) {
      const keyId = await this.#keys.idOf(String(key));
      if (keyId === undefined) return this.#refuse(request, { field: 'X-API-Key', problem: 'is not a key of this server' });
      const user = await this.#represented(request);
      return { id: `key:${keyId}:${user?.id ?? ''}`, kind: 'key', actor: { kind: 'key', id: keyId }, user, isAdmin: true };
    }
    const token = BEARER.exec(request.headers.authorization ?? '')?.groups?.['token'];
    try {
      const { user } = await this.#authenticator.authenticate(token);
      return { id: `user:${user.id}`, kind: 'user', actor: { kind: 'user', id: user.id }, user, isAdmin: user.role === 'admin' };
    } catch (error) {
      if (!(error instanceof AuthenticationRefused)) throw error;
      if (request.headers.authorization === undefined) throw new Failure('UNAUTHORIZED', undefined, INVALID_TOKEN);
      return this.#refuse(request);
    }
  }

  /** Counts a failed authentication. @throws Failure UNAUTHORIZED, or RATE_LIMIT where there were too many from there */
  async #refuse(request: FastifyRequest, details?: Record<string, string>): Promise<never> {
    const address = this.#addresses.of(request.raw);
    const wait = await this.#failures.wait(address);
    if (wait > 0) throw new Failure('RATE_LIMIT', { retry_after_ms: wait });
    await this.#failures.failed(address);
    throw new Failure('UNAUTHORIZED', details, EXPIRED_TOKEN);
  }

  /** The user that a key acts for, where it says one. @throws Failure NOT_FOUND */
  async #represented(request: FastifyRequest): Promise<UserRecord | undefined> {
    const header = request.headers['x-on-behalf-of'];
    if (header === undefined || header === '') return undefined;
    for (const id of userIdsIn(String(header))) {
      const user = await this.#directory.load(id);
      if (user && !user.erased) return user;
    }
    throw new Failure('NOT_FOUND', { field: ON_BEHALF_OF, problem: 'is not a user' });
  }
}

/** The ids that a header may mean: a header has ASCII only, so others come percent-encoded as in paths, or as bytes of UTF-8. */
function userIdsIn(header: string): Set<string> {
  const literal = Buffer.from(header, 'latin1').toString();
  try {
    return new Set([literal, decodeURIComponent(literal)]);
  } catch {
    return new Set([literal]);
  }
}
