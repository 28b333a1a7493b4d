/* oxlint-disable jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions -- what scrolls has to be reachable by keyboard */
import type { Chat, Message } from '@majlis/client';
import { Button, Center, Loader, Stack, Text } from '@mantine/core';
import { ArrowDown } from 'lucide-react';
import { useEffect, useEffectEvent, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../i18n/format.ts';
import { ErrorNotice } from '../../notices/error-notice.tsx';
import { describeError, showError } from '../../notices/notices.ts';
import { useConnectionState, useMajlis } from '../../session/majlis.tsx';
import { useStore } from '../../state/store.ts';
import { useChatsStore, useMessages } from './chats-provider.tsx';
import { conversationRows, firstUnreadSeq } from './conversation-rows.ts';
import { hasEarlier, type MessageLog } from './message-log.ts';
import classes from './message-list.module.css';
import { MessageRow } from './message-row.tsx';
import { outgoing, type OutgoingMessage } from './outbox-state.ts';
import { OutgoingRow } from './outgoing-row.tsx';
import { messageStatus } from './receipts.ts';
import { useAttention } from './use-attention.ts';

/** This close to the end counts as being there, in pixels. */
const NEAR = 48;
const noReceipts = {};

export function MessageList({ chat, title }: { chat: Chat; title: string }) {
  const { t } = useTranslation();
  const { data: log, error, refetch } = useMessages(chat.id);
  if (log) return <Messages chat={chat} title={title} log={log} />;
  return (
    <Center flex={1}>
      {error ? (
        <Stack align="center" gap="xs" role="alert">
          <ErrorNotice {...describeError(error)} />
          <Button size="compact-sm" variant="light" onClick={() => void refetch()}>
            {t('app.retry')}
          </Button>
        </Stack>
      ) : (
        <Loader aria-label={t('app.loading')} />
      )}
    </Center>
  );
}

function Messages({ chat, title, log }: { chat: Chat; title: string; log: MessageLog }) {
  const { t } = useTranslation();
  const { me } = useMajlis();
  const format = useFormat();
  const store = useChatsStore();
  const receipts = useStore(store.receipts, (state) => state[chat.id] ?? noReceipts);
  const waiting = useStore(store.outbox, (state) => outgoing(state, chat.id));
  const scroll = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);

  const { messages } = log;
  const rows = useMemo(() => conversationRows(messages), [messages]);
  const byId = useMemo(() => new Map(messages.map((message) => [message.id, message])), [messages]);
  const others = useMemo(() => otherMembers(chat, me.id), [chat, me.id]);
  const unsent = useMemo(() => notIn(waiting, messages), [waiting, messages]);
  // As it was when the conversation was opened: the line must not move while one reads.
  const [unread] = useState(() => ({ count: chat.unread_count ?? 0, from: firstUnreadSeq(messages, chat.unread_count ?? 0, me.id) }));

  const toEnd = () => {
    // Newer browsers answer with a promise, which an effect must not.
    scroll.current?.scrollTo({ top: 0 });
  };
  useLayoutEffect(toEnd, [unsent.length]);
  useMarkRead(chat, messages, atEnd);
  const missed = useMissed(messages, atEnd, me.id);

  return (
    <div className={classes.frame}>
      {/* The column is reversed so that its beginning is its end: what is added above or below moves nothing that is being read. */}
      <div
        ref={scroll}
        className={classes.scroll}
        role="log"
        aria-label={t('conversation.log', { title })}
        tabIndex={0}
        onScroll={(event) => setAtEnd(event.currentTarget.scrollTop > -NEAR)}
        onKeyDown={moveFocus}
      >
        <ol className={classes.list}>
          <li className={classes.top}>
            {hasEarlier(log) ? <Earlier chatId={chat.id} /> : <Beginning empty={messages.length + unsent.length === 0} />}
          </li>
          {rows.map(({ message, day, first, last }) => (
            <li key={message.seq}>
              {day && (
                <div className={classes.day}>
                  <time dateTime={message.created_at}>{format.day(day)}</time>
                </div>
              )}
              {message.seq === unread.from && (
                <div className={classes.unread}>{t('conversation.newMessages', { count: unread.count })}</div>
              )}
              <MessageRow
                message={message}
                quoted={message.reply_to === null ? null : (byId.get(message.reply_to) ?? 'missing')}
                own={message.sender_id === me.id}
                named={chat.type === 'group'}
                first={first}
                last={last}
                status={messageStatus(message, receipts, others)}
              />
            </li>
          ))}
          {unsent.map((entry) => (
            <li key={entry.message.client_message_id}>
              <OutgoingRow entry={entry} quoted={entry.message.reply_to ? (byId.get(entry.message.reply_to) ?? 'missing') : null} />
            </li>
          ))}
        </ol>
      </div>
      {!atEnd && (
        <Button
          className={classes.newest ?? ''}
          size="sm"
          radius="xl"
          variant={missed > 0 ? 'filled' : 'default'}
          leftSection={<ArrowDown size={16} aria-hidden="true" />}
          onClick={toEnd}
        >
          {missed > 0 ? t('conversation.newMessages', { count: missed }) : t('conversation.newest')}
        </Button>
      )}
    </div>
  );
}

function Earlier({ chatId }: { chatId: string }) {
  const { t } = useTranslation();
  const store = useChatsStore();
  const [loading, setLoading] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  async function load() {
    if (loading) return;
    setLoading(true);
    await store.fetchEarlier(chatId).catch(showError);
    setLoading(false);
  }
  // Coming near is enough; the button is for the keyboard, and for trying again.
  const onNear = useEffectEvent(() => void load());
  useEffect(() => {
    const near = new IntersectionObserver(([entry]) => entry?.isIntersecting && onNear(), { rootMargin: '400px 0px 0px' });
    if (button.current) near.observe(button.current);
    return () => near.disconnect();
  }, []);
  return (
    <Button ref={button} variant="subtle" size="xs" loading={loading} onClick={() => void load()}>
      {t('conversation.earlier')}
    </Button>
  );
}

function Beginning({ empty }: { empty: boolean }) {
  const { t } = useTranslation();
  return (
    <Text size="sm" c="dimmed" ta="center">
      {t(empty ? 'conversation.empty' : 'conversation.beginning')}
    </Text>
  );
}

/** Reports what was read once it is on the screen in front of somebody. Whatever fails here is tried again with the next cause. */
function useMarkRead(chat: Chat, messages: readonly Message[], atEnd: boolean): void {
  const { me } = useMajlis();
  const store = useChatsStore();
  const attention = useAttention();
  const connected = useConnectionState() === 'connected';
  const newest = messages.findLast((message) => message.sender_id !== me.id);
  const due = attention && connected && atEnd && (chat.unread_count ?? 0) > 0;
  useEffect(() => {
    if (due && newest) store.markRead(chat.id, newest).catch(() => undefined);
  }, [due, newest, chat.id, store]);
}

/** How many messages of others have come since one scrolled away from the end. */
function useMissed(messages: readonly Message[], atEnd: boolean, me: string): number {
  const last = messages.at(-1)?.seq ?? 0;
  const [seen, setSeen] = useState(last);
  if (atEnd && seen !== last) setSeen(last);
  return messages.filter((message) => message.seq > seen && message.sender_id !== me).length;
}

/** Arrow keys go from message to message, Escape goes back to writing. */
function moveFocus(event: KeyboardEvent<HTMLDivElement>): void {
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-message]')];
  const at = rows.findIndex((row) => row === document.activeElement);
  const onContainer = event.target === event.currentTarget;
  if (!onContainer && at === -1) return;
  const steps: Readonly<Record<string, number>> = { ArrowUp: -1, ArrowDown: 1 };
  const step = steps[event.key];
  if (event.key === 'Escape') document.getElementById('composer')?.focus();
  else if (step !== undefined) (at === -1 ? rows.at(-1) : rows[at + step])?.focus();
  else return;
  event.preventDefault();
}

/** Whose receipts decide about one's own messages; nobody where only some of the members are known. */
function otherMembers(chat: Chat, me: string): string[] {
  if (chat.members.length < chat.member_count) return [];
  return chat.members.map((member) => member.user_id).filter((id) => id !== me);
}

/** A message can be in the chat before its acknowledgement is here. */
function notIn(waiting: readonly OutgoingMessage[], messages: readonly Message[]): readonly OutgoingMessage[] {
  if (waiting.length === 0) return waiting;
  const known = new Set(messages.map((message) => message.client_message_id));
  return waiting.filter((entry) => !known.has(entry.message.client_message_id));
}
