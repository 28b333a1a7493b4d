import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { hash, randomBytes, randomUUID } from 'node:crypto';
import { Failure } from '../errors.ts';
import { UserDirectory } from '../features/users/user-directory.ts';
import { isActive, type UserRecord } from '../features/users/user-record.ts';
import { UsersService } from '../features/users/users.service.ts';
import { WriteQueue } from '../log/write-queue.ts';
import { LOGGER } from '../logger.ts';
import { FailedAuthLimiter } from '../realtime/failed-auth-limiter.ts';
import { verifyPassword } from './passwords.ts';
import { deleteExpiredTokensOf, deleteFamily, findToken, insertToken, useToken, type RefreshToken } from './refresh-tokens.repository.ts';
import { Tokens } from './tokens.ts';

/** Somebody who has just signed in, or goes on being so. */
export interface SignedIn {
  user: UserRecord;
  accessToken: string;
  /** Opaque; each use gives a new one and ends the old one. */
  refreshToken: string;
  expiresInS: number;
}

const REFRESH_TOKEN_MS = 30 * 86_400_000;
// Guesses at one address's password from wherever they come. Few enough that a dictionary takes years, more than a person needs.
const GUESSES = 10;
const GUESSES_WITHIN_S = 300;

const digest = (token: string) => hash('sha256', token);

/** Sign-in with a password, for those who do not bring tokens of their own: contract §8. */
@Injectable()
export class SignInService {
  readonly #users: UsersService;
  readonly #directory: UserDirectory;
  readonly #tokens: Tokens;
  readonly #writes: WriteQueue;
  readonly #failures: FailedAuthLimiter;
  readonly #logger: Logger;
  readonly #guesses = new RateLimiterMemory({ points: GUESSES, duration: GUESSES_WITHIN_S });

  constructor(
    users: UsersService,
    directory: UserDirectory,
    tokens: Tokens,
    writes: WriteQueue,
    failures: FailedAuthLimiter,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.#users = users;
    this.#directory = directory;
    this.#tokens = tokens;
    this.#writes = writes;
    this.#failures = failures;
    this.#logger = logger;
  }

  /**
   * Signs in. An address that nobody has, a wrong password and a disabled user are told apart neither by the answer nor by its time.
   * @param from the client's network address
   * @throws Failure UNAUTHORIZED, RATE_LIMIT
   */
  async login({ email, password }: { email: string; password: string }, from: string): Promise<SignedIn> {
    await this.#refuseFlood(from);
    await this.#guesses.consume(email).catch((state: RateLimiterRes) => {
      throw new Failure('RATE_LIMIT', { retry_after_ms: state.msBeforeNext });
    });
    const credentials = await this.#users.credentials(email);
    const matches = await verifyPassword(credentials?.passwordHash, password);
    const user = matches ? await this.#directory.load(credentials!.id) : undefined;
    if (!user || !isActive(user)) return this.#refuse(from, { problem: 'the e-mail address or the password is wrong' });
    await this.#guesses.delete(email);
    const made = newToken(user.id, randomUUID());
    await this.#writes.run([], async (tx) => {
      await deleteExpiredTokensOf(tx.db, user.id, tx.now);
      await insertToken(tx.db, made.stored);
    });
    return this.#signedIn(user, made.token);
  }

  /** Exchanges a refresh token. One that was exchanged before is in two hands: its whole sign-in ends. @throws Failure UNAUTHORIZED, RATE_LIMIT */
  async refresh(refreshToken: string, from: string): Promise<SignedIn> {
    await this.#refuseFlood(from);
    const used = digest(refreshToken);
    const exchange = await this.#writes.run([], async (tx) => {
      const stored = await findToken(tx.db, used);
      if (!stored || stored.expires_at <= tx.now) return undefined;
      if (!(await useToken(tx.db, used, tx.now))) {
        await deleteFamily(tx.db, stored.family);
        this.#logger.warn({ userId: stored.user_id }, 'A refresh token was used twice; its sign-in has been ended');
        return undefined;
      }
      const made = newToken(stored.user_id, stored.family);
      await insertToken(tx.db, made.stored);
      return { userId: stored.user_id, token: made.token };
    });
    const user = exchange && (await this.#directory.load(exchange.userId));
    if (!user || !isActive(user)) return this.#refuse(from, { field: 'refresh_token', problem: 'is not valid, or not any more' });
    return this.#signedIn(user, exchange.token);
  }

  /** Ends the sign-in of a refresh token, if there is one. */
  async logout(refreshToken: string): Promise<void> {
    await this.#writes.run([], async (tx) => {
      const stored = await findToken(tx.db, digest(refreshToken));
      if (stored) await deleteFamily(tx.db, stored.family);
    });
  }

  async #signedIn(user: UserRecord, refreshToken: string): Promise<SignedIn> {
    const { token, expiresInS } = await this.#tokens.sign(user.id);
    return { user, accessToken: token, refreshToken, expiresInS };
  }

  async #refuseFlood(from: string): Promise<void> {
    const wait = await this.#failures.wait(from);
    if (wait > 0) throw new Failure('RATE_LIMIT', { retry_after_ms: wait });
  }

  async #refuse(from: string, details: Record<string, string>): Promise<never> {
    await this.#failures.failed(from);
    throw new Failure('UNAUTHORIZED', details);
  }
}

function newToken(userId: string, family: string): { token: string; stored: RefreshToken } {
  const token = randomBytes(32).toString('base64url');
  return { token, stored: { hash: digest(token), family, user_id: userId, expires_at: Date.now() + REFRESH_TOKEN_MS, used_at: null } };
}
