import type { RouteObject } from 'react-router';
import { ChatsPage, NoChatChosen } from './chats-page.tsx';
import { ConversationPage } from './conversation-page.tsx';

export const chatRoutes: RouteObject[] = [
  {
    element: <ChatsPage />,
    children: [
      { index: true, element: <NoChatChosen /> },
      { path: ':chatId', element: <ConversationPage /> },
    ],
  },
];
