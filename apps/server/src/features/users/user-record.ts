import type { Locale, v2 } from '@majlis/contract';

/** A user as the rest of the server knows one. What changes with every connection (last seen) is not in it, so it can be kept in memory. */
export interface UserRecord {
  readonly id: string;
  /** Empty where the person was erased. */
  readonly name: string;
  readonly avatar: string | null;
  readonly role: v2.Role;
  readonly email: string | null;
  readonly locale: Locale | null;
  readonly isMaster: boolean;
  readonly disabled: boolean;
  readonly erased: boolean;
  /** An administrator keeps the user out until then, in milliseconds since the epoch. */
  readonly blockedUntil: number | null;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** A user with what only the database knows. */
export interface StoredProfile {
  user: UserRecord;
  /** Milliseconds since the epoch. */
  lastSeen: number | null;
  searchKey: string;
}

/** What can be set of a user. A key left out, or undefined, keeps its value. */
export interface UserChange {
  name?: string;
  avatar?: string | null;
  role?: v2.Role;
  email?: string | null;
  passwordHash?: string | null;
  locale?: Locale | null;
  isMaster?: boolean;
  disabled?: boolean;
  blockedUntil?: number | null;
}

/** A user to be made or changed: to be made, one needs a name. */
export type UserDraft = UserChange & { name: string };

/** May the user sign in or connect? */
export function isActive(user: UserRecord): boolean {
  return !user.disabled && !user.erased && (user.blockedUntil === null || user.blockedUntil <= Date.now());
}

/** "Staff" of the contract. */
export function isStaff({ role }: UserRecord): boolean {
  return role !== 'user';
}
