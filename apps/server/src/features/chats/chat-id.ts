/** The kind of a chat's stream. */
export const CHAT_PREFIX = 'chat';

/** The stream of a chat. */
export const chatStream = (chatId: string) => `${CHAT_PREFIX}:${chatId}`;

/** The chat whose stream this is. */
export const chatIdOf = (stream: string) => stream.slice(CHAT_PREFIX.length + 1);
