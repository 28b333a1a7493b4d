/** Who makes a REST request: a signed-in user, or the customer's backend with an API key. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Budget } from '@majlis/contract';
import type { FastifyRequest } from 'fastify';
import type { UserRecord } from '../features/users/user-record.ts';
import { invalid } from '../errors.ts';

/** Names the user that a key acts for. */
export const ON_BEHALF_OF = 'X-On-Behalf-Of';

/** A caller. A key need not act for anybody. */
export interface KnownCaller {
  /** Tells callers apart: a user, or a key and whom it acts for. */
  readonly id: string;
  readonly kind: 'user' | 'key';
  /** Who is named where it is recorded who did something: the user, or else the key. */
  readonly actor: { readonly kind: 'user' | 'key'; readonly id: string };
  /** What the request is counted against, for a user. */
  readonly budget: Budget;
  readonly user: UserRecord | undefined;
  /** An administrator, or a valid API key: may do anything for any user. */
  readonly isAdmin: boolean;
}

/** A caller that acts as a user. */
export interface UserCaller extends KnownCaller {
  readonly user: UserRecord;
  readonly userId: string;
}

const callers = new WeakMap<FastifyRequest, KnownCaller>();

/** Remembers who makes a request. */
export function setCaller(request: FastifyRequest, caller: KnownCaller): void {
  callers.set(request, caller);
}

/** Who makes a request; undefined where nobody had to say, or nobody could be believed. */
export function callerOf(request: FastifyRequest): KnownCaller | undefined {
  return callers.get(request);
}

/** Gives the `KnownCaller`, who need not act as a user. */
export const AnyCaller = createParamDecorator((_, context: ExecutionContext) => knownCaller(context));

/** Gives the `UserCaller`. @throws Failure INVALID_DATA where a key does not say whom it acts for */
export const Caller = createParamDecorator((_, context: ExecutionContext): UserCaller => {
  const caller = knownCaller(context);
  const { user } = caller;
  if (!user) throw invalid(ON_BEHALF_OF, 'must name the user that the key acts for');
  return { ...caller, user, userId: user.id };
});

function knownCaller(context: ExecutionContext): KnownCaller {
  const caller = callerOf(context.switchToHttp().getRequest<FastifyRequest>());
  if (!caller) throw new Error('a public route has no caller');
  return caller;
}
