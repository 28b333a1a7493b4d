/** The two families of names that the Depth document gives the same events; a socket gets that of its latest join: contract §5. */
import { depth } from '@majlis/contract';
import type { Session } from '../../realtime/session.ts';

const { chatServerEvents: events } = depth;

/** What Depth's sockets speak, on `/chat` from the beginning and on `/` from their first such event on. */
export const DEPTH = 'depth';

export type Family = 'chat' | 'conversation';

/** A family's names, and the view of a chat's stream in which its sockets get it. */
interface FamilyNames {
  view: string;
  message: string;
  typing: string;
  read: string;
}

export const FAMILIES: Readonly<Record<Family, FamilyNames>> = {
  chat: { view: 'depth-chat', message: events.chatMessage.name, typing: events.chatTyping.name, read: events.chatRead.name },
  conversation: {
    view: 'depth-conversation',
    message: events.messageNew.name,
    typing: events.userTyping.name,
    read: events.messageRead.name,
  },
};

const BY_VIEW: ReadonlyMap<string, FamilyNames> = new Map(Object.values(FAMILIES).map((names) => [names.view, names]));

/** The names of a view of a chat's stream; undefined where it is not Depth's. */
export function namesOf(view: string): FamilyNames | undefined {
  return BY_VIEW.get(view);
}

/** The view in which a socket that speaks Depth gets chats. Before any join it gets none live; `sync` answers in the first family. */
export function viewOf({ family }: Session): string {
  return FAMILIES[(family as Family | undefined) ?? 'chat'].view;
}
