import type { Rest } from './rest.ts';
import type { Streams } from './streams.ts';
import type { Chat } from './wire.ts';

/** A chat so busy that every answer is overtaken on its way is not asked for without end. */
const MAX_ATTEMPTS = 3;

/**
 * Ties what is read by REST to the streams, so that there is no hole between reading and listening: a chat's events continue from
 * the version of its snapshot, and a snapshot that events have overtaken on its way is read again.
 */
export function withStreams(rest: Rest, streams: Streams): Rest {
  async function fresh<Answer>(read: () => Promise<Answer>, chatsOf: (answer: Answer) => Chat[]): Promise<Answer> {
    let answer = await read();
    for (let attempt = 1; attempt < MAX_ATTEMPTS && chatsOf(answer).some(overtaken); attempt++) answer = await read();
    for (const chat of chatsOf(answer)) streams.seed(`chat:${chat.id}`, chat.version);
    return answer;
  }
  const overtaken = (chat: Chat) => chat.version < (streams.cursor(`chat:${chat.id}`) ?? 0);
  return {
    ...rest,
    chats: (query, signal) =>
      fresh(
        () => rest.chats(query, signal),
        (page) => page.data,
      ),
    chat: (id, signal) =>
      fresh(
        () => rest.chat(id, signal),
        (chat) => [chat],
      ),
  };
}
