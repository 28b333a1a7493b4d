/* oxlint-disable jsx-a11y/no-static-element-interactions -- keys and the context menu only lead to the menu button that every row has */
import type { Message } from '@majlis/client';
import { UnstyledButton, VisuallyHidden } from '@mantine/core';
import { memo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../i18n/format.ts';
import { OneLine } from '../../i18n/one-line.tsx';
import { useMajlis } from '../../session/majlis.tsx';
import { Person } from '../people/person-avatar.tsx';
import { useMessageSummary } from './chat-naming.ts';
import { MessageContent } from './message-content.tsx';
import { MessageMenu } from './message-menu.tsx';
import classes from './message-row.module.css';
import type { MessageStatus } from './receipts.ts';
import { rowId, useRoomActions } from './room-actions.ts';
import { StatusMark } from './status-mark.tsx';

interface MessageRowProps {
  message: Message;
  /** What it replies to, as far as that is known. */
  quoted: Message | 'missing' | null;
  own: boolean;
  /** Whether others' messages bear name and avatar. */
  named: boolean;
  first: boolean;
  last: boolean;
  status: MessageStatus;
}

export const MessageRow = memo(function MessageRow({ message, quoted, own, named, first, last, status }: MessageRowProps) {
  const { t } = useTranslation();
  const format = useFormat();
  // A menu for every message would cost more than the messages; it comes when somebody comes near.
  const [near, setNear] = useState(false);
  const [menu, setMenu] = useState(false);
  const deleted = message.deleted_at !== null;
  const withName = named && !own;
  return (
    <div
      id={rowId(message.id)}
      className={classes.row}
      data-message
      data-own={own || undefined}
      data-first={first || undefined}
      tabIndex={-1}
      onPointerEnter={() => setNear(true)}
      onFocus={() => setNear(true)}
      onContextMenu={(event) => {
        // Links and marked text keep the browser's own menu.
        if (deleted || (event.target as Element).closest('a, img, video') || getSelection()?.toString()) return;
        event.preventDefault();
        setNear(true);
        setMenu(true);
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || event.target !== event.currentTarget || deleted) return;
        event.preventDefault();
        setMenu(true);
      }}
    >
      {withName && (
        <span className={classes.avatar}>
          {last && <Person id={message.sender_id} name={message.sender_name} avatar={message.sender_avatar} size={32} />}
        </span>
      )}
      <div className={classes.column}>
        {withName && first && <OneLine className={classes.sender}>{message.sender_name}</OneLine>}
        <div className={classes.line}>
          {/* The side and the colour say it to the eyes. */}
          {!(withName && first) && <VisuallyHidden>{own ? t('chats.you') : message.sender_name}</VisuallyHidden>}
          <div className={classes.bubble} data-deleted={deleted || undefined}>
            {quoted && <Quote message={quoted} />}
            <div className={classes.body}>
              {deleted ? <span>{t('conversation.deleted')}</span> : <MessageContent message={message} />}
              <span className={classes.meta}>
                {message.edited_at !== null && !deleted && <span>{t('conversation.edited')}</span>}
                <time dateTime={message.created_at} title={format.exact(message.created_at)}>
                  {format.time(message.created_at)}
                </time>
                {own && !deleted && <StatusMark status={status} />}
              </span>
            </div>
          </div>
          {near && !deleted && <MessageMenu message={message} own={own} opened={menu} onChange={setMenu} />}
        </div>
        {message.reactions.length > 0 && <Reactions message={message} />}
      </div>
    </div>
  );
});

/** What a message replies to, in one line; leads there where it is loaded. */
export function Quote({ message }: { message: Message | 'missing' }) {
  const { t } = useTranslation();
  const summary = useMessageSummary();
  const actions = useRoomActions();
  const { me } = useMajlis();
  if (message === 'missing') return <span className={classes.quote}>{t('conversation.quotedMissing')}</span>;
  return (
    <UnstyledButton className={classes.quote} onClick={() => actions.goTo(message.id)}>
      <b>
        <bdi>{message.sender_id === me.id ? t('chats.you') : message.sender_name}</bdi>
      </b>
      <OneLine>{summary(message)}</OneLine>
    </UnstyledButton>
  );
}

function Reactions({ message }: { message: Message }) {
  const { t } = useTranslation();
  const { me } = useMajlis();
  const actions = useRoomActions();
  return (
    <span className={classes.reactions}>
      {message.reactions.map(({ emoji, count, user_ids }) => {
        const mine = user_ids.includes(me.id);
        return (
          <UnstyledButton
            key={emoji}
            className={classes.reaction}
            aria-pressed={mine}
            aria-label={t('message.reacted', { emoji, count })}
            onClick={() => actions.react(message, emoji, !mine)}
          >
            {emoji} {count > 1 && <span>{count}</span>}
          </UnstyledButton>
        );
      })}
    </span>
  );
}
