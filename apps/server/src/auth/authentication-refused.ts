import type { VerifiedToken } from './tokens.ts';

/** Why somebody was not let in. Clients are told of an expired token as of an invalid one; the difference is for the server's own memory. */
export type RefusalReason = 'missing' | 'invalid' | 'expired' | 'unknownUser';

/** Somebody is not who they would have to be. Each surface says so in its own way. */
export class AuthenticationRefused extends Error {
  override name = 'AuthenticationRefused';
  readonly reason: RefusalReason;
  /** What an expired token says: it is genuine, and was good once. */
  readonly token: VerifiedToken | undefined;

  constructor(reason: RefusalReason, token?: VerifiedToken) {
    super(reason);
    this.reason = reason;
    this.token = token;
  }
}
