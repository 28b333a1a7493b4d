/** Who is online: contract §4, "Presence". */
import { z } from 'zod';
import { clientEvent, serverEvent } from '../declare.ts';
import { Time, UserId } from '../values.ts';

/** Of how many users one may ask at once. */
const MOST_ASKED = 1_000;

const LastSeen = Time.nullable().meta({
  description: 'When the user’s latest connection began or, once the user is offline, ended; null where there never was one.',
});

export const UserPresence = z.object({ user_id: UserId, online: z.boolean(), last_seen: LastSeen }).meta({ id: 'UserPresence' });
export type UserPresence = z.output<typeof UserPresence>;

export const presenceClientEvents = {
  presenceGet: clientEvent({
    name: 'presence:get',
    summary: `Who of these users (up to ${MOST_ASKED}) is online; each once, in the order in which they were asked for.`,
    budget: 'light',
    payload: z.object({ user_ids: z.array(UserId).max(MOST_ASKED) }),
    ack: z.object({ users: z.array(UserPresence) }),
  }),
} as const;

export const presenceServerEvents = {
  userOnline: serverEvent({
    name: 'user:online',
    summary: "A user's first socket has connected, on whatever device; not to that user.",
    payload: z.object({ user_id: UserId, online: z.literal(true), last_seen: Time }),
  }),
  userOffline: serverEvent({
    name: 'user:offline',
    summary: "A user's last socket has gone and none has come within the grace time.",
    payload: z.object({ user_id: UserId, online: z.literal(false), last_seen: Time }),
  }),
} as const;
