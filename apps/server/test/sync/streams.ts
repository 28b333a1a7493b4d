/** A stream as a client has it: what came live, and what `sync` gives. */
import type { v2 } from '@majlis/contract';
import type { Client } from '../support/sockets.ts';

export type StreamEvent = v2.StreamPage['events'][number];

/** The events of the stream of a chat. */
const OF_CHAT = new Set(['chat:message:new', 'chat:message:updated', 'chat:message:deleted', 'chat:message:reaction', 'chat:changed']);
/** The events of a user's own stream. */
const OF_USER = new Set(['chat:created', 'chat:removed']);

/** What a client that stayed received of a stream, in the words of `sync`. */
export function heard(client: Client, stream: string): StreamEvent[] {
  return client.all.flatMap(({ event, data }) => {
    const mine = stream === 'user' ? OF_USER.has(event) : OF_CHAT.has(event) && `chat:${data.chat_id ?? data.id}` === stream;
    return mine ? [{ version: data.version, event, data }] : [];
  });
}

/** Asks for a stream until there is no more. */
export async function catchUp(client: Client, stream: string, from: number): Promise<{ events: StreamEvent[]; pages: v2.StreamPage[] }> {
  const pages: v2.StreamPage[] = [];
  for (let version = from; ; version = pages.at(-1)!.version) {
    const { streams } = await client.ask('sync', { cursors: { [stream]: version } });
    pages.push(streams[stream]);
    if (!streams[stream].has_more) return { events: pages.flatMap(({ events }) => events), pages };
  }
}

/** All whole numbers of a range. */
export const upTo = (from: number, to: number) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
