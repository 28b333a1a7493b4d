import type { Chat, Message } from '@majlis/client';
import { ActionIcon, Center, Loader, Stack, Tooltip, useDirection } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { ArrowLeft, ArrowRight, Info } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { ConfirmDialog } from '../../dialogs/confirm-dialog.tsx';
import { ErrorNotice } from '../../notices/error-notice.tsx';
import { describeError, showError } from '../../notices/notices.ts';
import { OneLine } from '../../i18n/one-line.tsx';
import { useConnectionState, useMajlis } from '../../session/majlis.tsx';
import { useStore } from '../../state/store.ts';
import { ChatAvatar } from './chat-avatar.tsx';
import { ChatDetails } from './chat-details.tsx';
import { useChatTitle } from './chat-naming.ts';
import { useChat, useChatsStore, useMessages } from './chats-provider.tsx';
import { Composer, type ComposerTask } from './composer.tsx';
import classes from './conversation.module.css';
import { MessageList } from './message-list.tsx';
import { RoomActionsProvider, createRoomActions, rowId } from './room-actions.ts';
import { typists } from './typing-state.ts';

export function ConversationPage() {
  const { chatId = '' } = useParams();
  const { t } = useTranslation();
  const { chat, error } = useChat(chatId);
  if (error) {
    return (
      <Center h="100%" p="xl">
        <Stack align="center" gap="xs" role="alert">
          <ErrorNotice {...describeError(error)} />
          <BackToList />
        </Stack>
      </Center>
    );
  }
  if (!chat) {
    return (
      <Center h="100%">
        <Loader aria-label={t('app.loading')} />
      </Center>
    );
  }
  return <Conversation key={chat.id} chat={chat} />;
}

function Conversation({ chat }: { chat: Chat }) {
  const { t } = useTranslation();
  const { majlis, me } = useMajlis();
  const { data: log } = useMessages(chat.id);
  const store = useChatsStore();
  const [task, setTask] = useState<ComposerTask | null>(null);
  const [removing, setRemoving] = useState<Message | null>(null);
  const [asking, { open: ask, close: stopAsking }] = useDisclosure();
  const connected = useConnectionState() === 'connected';
  const title = useChatTitle()(chat, me.id);

  const actions = useMemo(
    () =>
      createRoomActions(majlis, store, {
        reply: (message) => setTask({ kind: 'reply', message }),
        edit: (message) => setTask({ kind: 'edit', message }),
        askRemove: (message) => {
          setRemoving(message);
          ask();
        },
      }),
    [majlis, store, ask],
  );

  // Others' marks are not part of what REST answers; a catch-up of this one chat brings them.
  useEffect(() => {
    if (connected) majlis.catchUp(chat.id);
  }, [majlis, connected, chat.id]);

  function editLast() {
    const last = log?.messages.findLast(({ sender_id, type, deleted_at }) => sender_id === me.id && type === 'text' && deleted_at === null);
    if (last) setTask({ kind: 'edit', message: last });
  }

  return (
    <RoomActionsProvider value={actions}>
      <div className={classes.conversation}>
        <Header chat={chat} title={title} />
        <MessageList chat={chat} title={title} />
        <TypingLine chatId={chat.id} />
        <Composer chatId={chat.id} task={task} onTaskDone={() => setTask(null)} onEditLast={editLast} />
      </div>
      <ConfirmDialog
        opened={asking}
        question={t('message.deleteQuestion')}
        action={t('message.delete')}
        onConfirm={() => void (removing && majlis.remove(chat.id, removing.id).catch(showError))}
        onClose={stopAsking}
        // The menu that it was asked from goes with what is deleted.
        onClosed={() => removing && document.getElementById(rowId(removing.id))?.focus({ preventScroll: true })}
      />
    </RoomActionsProvider>
  );
}

function Header({ chat, title }: { chat: Chat; title: string }) {
  const { t } = useTranslation();
  const { me } = useMajlis();
  const [shown, { open, close }] = useDisclosure();
  return (
    <header className={classes.header}>
      <span className={classes.back}>
        <BackToList />
      </span>
      <ChatAvatar chat={chat} me={me.id} title={title} size={38} />
      <div className={classes.heading}>
        <h2 className={classes.title}>
          <OneLine>{title}</OneLine>
        </h2>
        {chat.type === 'group' && <span className={classes.subtitle}>{t('chats.members', { count: chat.member_count })}</span>}
      </div>
      <Tooltip label={t('conversation.details')}>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t('conversation.details')} onClick={open}>
          <Info size={20} aria-hidden="true" />
        </ActionIcon>
      </Tooltip>
      <ChatDetails chat={chat} opened={shown} onClose={close} />
    </header>
  );
}

function BackToList() {
  const { t } = useTranslation();
  const { dir } = useDirection();
  const Arrow = dir === 'rtl' ? ArrowRight : ArrowLeft;
  return (
    <ActionIcon component={Link} to="/app/chats" variant="subtle" color="gray" size="lg" aria-label={t('app.back')}>
      <Arrow size={20} aria-hidden="true" />
    </ActionIcon>
  );
}

/** Its place is kept free, so that nothing jumps when somebody begins to type. */
function TypingLine({ chatId }: { chatId: string }) {
  const { t } = useTranslation();
  const store = useChatsStore();
  const [first, second, ...more] = Object.values(useStore(store.typing, (state) => typists(state, chatId)));
  const text =
    first === undefined
      ? ''
      : second === undefined
        ? t('chats.typingOne', { name: first })
        : more.length === 0
          ? t('chats.typingTwo', { first, second })
          : t('chats.typingMany');
  return (
    <div className={classes.typing} role="status" aria-live="polite">
      {text}
    </div>
  );
}
