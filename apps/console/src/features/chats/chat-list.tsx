import { ActionIcon, Button, Center, Loader, Stack, Text, TextInput, Title, Tooltip } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Search, SquarePen } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { fieldDirection } from '../../i18n/text-direction.ts';
import { describeError, showError } from '../../notices/notices.ts';
import { ErrorNotice } from '../../notices/error-notice.tsx';
import { useMajlis } from '../../session/majlis.tsx';
import { ChatListItem } from './chat-list-item.tsx';
import classes from './chat-list.module.css';
import { useChatTitle } from './chat-naming.ts';
import { useChats, useChatsStore } from './chats-provider.tsx';
import { NewChat } from './new-chat.tsx';

export function ChatList() {
  const { t } = useTranslation();
  const [filter, setFilter] = useState('');
  const [creating, { open, close }] = useDisclosure();
  return (
    <section className={classes.pane} aria-label={t('chats.list')}>
      <header className={classes.header}>
        <Title order={1} size="h4">
          {t('chats.title')}
        </Title>
        <Tooltip label={t('newChat.open')}>
          <ActionIcon variant="light" size="lg" aria-label={t('newChat.open')} onClick={open}>
            <SquarePen size={18} aria-hidden="true" />
          </ActionIcon>
        </Tooltip>
      </header>
      <TextInput
        className={classes.search ?? ''}
        aria-label={t('chats.search')}
        placeholder={t('chats.search')}
        leftSection={<Search size={16} aria-hidden="true" />}
        type="search"
        dir={fieldDirection(filter)}
        value={filter}
        onChange={(event) => setFilter(event.currentTarget.value)}
      />
      <Chats filter={filter} />
      <NewChat opened={creating} onClose={close} />
    </section>
  );
}

function Chats({ filter }: { filter: string }) {
  const { t } = useTranslation();
  const { me } = useMajlis();
  const titleOf = useChatTitle();
  const { data, error, refetch } = useChats();
  if (error) {
    return (
      <Stack p="md" align="start" role="alert">
        <ErrorNotice {...describeError(error)} />
        <Button size="compact-sm" variant="light" onClick={() => void refetch()}>
          {t('app.retry')}
        </Button>
      </Stack>
    );
  }
  if (!data) {
    return (
      <Center p="xl">
        <Loader size="sm" aria-label={t('app.loading')} />
      </Center>
    );
  }
  const wanted = filter.trim().toLocaleLowerCase();
  const shown = wanted === '' ? data.chats : data.chats.filter((chat) => titleOf(chat, me.id).toLocaleLowerCase().includes(wanted));
  return (
    <div className={classes.scroll}>
      {shown.length === 0 ? (
        <Stack p="md" gap={4} c="dimmed" ta="center">
          <Text size="sm">{t(data.chats.length === 0 ? 'chats.none' : 'chats.noMatch')}</Text>
          {data.chats.length === 0 && <Text size="sm">{t('chats.noneHint')}</Text>}
        </Stack>
      ) : (
        <ul className={classes.list}>
          {shown.map((chat) => (
            <li key={chat.id}>
              <ChatListItem chat={chat} />
            </li>
          ))}
        </ul>
      )}
      {data.next_cursor !== null && <MoreChats />}
    </div>
  );
}

function MoreChats() {
  const { t } = useTranslation();
  const store = useChatsStore();
  const [loading, setLoading] = useState(false);
  async function load() {
    setLoading(true);
    await store.fetchMoreChats().catch(showError);
    setLoading(false);
  }
  return (
    <Center p="sm">
      <Button variant="subtle" size="sm" loading={loading} onClick={() => void load()}>
        {t('chats.more')}
      </Button>
    </Center>
  );
}
