/** The kind of a user's own stream. */
export const USER_PREFIX = 'user';

/** The stream of what concerns a user alone: memberships, notifications. */
export const userStream = (userId: string) => `${USER_PREFIX}:${userId}`;

/** Whose stream it is. */
export const userOfStream = (stream: string) => stream.slice(USER_PREFIX.length + 1);
