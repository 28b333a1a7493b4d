/** Depth's events on `/`, where its plain client lives: contract §5. */
import { z } from 'zod';
import { notificationClientEvents, notificationServerEvents } from '../allawzi/notifications.ts';
import { Version, camelClientEvents, camelServerEvents } from '../camel.ts';
import { serverEvent, type Namespace } from '../declare.ts';
import { Time, UserId, Uuid } from '../values.ts';
import { chatClientEvents, chatServerEvents } from './chat.ts';
import { Conversation } from './objects.ts';
import { projectClientEvents, projectServerEvents } from './projects.ts';

const { read, subscribe, unsubscribe } = notificationClientEvents;
const { notificationNew, notificationRead, notificationReadAll } = notificationServerEvents;
// A socket is greeted before it can speak.
const { connected: _, ...afterGreeting } = camelServerEvents;

export const rootServerEvents = {
  chatCreated: serverEvent({
    name: 'chat:created',
    summary: 'You are now in this conversation. `version` is of your user stream, `chatVersion` of the conversation’s.',
    payload: Conversation.extend({ chatVersion: z.int().min(0) }),
  }),
  chatRemoved: serverEvent({
    name: 'chat:removed',
    summary: 'You are no longer in this conversation.',
    payload: z.object({ chatId: Uuid, conversationId: Uuid, version: Version }),
  }),
  syncRequired: serverEvent({
    name: 'sync:required',
    summary: 'The token was swapped: ask with `sync` for what may have been missed.',
    payload: z.object({ userId: UserId, reason: z.string(), timestamp: Time }),
  }),
} as const;

export const rootNamespace: Namespace = {
  name: '/',
  dialect: 'depth',
  description:
    'Depth’s events on `/`. A socket begins in the words of v2. A name that only Depth has, or a shared one with a camelCase key ' +
    '(`chat:join {conversationId}`), makes it speak Depth from then on: what it gets, and what `sync` and `auth:refresh` answer, is camelCase.',
  receives: { ...chatClientEvents, ...projectClientEvents, read, subscribe, unsubscribe, ...camelClientEvents },
  sends: {
    ...afterGreeting,
    ...chatServerEvents,
    ...projectServerEvents,
    ...rootServerEvents,
    notificationNew,
    notificationRead,
    notificationReadAll,
  },
};
