/** JSON Web Tokens: contract §1. */
import { Inject, Injectable } from '@nestjs/common';
import { LIMITS, UserId } from '@majlis/contract';
import { createRemoteJWKSet, errors, jwtVerify, SignJWT, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { LRUCache } from 'lru-cache';
import { hash, randomUUID } from 'node:crypto';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { Failure } from '../errors.ts';
import { AuthenticationRefused } from './authentication-refused.ts';

/** A token whose signature and claims are good, whether or not it has expired. */
export interface VerifiedToken {
  readonly userId: string;
  /** Seconds since the epoch; may have a fraction. A time that has no date is the nearest that has one. */
  readonly exp: number;
  readonly claims: Readonly<Record<string, unknown>>;
  /** SHA-256 of the token, hex: what it is known by where the token itself must not be kept. */
  readonly hash: string;
}

/** For clocks that differ, on `nbf` and `iat` only. */
const LEEWAY_S = 30;
// A header cannot be longer; what comes in a payload is held to the same.
const TOKEN_CHARACTERS = 8_192;
const ACCESS_TOKEN_S = 15 * 60;
// A reconnection storm brings the same tokens again. Not for long: a key may be withdrawn.
const REMEMBERED_TOKENS = 20_000;
const REMEMBERED_MS = 60_000;

@Injectable()
export class Tokens {
  readonly #secret: Uint8Array;
  readonly #issuer: string | undefined;
  readonly #audience: string | undefined;
  readonly #keys: ReadonlyMap<string, JWTVerifyGetKey>;
  readonly #verified = new LRUCache<string, VerifiedToken>({ max: REMEMBERED_TOKENS, ttl: REMEMBERED_MS });

  constructor(@Inject(SETTINGS) settings: Settings) {
    this.#secret = new TextEncoder().encode(settings.JWT_SECRET);
    this.#issuer = settings.JWT_ISSUER;
    this.#audience = settings.JWT_AUDIENCE;
    this.#keys = keysByAlgorithm(settings, this.#secret);
  }

  /**
   * Verifies a token.
   * @throws AuthenticationRefused `invalid` or `expired`
   * @throws Failure UNAVAILABLE where the key set cannot be fetched: nothing is known of the token then
   */
  async verify(token: string): Promise<VerifiedToken> {
    if (token.length > TOKEN_CHARACTERS) throw new AuthenticationRefused('invalid');
    const digest = hash('sha256', token);
    let verified = this.#verified.get(digest);
    if (!verified) {
      verified = await this.#read(token, digest);
      this.#verified.set(digest, verified);
    }
    if (verified.exp * 1000 <= Date.now()) throw new AuthenticationRefused('expired', verified);
    return verified;
  }

  /** Signs an access token. It says who somebody is and nothing else: what one may do is the store's to say, at each action. */
  async sign(userId: string): Promise<{ token: string; expiresInS: number }> {
    const jwt = new SignJWT().setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).setSubject(userId).setJti(randomUUID()).setIssuedAt();
    if (this.#issuer !== undefined) jwt.setIssuer(this.#issuer);
    if (this.#audience !== undefined) jwt.setAudience(this.#audience);
    return { token: await jwt.setExpirationTime(`${ACCESS_TOKEN_S} s`).sign(this.#secret), expiresInS: ACCESS_TOKEN_S };
  }

  async #read(token: string, digest: string): Promise<VerifiedToken> {
    // Only those of `algorithms` come here.
    const getKey: JWTVerifyGetKey = (header, jws) => this.#keys.get(header.alg)!(header, jws);
    const options = {
      issuer: this.#issuer,
      audience: this.#audience,
      algorithms: [...this.#keys.keys()],
      requiredClaims: ['exp'],
      clockTolerance: LEEWAY_S,
    };
    try {
      return verifiedOf((await jwtVerify(token, getKey, options)).payload, digest);
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new AuthenticationRefused('expired', verifiedOf(error.payload, digest));
      throw error instanceof errors.JOSEError ? new AuthenticationRefused('invalid') : error;
    }
  }
}

/** Which key may have signed with which algorithm. An algorithm without a key does not exist; `none` never has one. */
function keysByAlgorithm({ JWT_PUBLIC_KEY, JWT_JWKS_URL }: Settings, secret: Uint8Array): ReadonlyMap<string, JWTVerifyGetKey> {
  const keys = new Map<string, JWTVerifyGetKey>([['HS256', async () => secret]]);
  if (JWT_JWKS_URL !== undefined) {
    const remote = remoteKeys(JWT_JWKS_URL);
    keys.set('RS256', remote).set('ES256', remote);
  }
  // One key given by hand is the more definite statement; the other algorithm may still come from the set.
  if (JWT_PUBLIC_KEY) keys.set(JWT_PUBLIC_KEY.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256', async () => JWT_PUBLIC_KEY);
  return keys;
}

function remoteKeys(url: string): JWTVerifyGetKey {
  const keySet = createRemoteJWKSet(new URL(url));
  return async (header, jws) => {
    try {
      return await keySet(header, jws);
    } catch (error) {
      // That no key of the set fits is the token's fault; that there is no set is not.
      const fits = error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys;
      throw fits ? error : new Failure('UNAVAILABLE');
    }
  };
}

function verifiedOf(claims: JWTPayload, digest: string): VerifiedToken {
  const { sub, exp, iat, userId } = claims as JWTPayload & { userId?: unknown };
  const id = UserId.safeParse(sub === undefined ? userId : sub);
  const issuedLater = iat !== undefined && !(typeof iat === 'number' && iat <= Date.now() / 1000 + LEEWAY_S);
  if (!id.success || !id.data.isWellFormed() || !Number.isFinite(exp) || issuedLater) throw new AuthenticationRefused('invalid');
  return { userId: id.data, exp: Math.min(Math.max(exp!, 0), LIMITS.latestTimeMs / 1000), claims, hash: digest };
}
