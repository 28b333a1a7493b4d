/** The stream of a chat. */
export const chatStream = (chatId: string) => `chat:${chatId}`;
