/** The stream of what concerns a user alone: memberships, notifications. */
export const userStream = (userId: string) => `user:${userId}`;
