import type { Chat } from '@majlis/client';
import { Avatar } from '@mantine/core';
import { Users } from 'lucide-react';
import { Person } from '../people/person-avatar.tsx';
import { partner } from './chat-naming.ts';

export function ChatAvatar({ chat, me, title, size = 44 }: { chat: Chat; me: string; title: string; size?: number }) {
  const other = partner(chat, me);
  if (chat.type === 'direct') return <Person id={other?.user_id ?? chat.id} name={title} avatar={other?.avatar ?? null} size={size} />;
  return (
    <Avatar size={size} radius="xl" color="gray" variant="light" aria-hidden="true">
      <Users size={size / 2.2} />
    </Avatar>
  );
}
