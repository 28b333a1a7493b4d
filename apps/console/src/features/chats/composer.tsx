import type { Message } from '@majlis/client';
import { LIMITS } from '@majlis/contract';
import { ActionIcon, Text, Textarea, Tooltip } from '@mantine/core';
import { Check, SendHorizontal, X } from 'lucide-react';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
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

export function Composer({ chatId, task, onTaskDone, onEditLast }: ComposerProps) {
  const { t } = useTranslation();
  const { majlis } = useMajlis();
  const store = useChatsStore();
  const [draft, setDraft] = useState(() => store.drafts.get(chatId) ?? '');
  // The text of an edit is apart from the draft, which is still there afterwards.
  const [edited, setEdited] = useState('');
  const [saving, setSaving] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const editing = task?.kind === 'edit' ? task.message : null;
  const text = editing ? edited : draft;
  const tooLong = codePoints(text) - LIMITS.messageCharacters;
  const sendable = text.trim() !== '' && tooLong <= 0 && !saving;

  useEffect(() => {
    if (task?.kind === 'edit') setEdited(task.message.content);
    // Coming to a chat on a phone must not open the keyboard over it.
    if (task || !touch) field.current?.focus();
  }, [task]);

  function write(value: string) {
    if (editing) return setEdited(value);
    setDraft(value);
    store.drafts.set(chatId, value);
    majlis.typing(chatId, value.trim() !== '');
  }

  async function submit() {
    if (!sendable) return;
    if (editing) {
      if (edited === editing.content) return onTaskDone();
      setSaving(true);
      try {
        await majlis.edit(chatId, editing.id, edited);
        onTaskDone();
      } catch (error) {
        showError(error);
      }
      return setSaving(false);
    }
    // What becomes of it shows at the message itself; only a queue that is full has no message to show it at.
    majlis.send(chatId, { type: 'text', content: draft, reply_to: task?.message.id ?? null }).catch((error) => {
      if (error.code === 'QUEUE_FULL') showError(error);
    });
    setDraft('');
    store.drafts.delete(chatId);
    onTaskDone();
    field.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    // Enter that ends the input of a Chinese or Japanese word is not meant for us.
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey && !touch) {
      event.preventDefault();
      void submit();
    } else if (event.key === 'Escape' && task) {
      onTaskDone();
    } else if (event.key === 'ArrowUp' && text === '' && !task) {
      event.preventDefault();
      onEditLast();
    }
  }

  return (
    <div className={classes.composer}>
      {task && <Task task={task} onCancel={onTaskDone} />}
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
          dir="auto"
          value={text}
          error={tooLong > 0 && t('composer.tooLong', { count: tooLong })}
          onChange={(event) => write(event.currentTarget.value)}
          onBlur={() => majlis.typing(chatId, false)}
          onKeyDown={onKeyDown}
        />
        <Tooltip label={t(editing ? 'composer.save' : 'composer.send')}>
          <ActionIcon
            size={42}
            radius="xl"
            aria-label={t(editing ? 'composer.save' : 'composer.send')}
            aria-disabled={!sendable}
            data-disabled={!sendable || undefined}
            loading={saving}
            onClick={submit}
          >
            {editing ? <Check size={20} aria-hidden="true" /> : <SendHorizontal size={20} className={classes.plane} aria-hidden="true" />}
          </ActionIcon>
        </Tooltip>
      </div>
    </div>
  );
}

function Task({ task: { kind, message }, onCancel }: { task: ComposerTask; onCancel: () => void }) {
  const { t } = useTranslation();
  const { me } = useMajlis();
  const summary = useMessageSummary();
  const name = message.sender_id === me.id ? t('chats.you') : message.sender_name;
  return (
    <div className={classes.task}>
      <div className={classes.subject}>
        <Text size="xs" fw={600} c="var(--app-accent)">
          {kind === 'edit' ? t('composer.editing') : t('composer.replyTo', { name })}
        </Text>
        <Text size="sm" c="dimmed" dir="auto" truncate>
          {summary(message)}
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
