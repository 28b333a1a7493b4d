/** Users made from the claims of their tokens: `AUTH_PROVISION_USERS` of contract §1. */
import { HttpUrl, LIMITS, text, v2 } from '@majlis/contract';
import { z } from 'zod';
import type { UserChange, UserRecord } from '../features/users/user-record.ts';

const usable = (schema: z.ZodString) => schema.refine((value) => value.isWellFormed() && !value.includes('\0'));

// A claim of the wrong form counts as absent: the token is genuine, so its user is let in.
const CLAIMS = z.object({
  name: usable(text(1, LIMITS.nameCharacters)).optional().catch(undefined),
  avatar: usable(HttpUrl).nullish().catch(undefined),
  role: z.enum(v2.ROLES).optional().catch(undefined),
});

/**
 * What the claims change of a user; undefined where nothing. A claim that is absent changes nothing, and a role only counts where it
 * is trusted: otherwise a new user is a `user`, and the role of one who exists stays what an administrator made it.
 */
export function provisionedChange(
  existing: UserRecord | undefined,
  claims: Readonly<Record<string, unknown>>,
  trustRole: boolean,
): UserChange | undefined {
  const { name, avatar, role } = CLAIMS.parse(claims);
  const change: UserChange = { name, avatar, role: trustRole ? role : undefined };
  if (!existing) return change;
  const differs = (Object.keys(change) as ('name' | 'avatar' | 'role')[]).some(
    (key) => change[key] !== undefined && change[key] !== existing[key],
  );
  return differs ? change : undefined;
}
