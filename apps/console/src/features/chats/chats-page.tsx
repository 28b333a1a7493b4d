import { Center, Stack, Text } from '@mantine/core';
import { MessagesSquare } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Outlet, useParams } from 'react-router';
import { ChatList } from './chat-list.tsx';
import classes from './chats-page.module.css';

/** The list and, beside it, the chosen conversation; on a phone one or the other. */
export function ChatsPage() {
  const { chatId } = useParams();
  return (
    <div className={classes.page} data-covers-shell={chatId === undefined ? undefined : true}>
      <ChatList />
      <div className={classes.room}>
        <Outlet />
      </div>
    </div>
  );
}

export function NoChatChosen() {
  const { t } = useTranslation();
  return (
    <Center h="100%" p="xl">
      <Stack align="center" gap={6} maw={320} ta="center" c="dimmed">
        <MessagesSquare size={40} strokeWidth={1.3} aria-hidden="true" />
        <Text fw={600} c="var(--app-text)">
          {t('chats.choose')}
        </Text>
        <Text size="sm">{t('chats.chooseHint')}</Text>
      </Stack>
    </Center>
  );
}
