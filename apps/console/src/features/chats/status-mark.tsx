import { Check, CheckCheck, Clock3 } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import classes from './message-row.module.css';
import type { MessageStatus } from './receipts.ts';

const icons = { sending: Clock3, sent: Check, delivered: CheckCheck, read: CheckCheck } as const;

/** How far one's own message has come: a clock, one tick, two ticks, two coloured ticks, and the same in words. */
export function StatusMark({ status }: { status: MessageStatus | 'sending' }) {
  const { t } = useTranslation();
  const Icon = icons[status];
  const words = t(`conversation.${status}`);
  return (
    <span className={classes.status} data-status={status} role="img" aria-label={words} title={words}>
      <Icon size={15} strokeWidth={2.2} aria-hidden="true" />
    </span>
  );
}
