import type { Chat } from '@majlis/client';
import { VisuallyHidden } from '@mantine/core';
import { BellOff } from 'lucide-react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { NavLink } from 'react-router';
import { useFormat } from '../../i18n/format.ts';
import { OneLine } from '../../i18n/one-line.tsx';
import { useMajlis } from '../../session/majlis.tsx';
import { useStore } from '../../state/store.ts';
import { ChatAvatar } from './chat-avatar.tsx';
import { lastActivity } from './chat-list-state.ts';
import classes from './chat-list.module.css';
import { useChatTitle, useMessageSummary } from './chat-naming.ts';
import { isMuted, useChatsStore } from './chats-provider.tsx';
import { typists } from './typing-state.ts';

export const ChatListItem = memo(function ChatListItem({ chat }: { chat: Chat }) {
  const { t } = useTranslation();
  const { me } = useMajlis();
  const format = useFormat();
  const title = useChatTitle()(chat, me.id);
  const unread = chat.unread_count ?? 0;
  const muted = isMuted(chat);
  return (
    <NavLink to={chat.id} className={classes.item ?? ''} data-unread={unread > 0 || undefined}>
      <ChatAvatar chat={chat} me={me.id} title={title} />
      <span className={classes.text}>
        <span className={classes.line}>
          <OneLine className={classes.title}>{title}</OneLine>
          {muted && <BellOff size={14} aria-label={t('chats.muted')} />}
          <time className={classes.time} dateTime={lastActivity(chat)}>
            {format.brief(lastActivity(chat))}
          </time>
        </span>
        <span className={classes.line}>
          <Preview chat={chat} />
          {unread > 0 && (
            <span className={classes.badge} data-muted={muted || undefined}>
              <span aria-hidden="true">{unread > 999 ? '999+' : unread}</span>
              <VisuallyHidden>{t('chats.unread', { count: unread })}</VisuallyHidden>
            </span>
          )}
        </span>
      </span>
    </NavLink>
  );
});

function Preview({ chat }: { chat: Chat }) {
  const { t } = useTranslation();
  const { me } = useMajlis();
  const summary = useMessageSummary();
  const store = useChatsStore();
  const typing = useStore(store.typing, (state) => Object.keys(typists(state, chat.id)).length > 0);
  const message = chat.last_message;
  if (typing) {
    return (
      <span className={classes.preview} data-live>
        {t('chats.typing')}
      </span>
    );
  }
  const own = message?.sender_id === me.id;
  const sender = own ? t('chats.you') : chat.type === 'group' ? message?.sender_name : undefined;
  return (
    <span className={classes.preview}>
      {message && (
        <>
          {sender && (
            <span className={classes.sender}>
              <OneLine>{sender}</OneLine>:
            </span>
          )}
          <OneLine className={classes.said}>{summary(message)}</OneLine>
        </>
      )}
    </span>
  );
}
