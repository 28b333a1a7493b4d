/** What pushes say. Pure. */
import { LIMITS, type Locale, type v2 } from '@majlis/contract';
import type { MessageRecord, MessageType } from '../chats/message-record.ts';

// Push services take 4,096 bytes, of which encryption needs 103 (RFC 8291, section 4).
const PAYLOAD_BYTES = 3_900;

/** In which language a push is written for who has none. */
export const FALLBACK: Locale = 'en';

/** What a message without text is called. */
const CALLED: Readonly<Partial<Record<MessageType, Record<Locale, string>>>> = {
  photo: { en: 'Photo', ar: 'صورة', ru: 'Фото' },
  video: { en: 'Video', ar: 'فيديو', ru: 'Видео' },
  voice: { en: 'Voice message', ar: 'رسالة صوتية', ru: 'Голосовое сообщение' },
  file: { en: 'File', ar: 'ملف', ru: 'Файл' },
  location: { en: 'Location', ar: 'موقع', ru: 'Геопозиция' },
  profile_share: { en: 'Profile', ar: 'ملف شخصي', ru: 'Профиль' },
  post_share: { en: 'Post', ar: 'منشور', ru: 'Публикация' },
};

/** A message as it is pushed to a member. @param title of the chat, where it has one */
export function messagePush(message: MessageRecord, title: string | null, locale: Locale): v2.PushMessage {
  const { id, chatId, senderId, senderName, type, content } = message;
  const said = CALLED[type]?.[locale] ?? content;
  return {
    type: 'chat_message' satisfies typeof v2.CHAT_MESSAGE,
    id,
    title: title ?? senderName,
    body: title === null ? said : `${senderName}: ${said}`,
    tag: chatId,
    lang: locale,
    data: { chat_id: chatId, sender_id: senderId },
  };
}

/** A push as JSON that a push service takes: its body is cut, and its data left out where they are too much. */
export function payloadOf(push: v2.PushMessage): string {
  const whole = JSON.stringify({ ...push, body: cut(push.body) });
  return Buffer.byteLength(whole) <= PAYLOAD_BYTES ? whole : JSON.stringify({ ...push, body: cut(push.body), data: null });
}

function cut(text: string): string {
  if (text.length <= LIMITS.pushBodyCharacters) return text;
  return `${text.slice(0, LIMITS.pushBodyCharacters - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
