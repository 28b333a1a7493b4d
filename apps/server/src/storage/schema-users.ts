/** Tables of people: who they are, what they may do, and who keeps whom away. */
import type { Locale, v2 } from '@majlis/contract';

/** 0 or 1. */
export type Bit = 0 | 1;

export interface UsersTable {
  id: string;
  name: string;
  avatar: string | null;
  role: v2.Role;
  email: string | null;
  password_hash: string | null;
  locale: Locale | null;
  is_master: Bit;
  disabled: Bit;
  /** The person was erased; the row stays so that others' conversations keep a sender. */
  erased_at: number | null;
  last_seen: number | null;
  /** An administrator keeps the user out until then. */
  blocked_until: number | null;
  /** Folded name and id: what people are found by, and the order of lists. */
  search_key: string;
  created_at: number;
  updated_at: number;
}

export interface RefreshTokensTable {
  /** SHA-256 of the token, hex. */
  hash: string;
  /** All tokens that rotated out of one sign-in. */
  family: string;
  user_id: string;
  expires_at: number;
  /** Set when it was exchanged; a second exchange revokes the family. */
  used_at: number | null;
}

/** What a device's latest connection and token were: the reasons of `sync:required`. */
export interface DevicesTable {
  user_id: string;
  /** `auth.device_id`, or the token's hash where the client gives none. */
  device: string;
  /** open, left (the client's own DISCONNECT), refused (a refused or expired token). */
  state: 'open' | 'left' | 'refused';
  token_hash: string;
  /** Of the token. */
  expires_at: number;
  updated_at: number;
}

export interface AuditLogTable {
  id: string;
  actor_kind: 'user' | 'key';
  actor_id: string;
  action: string;
  subject: string | null;
  /** JSON object. */
  details: string;
  created_at: number;
}

/** Whom a user has blocked. */
export interface UserBlocksTable {
  user_id: string;
  blocked_id: string;
  created_at: number;
}

export interface ReportsTable {
  id: string;
  reporter_id: string;
  /** Who is reported; of a message its sender. */
  user_id: string;
  chat_id: string | null;
  message_id: string | null;
  reason: string;
  created_at: number;
  resolved_at: number | null;
  resolved_by: string | null;
  resolution: string | null;
}

export interface ApiKeysTable {
  id: string;
  name: string;
  /** SHA-256 of the key, hex. */
  hash: string;
  created_by: string;
  created_at: number;
  revoked_at: number | null;
}
