import type { Chat, ChatMember, Message } from '@majlis/client';
import { useTranslation } from 'react-i18next';

/** The other one of a direct chat; undefined in groups, and where the other one is gone. */
export function partner(chat: Chat, me: string): ChatMember | undefined {
  return chat.type === 'direct' ? chat.members.find((member) => member.user_id !== me) : undefined;
}

/** What a chat is called: by its title, by the one it is with, or by who is in it. */
export function useChatTitle(): (chat: Chat, me: string) => string {
  const { t } = useTranslation();
  return (chat, me) => {
    if (chat.title !== null) return chat.title;
    if (chat.type === 'direct') return partner(chat, me)?.name ?? t('chats.formerMember');
    const names = chat.members.filter((member) => member.user_id !== me).slice(0, 3);
    return names.map((member) => member.name).join(', ') || t('chats.untitled');
  };
}

const labels = {
  photo: 'message.photo',
  video: 'message.video',
  voice: 'message.voice',
  location: 'message.location',
  profile_share: 'message.profile',
  post_share: 'message.post',
} as const;

/** One line that says what a message is. */
export function useMessageSummary(): (message: Pick<Message, 'type' | 'content' | 'metadata' | 'deleted_at'>) => string {
  const { t } = useTranslation();
  return ({ type, content, deleted_at }) => {
    if (deleted_at !== null) return t('conversation.deleted');
    return type === 'text' || type === 'booking_proposal' ? content : t(labels[type]);
  };
}
