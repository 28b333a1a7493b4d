import type { Message } from '@majlis/client';
import { Button, Code, VisuallyHidden } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../i18n/format.ts';
import { describeError } from '../../notices/notices.ts';
import { MessageContent } from './message-content.tsx';
import { Quote } from './message-row.tsx';
import classes from './message-row.module.css';
import type { OutgoingMessage } from './outbox-state.ts';
import { useRoomActions } from './room-actions.ts';
import { StatusMark } from './status-mark.tsx';

/** One's own message that the server does not have yet, or does not want. */
export function OutgoingRow({ entry, quoted }: { entry: OutgoingMessage; quoted: Message | 'missing' | null }) {
  const { t } = useTranslation();
  const format = useFormat();
  const actions = useRoomActions();
  const { message, error } = entry;
  const { type, content, metadata = {} } = message;
  return (
    <div className={classes.row} data-own data-first>
      <div className={classes.column}>
        <div className={classes.line}>
          <VisuallyHidden>{t('chats.you')}</VisuallyHidden>
          <div className={classes.bubble} data-failed={error !== null || undefined}>
            {quoted && <Quote message={quoted} />}
            <div className={classes.body}>
              <MessageContent message={{ type, content, metadata }} />
              <span className={classes.meta}>
                <time dateTime={message.queued_at}>{format.time(message.queued_at)}</time>
                {!error && <StatusMark status="sending" />}
              </span>
            </div>
          </div>
        </div>
        {error && (
          <span className={classes.failure} role="alert">
            <span>
              {t('conversation.failed')}: {describeError(error).text} <Code dir="ltr">{error.code}</Code>
            </span>
            <Button size="compact-xs" variant="light" onClick={() => actions.resend(entry)}>
              {t('conversation.retry')}
            </Button>
            <Button size="compact-xs" variant="subtle" color="gray" onClick={() => actions.discard(entry)}>
              {t('conversation.discard')}
            </Button>
          </span>
        )}
      </div>
    </div>
  );
}
