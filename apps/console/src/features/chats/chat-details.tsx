import type { Chat, ChatMember, UserProfile } from '@majlis/client';
import { ActionIcon, Button, Drawer, Group, Stack, Switch, Text, TextInput, Title, Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { UserMinus } from 'lucide-react';
import { useState, type SubmitEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { ConfirmDialog } from '../../dialogs/confirm-dialog.tsx';
import { OneLine } from '../../i18n/one-line.tsx';
import { fieldDirection } from '../../i18n/text-direction.ts';
import { showError } from '../../notices/notices.ts';
import { useMajlis } from '../../session/majlis.tsx';
import { PeoplePicker } from '../people/people-picker.tsx';
import { Person } from '../people/person-avatar.tsx';
import classes from './chat-details.module.css';
import { isMuted, useChatsStore } from './chats-provider.tsx';

/** Muting without an end, as the contract wants a time. */
const FOR_EVER = '9999-12-31T23:59:59.999Z';

export function ChatDetails({ chat, opened, onClose }: { chat: Chat; opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Drawer opened={opened} onClose={onClose} position="right" title={t('group.title')} closeButtonProps={{ 'aria-label': t('app.close') }}>
      <Details chat={chat} />
    </Drawer>
  );
}

function Details({ chat }: { chat: Chat }) {
  const { t } = useTranslation();
  const { majlis, me } = useMajlis();
  const store = useChatsStore();
  const group = chat.type === 'group';
  // The server decides; this only spares everybody else buttons that would be refused.
  const manages = group && (chat.created_by === me.id || me.role === 'admin');

  async function mute(on: boolean) {
    try {
      const { muted_until } = await majlis.rest.muteChat(chat.id, on ? FOR_EVER : null);
      store.addChat({ ...chat, muted_until });
    } catch (error) {
      showError(error);
    }
  }

  return (
    <Stack gap="lg">
      {manages && <Rename key={chat.title} chat={chat} />}
      <Switch label={t('chats.muted')} checked={isMuted(chat)} onChange={(event) => void mute(event.currentTarget.checked)} />
      <Members chat={chat} manages={manages} />
      {manages && <AddPeople chat={chat} />}
      {group && <Leave chat={chat} />}
    </Stack>
  );
}

function Rename({ chat }: { chat: Chat }) {
  const { t } = useTranslation();
  const { majlis } = useMajlis();
  const [title, setTitle] = useState(chat.title ?? '');
  function save(event: SubmitEvent) {
    event.preventDefault();
    majlis.rest.changeChat(chat.id, { title: title.trim() || null }).catch(showError);
  }
  return (
    <Group component="form" align="flex-end" gap="xs" wrap="nowrap" onSubmit={save}>
      <TextInput
        flex={1}
        label={t('group.rename')}
        maxLength={200}
        dir={fieldDirection(title)}
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
      />
      <Button type="submit" variant="light" disabled={title.trim() === (chat.title ?? '')}>
        {t('group.save')}
      </Button>
    </Group>
  );
}

function useMembers(chat: Chat) {
  const { majlis } = useMajlis();
  return useQuery({
    queryKey: ['members', chat.id, chat.members, chat.member_count],
    queryFn: () => majlis.rest.members(chat.id, { limit: 200 }),
    placeholderData: { data: chat.members, next_cursor: null },
  });
}

function Members({ chat, manages }: { chat: Chat; manages: boolean }) {
  const { t } = useTranslation();
  const { majlis, me } = useMajlis();
  const members = useMembers(chat).data?.data ?? [];
  const remove = (member: ChatMember) => void majlis.rest.removeMember(chat.id, member.user_id).catch(showError);
  return (
    <section>
      <Title order={3} size="h6" mb="xs">
        {t('group.members')} <bdi>({chat.member_count})</bdi>
      </Title>
      <ul className={classes.members}>
        {members.map((member) => (
          <li key={member.user_id} className={classes.member}>
            <Person id={member.user_id} name={member.name} avatar={member.avatar} size={34} />
            <span className={classes.name}>
              <OneLine>{member.user_id === me.id ? `${member.name} (${t('chats.you')})` : member.name}</OneLine>
              {chat.type === 'group' && member.user_id === chat.created_by && (
                <Text span size="xs" c="dimmed">
                  {t('group.creator')}
                </Text>
              )}
            </span>
            {manages && member.user_id !== me.id && (
              <Tooltip label={t('group.remove', { name: member.name })}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('group.remove', { name: member.name })}
                  onClick={() => remove(member)}
                >
                  <UserMinus size={18} aria-hidden="true" />
                </ActionIcon>
              </Tooltip>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function AddPeople({ chat }: { chat: Chat }) {
  const { t } = useTranslation();
  const { majlis } = useMajlis();
  const members = useMembers(chat).data?.data ?? [];
  const [people, setPeople] = useState<readonly UserProfile[]>([]);
  const [busy, setBusy] = useState(false);
  async function add() {
    setBusy(true);
    try {
      await majlis.rest.addMembers(
        chat.id,
        people.map((person) => person.id),
      );
      setPeople([]);
    } catch (error) {
      showError(error);
    }
    setBusy(false);
  }
  return (
    <section>
      <PeoplePicker chosen={people} onChange={setPeople} without={members.map((member) => member.user_id)} />
      <Button mt="xs" fullWidth variant="light" disabled={people.length === 0} loading={busy} onClick={() => void add()}>
        {t('group.add')}
      </Button>
    </section>
  );
}

function Leave({ chat }: { chat: Chat }) {
  const { t } = useTranslation();
  const { majlis, me } = useMajlis();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  async function leave() {
    try {
      await majlis.rest.removeMember(chat.id, me.id);
      await navigate('/app/chats');
    } catch (error) {
      showError(error);
    }
  }
  return (
    <>
      <Button variant="subtle" color="red" c="var(--app-danger)" onClick={() => setAsking(true)}>
        {t('group.leave')}
      </Button>
      <ConfirmDialog
        opened={asking}
        question={t('group.leaveQuestion')}
        action={t('group.leave')}
        onConfirm={() => void leave()}
        onClose={() => setAsking(false)}
      />
    </>
  );
}
