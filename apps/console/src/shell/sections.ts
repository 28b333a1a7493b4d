import { MessagesSquare, type LucideIcon } from 'lucide-react';
import type { ComponentType, PropsWithChildren } from 'react';
import type { RouteObject } from 'react-router';
import { chatRoutes } from '../features/chats/chat-routes.tsx';
import { ChatsProvider, useUnreadTotal } from '../features/chats/chats-provider.tsx';
import type { en } from '../i18n/en.ts';

/** A section of the console: a folder of `features/` and a row here. */
export interface Section {
  path: string;
  label: `nav.${keyof typeof en.nav}`;
  icon: LucideIcon;
  routes: RouteObject[];
  /** Keeps the section's data current from live events; it is there whichever section is on the screen. */
  Live?: ComponentType<PropsWithChildren>;
}

export const sections: readonly Section[] = [
  { path: 'chats', label: 'nav.chats', icon: MessagesSquare, routes: chatRoutes, Live: ChatsProvider },
];

/** Numbers to show at the names of sections, by path. */
export function useSectionCounts(): Readonly<Record<string, number>> {
  const chats = useUnreadTotal();
  return { chats };
}
