/** Users as the v2 surface shows them. */
import type { v2 } from '@majlis/contract';
import type { UserRecord } from './user-record.ts';

/** A user as v2 shows one. */
export function toV2User(user: UserRecord): v2.User {
  return {
    id: user.id,
    name: user.name,
    avatar: user.avatar,
    role: user.role,
    locale: user.locale,
    is_master: user.isMaster,
    disabled: user.disabled,
    created_at: new Date(user.createdAt).toISOString(),
  };
}
