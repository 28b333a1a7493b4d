import { Button, Modal, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import type { UserProfile } from '@majlis/client';
import { fieldDirection } from '../../i18n/text-direction.ts';
import { showError } from '../../notices/notices.ts';
import { useMajlis } from '../../session/majlis.tsx';
import { PeoplePicker } from '../people/people-picker.tsx';
import { useChatsStore } from './chats-provider.tsx';

/** One person makes a direct chat, several a group. */
export function NewChat({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal opened={opened} onClose={onClose} title={t('newChat.title')} closeButtonProps={{ 'aria-label': t('app.close') }}>
      <NewChatForm onDone={onClose} />
    </Modal>
  );
}

function NewChatForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const { majlis, me } = useMajlis();
  const store = useChatsStore();
  const navigate = useNavigate();
  const [people, setPeople] = useState<readonly UserProfile[]>([]);
  const [title, setTitle] = useState('');
  const [busy, setBusy] = useState(false);
  const group = people.length > 1;

  async function create() {
    setBusy(true);
    try {
      const chat = await majlis.rest.createChat({
        type: group ? 'group' : 'direct',
        member_ids: people.map((person) => person.id),
        title: group ? title.trim() || null : null,
      });
      store.addChat(chat);
      onDone();
      await navigate(`/app/chats/${chat.id}`);
    } catch (error) {
      showError(error);
      setBusy(false);
    }
  }

  return (
    <Stack>
      <PeoplePicker chosen={people} onChange={setPeople} without={[me.id]} autoFocus />
      {group && (
        <TextInput
          label={t('newChat.groupTitle')}
          placeholder={t('newChat.groupTitleHint')}
          maxLength={200}
          dir={fieldDirection(title)}
          value={title}
          onChange={(event) => setTitle(event.currentTarget.value)}
        />
      )}
      <Button disabled={people.length === 0} loading={busy} onClick={() => void create()}>
        {t(group ? 'newChat.startGroup' : 'newChat.startDirect')}
      </Button>
    </Stack>
  );
}
