const PREFIX = 'user:';

/** The stream of what concerns a user alone: memberships, notifications. */
export const userStream = (userId: string) => PREFIX + userId;

/** Whose stream it is. */
export const userOfStream = (stream: string) => stream.slice(PREFIX.length);
