/** What the streams of chats begin with. */
export const CHAT_PREFIX = 'chat:';

/** The stream of a chat. */
export const chatStream = (chatId: string) => `${CHAT_PREFIX}${chatId}`;
