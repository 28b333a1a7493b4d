import type { UserProfile } from '@majlis/client';
import { Group, Loader, Pill, ScrollArea, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Check, Search } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { fieldDirection } from '../../i18n/text-direction.ts';
import { OneLine } from '../../i18n/one-line.tsx';
import { describeError } from '../../notices/notices.ts';
import { useMajlis } from '../../session/majlis.tsx';
import classes from './people-picker.module.css';
import { Person } from './person-avatar.tsx';

interface PeoplePickerProps {
  chosen: readonly UserProfile[];
  onChange: (people: readonly UserProfile[]) => void;
  /** Ids that are not offered. */
  without: readonly string[];
  /** Whether a dialog that contains it begins with it. */
  autoFocus?: boolean;
}

/** Finds people by name or id, and lets some of them be chosen. */
export function PeoplePicker({ chosen, onChange, without, autoFocus }: PeoplePickerProps) {
  const { t } = useTranslation();
  const { majlis } = useMajlis();
  const [text, setText] = useState('');
  const [q] = useDebouncedValue(text.trim(), 200);
  const found = useQuery({
    queryKey: ['users', q],
    queryFn: ({ signal }) => majlis.rest.users({ limit: 30, ...(q && { q }) }, signal),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
  const offered = found.data?.data.filter((person) => !without.includes(person.id) && !person.disabled) ?? [];
  const isChosen = (id: string) => chosen.some((person) => person.id === id);
  const toggle = (person: UserProfile) =>
    onChange(isChosen(person.id) ? chosen.filter((other) => other.id !== person.id) : [...chosen, person]);

  return (
    <Stack gap="xs">
      {chosen.length > 0 && (
        <Pill.Group aria-label={t('newChat.chosen')} role="group">
          {chosen.map((person) => (
            <Pill
              key={person.id}
              withRemoveButton
              onRemove={() => toggle(person)}
              removeButtonProps={{ 'aria-label': t('newChat.remove', { name: person.name }), 'aria-hidden': false, tabIndex: 0 }}
            >
              <bdi>{person.name}</bdi>
            </Pill>
          ))}
        </Pill.Group>
      )}
      <TextInput
        label={t('newChat.find')}
        placeholder={t('newChat.findHint')}
        leftSection={<Search size={16} aria-hidden="true" />}
        rightSection={found.isFetching && <Loader size={14} aria-label={t('app.loading')} />}
        dir={fieldDirection(text)}
        data-autofocus={autoFocus}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <ScrollArea.Autosize mah={280} type="auto">
        <ul className={classes.list} aria-label={t('newChat.people')}>
          {offered.map((person) => (
            <li key={person.id}>
              <UnstyledButton className={classes.person} aria-pressed={isChosen(person.id)} onClick={() => toggle(person)}>
                <Person id={person.id} name={person.name} avatar={person.avatar} size={34} />
                <span className={classes.name}>
                  <OneLine>{person.name}</OneLine>
                  <OneLine className={classes.id}>{person.id}</OneLine>
                </span>
                {isChosen(person.id) && <Check size={18} aria-hidden="true" />}
              </UnstyledButton>
            </li>
          ))}
        </ul>
      </ScrollArea.Autosize>
      <Group role="status" aria-live="polite" mih={0}>
        {found.error && (
          <Text size="sm" c="var(--app-danger)">
            {describeError(found.error).text}
          </Text>
        )}
        {found.isSuccess && offered.length === 0 && (
          <Text size="sm" c="dimmed">
            {t('newChat.nobody')}
          </Text>
        )}
      </Group>
    </Stack>
  );
}
