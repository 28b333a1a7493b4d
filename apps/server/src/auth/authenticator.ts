import { Inject, Injectable } from '@nestjs/common';
import type { v2 } from '@majlis/contract';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { UserDirectory } from '../features/users/user-directory.ts';
import { isActive, type UserRecord } from '../features/users/user-record.ts';
import { UsersService } from '../features/users/users.service.ts';
import { AuthenticationRefused } from './authentication-refused.ts';
import { provisionedChange } from './provisioning.ts';
import { Tokens, type VerifiedToken } from './tokens.ts';

/** Somebody who is let in. */
export interface Principal {
  readonly user: UserRecord;
  /** When the token expires, in seconds since the epoch; may have a fraction. */
  readonly exp: number;
  /** SHA-256 of the token, hex. */
  readonly tokenHash: string;
}

/** Says who a token stands for. For a user in memory and a token seen lately this asks neither the store nor the CPU for much. */
@Injectable()
export class Authenticator {
  readonly #tokens: Tokens;
  readonly #directory: UserDirectory;
  readonly #users: UsersService;
  readonly #provisions: boolean;
  readonly #trustsRole: boolean;
  readonly #provisioning = new Map<string, Promise<UserRecord>>();

  constructor(tokens: Tokens, directory: UserDirectory, users: UsersService, @Inject(SETTINGS) settings: Settings) {
    this.#tokens = tokens;
    this.#directory = directory;
    this.#users = users;
    this.#provisions = settings.AUTH_PROVISION_USERS;
    this.#trustsRole = settings.AUTH_TRUST_ROLE_CLAIM;
  }

  /**
   * The user of a token.
   * @param token undefined or empty where none was given
   * @throws AuthenticationRefused
   * @throws Failure UNAVAILABLE, or the store's own errors, where it cannot be known now
   */
  async authenticate(token: string | undefined): Promise<Principal> {
    if (!token) throw new AuthenticationRefused('missing');
    const verified = await this.#tokens.verify(token);
    const known = await this.#directory.load(verified.userId);
    // One who was erased or disabled is not made anew by an old token.
    if (known && !isActive(known)) throw new AuthenticationRefused('unknownUser');
    const user = this.#provisions ? await this.#provision(known, verified) : known;
    if (!user || !isActive(user)) throw new AuthenticationRefused('unknownUser');
    return { user, exp: verified.exp, tokenHash: verified.hash };
  }

  /** The role that a user has now; undefined for one who is let in no more. */
  async roleOf(userId: string): Promise<v2.Role | undefined> {
    const user = await this.#directory.load(userId);
    return user && isActive(user) ? user.role : undefined;
  }

  async #provision(known: UserRecord | undefined, { userId, claims }: VerifiedToken): Promise<UserRecord> {
    const change = provisionedChange(known, claims, this.#trustsRole);
    if (!change) return known!;
    // The first connections of one user, all at once, are one write.
    const key = JSON.stringify([userId, change]);
    let provisioning = this.#provisioning.get(key);
    if (!provisioning) {
      provisioning = this.#users
        .save(userId, { ...change, name: change.name ?? known?.name ?? userId })
        .finally(() => this.#provisioning.delete(key));
      this.#provisioning.set(key, provisioning);
    }
    return provisioning;
  }
}
