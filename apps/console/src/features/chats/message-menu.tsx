import type { Message } from '@majlis/client';
import { ActionIcon, Menu } from '@mantine/core';
import { Copy, Ellipsis, Pencil, Reply, Trash2 } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useMajlis } from '../../session/majlis.tsx';
import classes from './message-row.module.css';
import { useRoomActions } from './room-actions.ts';

const emojis = ['👍', '❤️', '😂', '😮', '😢', '🙏'] as const;

interface MessageMenuProps {
  message: Message;
  own: boolean;
  opened: boolean;
  onChange: (opened: boolean) => void;
}

export function MessageMenu({ message, own, opened, onChange }: MessageMenuProps) {
  const { t } = useTranslation();
  const { me } = useMajlis();
  const actions = useRoomActions();
  const mine = (emoji: string) => message.reactions.some((reaction) => reaction.emoji === emoji && reaction.user_ids.includes(me.id));
  return (
    <Menu opened={opened} onChange={onChange} position={own ? 'bottom-end' : 'bottom-start'} width={232} alignItemsLabels="none">
      <Menu.Target>
        <ActionIcon className={classes.menu ?? ''} variant="subtle" color="gray" radius="xl" aria-label={t('message.actions')}>
          <Ellipsis size={18} aria-hidden="true" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={classes.emojis} role="group">
          {emojis.map((emoji) => (
            <Menu.CheckboxItem
              key={emoji}
              className={classes.emoji ?? ''}
              aria-label={t('message.react', { emoji })}
              checked={mine(emoji)}
              checkIcon={null}
              closeMenuOnClick
              onChange={(on) => actions.react(message, emoji, on)}
            >
              {emoji}
            </Menu.CheckboxItem>
          ))}
        </div>
        <Menu.Divider />
        <Menu.Item leftSection={<Reply size={16} aria-hidden="true" />} onClick={() => actions.reply(message)}>
          {t('message.reply')}
        </Menu.Item>
        {/* Browsers have it on TLS and on localhost only. */}
        {navigator.clipboard && (
          <Menu.Item
            leftSection={<Copy size={16} aria-hidden="true" />}
            onClick={() => void navigator.clipboard.writeText(message.content)}
          >
            {t('message.copy')}
          </Menu.Item>
        )}
        {own && message.type === 'text' && (
          <Menu.Item leftSection={<Pencil size={16} aria-hidden="true" />} onClick={() => actions.edit(message)}>
            {t('message.edit')}
          </Menu.Item>
        )}
        {(own || me.role === 'admin') && (
          <Menu.Item
            color="var(--app-danger)"
            leftSection={<Trash2 size={16} aria-hidden="true" />}
            onClick={() => actions.askRemove(message)}
          >
            {t('message.delete')}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
