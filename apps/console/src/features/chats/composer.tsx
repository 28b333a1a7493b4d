import type { MajlisError, Message } from '@majlis/client';
import { LIMITS } from '@majlis/contract';
import { ActionIcon, Text, Textarea, Tooltip } from '@mantine/core';
import { Check, SendHorizontal, X } from 'lucide-react';
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { OneLine } from '../../i18n/one-line.tsx';
import { fieldDirection } from '../../i18n/text-direction.ts';
import { showError } from '../../notices/notices.ts';
import { useMajlis } from '../../session/majlis.tsx';
import classes from './composer.module.css';
import { useMessageSummary } from './chat-naming.ts';
import { useChatsStore } from './chats-provider.tsx';

/** What is being written where it is not simply a new message. */
export interface ComposerTask {
  kind: 'reply' | 'edit';
  message: Message;
}

interface ComposerProps {
  chatId: string;
  task: ComposerTask | null;
  onTaskDone: () => void;
  /** Arrow up in an empty field. */
  onEditLast: () => void;
}

/** On a touch keyboard Enter is for new lines; there is a button to send. */
const touch = matchMedia('(pointer: coarse)').matches;

export function Composer({ task, ...props }: ComposerProps) {
  return task?.kind === 'edit' ? (
    <EditedMessage key={task.message.id} message={task.message} {...props} />
  ) : (
    <NewMessage replyTo={task?.message ?? null} {...props} />
  );
}

function NewMessage({ chatId, replyTo, onTaskDone, onEditLast }: Omit<ComposerProps, 'task'> & { replyTo: Message | null }) {
  const { t } = useTranslation();
  const { majlis } = useMajlis();
  const store = useChatsStore();
  const [text, setText] = useState(() => store.drafts.get(chatId) ?? '');

  function write(value: string) {
    setText(value);
    store.drafts.set(chatId, value);
    majlis.typing(chatId, value.trim() !== '');
  }

  function send() {
    // What becomes of it shows at the message itself; only where the queue is full there is no message to show it at.
    majlis.send(chatId, { type: 'text', content: text, reply_to: replyTo?.id ?? null }).catch((error: MajlisError) => {
      if (error.code === 'QUEUE_FULL') showError(error);
    });
    setText('');
    store.drafts.delete(chatId);
    onTaskDone();
  }

  return (
    <Field
      text={text}
      action={t('composer.send')}
      icon={<SendHorizontal size={20} className={classes.plane} aria-hidden="true" />}
      task={replyTo && <Task kind="reply" message={replyTo} onCancel={onTaskDone} />}
      // Coming to a chat on a phone must not open the keyboard over it.
      focusOn={touch ? replyTo : (replyTo ?? chatId)}
      onChange={write}
      onSubmit={send}
      onCancel={onTaskDone}
      onBlur={() => majlis.typing(chatId, false)}
      onArrowUp={onEditLast}
    />
  );
}

function EditedMessage({ chatId, message, onTaskDone }: Omit<ComposerProps, 'task'> & { message: Message }) {
  const { t } = useTranslation();
  const { majlis } = useMajlis();
  const [text, setText] = useState(message.content);
  const [saving, setSaving] = useState(false);

  async function save() {
    if (text === message.content) return onTaskDone();
    setSaving(true);
    try {
      await majlis.edit(chatId, message.id, text);
      onTaskDone();
    } catch (error) {
      showError(error);
      setSaving(false);
    }
  }

  return (
    <Field
      text={text}
      action={t('composer.save')}
      icon={<Check size={20} aria-hidden="true" />}
      task={<Task kind="edit" message={message} onCancel={onTaskDone} />}
      focusOn={message}
      busy={saving}
      onChange={setText}
      onSubmit={() => void save()}
      onCancel={onTaskDone}
    />
  );
}

interface FieldProps {
  text: string;
  /** What the button does. */
  action: string;
  icon: ReactNode;
  /** What stands above the field. */
  task: ReactNode;
  /** The field takes the focus whenever this becomes another thing; null leaves the focus where it is. */
  focusOn: unknown;
  busy?: boolean;
  onChange: (text: string) => void;
  onSubmit: () => void;
  onCancel: () => void;
  onBlur?: () => void;
  /** Arrow up while the field is empty. */
  onArrowUp?: () => void;
}

function Field({ text, action, icon, task, focusOn, busy = false, onChange, onSubmit, onCancel, onBlur, onArrowUp }: FieldProps) {
  const { t } = useTranslation();
  const field = useRef<HTMLTextAreaElement>(null);
  const tooLong = codePoints(text) - LIMITS.messageCharacters;
  const sendable = text.trim() !== '' && tooLong <= 0 && !busy;

  useEffect(() => {
    if (focusOn === null) return;
    field.current?.focus();
    // A browser puts the cursor in front of a text that was there already.
    field.current?.setSelectionRange(-1, -1);
  }, [focusOn]);

  function submit() {
    if (sendable) onSubmit();
    field.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    // Enter that ends the input of a Chinese or Japanese word is not meant for us.
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey && !touch) {
      event.preventDefault();
      submit();
    } else if (event.key === 'Escape') {
      onCancel();
    } else if (event.key === 'ArrowUp' && text === '' && onArrowUp) {
      event.preventDefault();
      onArrowUp();
    }
  }

  return (
    <div className={classes.composer}>
      {task}
      <div className={classes.line}>
        <Textarea
          id="composer"
          ref={field}
          className={classes.field ?? ''}
          classNames={{ input: classes.input ?? '' }}
          aria-label={t('composer.label')}
          aria-description={touch ? undefined : t('composer.hint')}
          placeholder={t('composer.placeholder')}
          autosize
          minRows={1}
          maxRows={8}
          radius="lg"
          dir={fieldDirection(text)}
          value={text}
          error={tooLong > 0 && t('composer.tooLong', { count: tooLong })}
          onChange={(event) => onChange(event.currentTarget.value)}
          onBlur={onBlur}
          onKeyDown={onKeyDown}
        />
        <Tooltip label={action}>
          <ActionIcon
            size={42}
            radius="xl"
            aria-label={action}
            aria-disabled={!sendable}
            data-disabled={!sendable || undefined}
            loading={busy}
            onClick={submit}
          >
            {icon}
          </ActionIcon>
        </Tooltip>
      </div>
    </div>
  );
}

function Task({ kind, message, onCancel }: ComposerTask & { onCancel: () => void }) {
  const { t } = useTranslation();
  const { me } = useMajlis();
  const summary = useMessageSummary();
  const reply = message.sender_id === me.id ? t('composer.replyToOneself') : t('composer.replyTo', { name: message.sender_name });
  return (
    <div className={classes.task}>
      <div className={classes.subject}>
        <Text size="xs" fw={600} c="var(--app-accent)">
          {kind === 'edit' ? t('composer.editing') : reply}
        </Text>
        <Text size="sm" c="dimmed" component="div">
          <OneLine>{summary(message)}</OneLine>
        </Text>
      </div>
      <Tooltip label={t('composer.cancel')}>
        <ActionIcon variant="subtle" color="gray" aria-label={t('composer.cancel')} onClick={onCancel}>
          <X size={18} aria-hidden="true" />
        </ActionIcon>
      </Tooltip>
    </div>
  );
}

/** The contract counts code points; an emoji is not two characters. */
function codePoints(text: string): number {
  return text.length <= LIMITS.messageCharacters ? text.length : Array.from(text).length;
}
