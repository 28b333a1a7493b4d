/** What the camelCase namespaces have in common, whichever document they come from: contract §§1, 2 and 4. */
import { z } from 'zod';
import { clientEvent, serverEvent } from './declare.ts';
import { Count, Time, UserId } from './values.ts';
import { Announcement, ErrorBody, batch } from './v2/events.ts';

export const Ok = z.object({ status: z.literal('ok') });

export const Version = z.int().min(1);

export const SyncPage = z
  .object({
    events: z.array(z.object({ version: Version, event: z.string(), data: z.unknown() })),
    version: Count.meta({ description: 'The version of the last event here; ask again from it while hasMore.' }),
    hasMore: z
      .boolean()
      .meta({ description: 'There was no room for all that follows, or for the receipts: ask again about the streams that have more.' }),
    reset: z.boolean().meta({ description: 'What follows the asked version is no longer kept: reload by REST.' }),
    receipts: z
      .record(UserId, z.object({ deliveredSeq: Count, readSeq: Count }))
      .nullable()
      .meta({ description: 'Of chats: how far each member has received and read. Null elsewhere.' }),
  })
  .meta({ id: 'SyncPage' });
export type SyncPage = z.output<typeof SyncPage>;

export const camelClientEvents = {
  sync: clientEvent({
    name: 'sync',
    summary: "The events of each stream that follow the given version, in this namespace's words: nothing is missed.",
    budget: 'light',
    payload: z.object({ cursors: z.record(z.string(), Count) }),
    ack: z.object({ streams: z.record(z.string(), z.union([SyncPage, z.object({ error: ErrorBody })])) }),
  }),
  authRefresh: clientEvent({
    name: 'auth:refresh',
    summary: "Swaps the token for all of this user's sockets on the same connection.",
    budget: 'light',
    payload: z.object({ token: z.string() }),
    ack: Ok.extend({ expiresAt: Time }),
  }),
  ping: clientEvent({ name: 'ping', summary: 'Answered with the event pong.', budget: 'ping', payload: z.unknown(), ack: Ok }),
} as const;

export const camelServerEvents = {
  connected: serverEvent({
    name: 'connected',
    summary: 'The first event of every connection.',
    payload: z.object({ userId: UserId, socketId: z.string() }),
  }),
  announcement: serverEvent({ name: 'announcement', summary: 'What an administrator tells everybody.', payload: Announcement }),
  pong: serverEvent({ name: 'pong', summary: 'The answer to ping.', payload: z.object({ timestamp: Time }) }),
  batch,
  error: serverEvent({ name: 'error', summary: 'An inbound event failed, or the token is no longer good.', payload: ErrorBody }),
} as const;
