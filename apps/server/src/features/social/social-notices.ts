/** What people are told of posts, friendships and reviews. Pure. */
import { inWords, type Wording } from '../notifications/wording.ts';
import type { Notice } from '../notifications/notifications.service.ts';
import type { UserRecord } from '../users/user-record.ts';

interface Facts {
  /** Of the one who did it. */
  name: string;
  /** What was said, if anything. */
  text: string;
  /** 1 to 5. */
  rating: number;
}

const said = ({ name, text }: Facts) => `${name}: ${text}`;

const WORDS = {
  post_liked: {
    en: { title: 'New like', body: ({ name }) => `${name} likes your post` },
    ar: { title: 'إعجاب بمنشورك', body: ({ name }) => `إعجاب من ${name}` },
    ru: { title: 'Лайк на посте', body: ({ name }) => `${name}: нравится ваш пост` },
  },
  post_commented: {
    en: { title: 'New comment on your post', body: said },
    ar: { title: 'تعليق على منشورك', body: said },
    ru: { title: 'Комментарий к посту', body: said },
  },
  post_reposted: {
    en: { title: 'Your post was reposted', body: ({ name }) => `${name} reposted your post` },
    ar: { title: 'إعادة نشر منشورك', body: ({ name }) => `إعادة نشر من ${name}` },
    ru: { title: 'Репост поста', body: ({ name }) => `${name}: репост вашего поста` },
  },
  mention: {
    en: { title: 'You were mentioned', body: said },
    ar: { title: 'إشارة إليك', body: said },
    ru: { title: 'Вас упомянули', body: said },
  },
  friend_request: {
    en: { title: 'Friend request', body: ({ name }) => `${name} wants to be your friend` },
    ar: { title: 'طلب صداقة', body: ({ name }) => `طلب صداقة من ${name}` },
    ru: { title: 'Запрос в друзья', body: ({ name }) => `${name} хочет добавить вас в друзья` },
  },
  friend_accepted: {
    en: { title: 'Friend request accepted', body: ({ name }) => `${name} is your friend now` },
    ar: { title: 'قبول طلب الصداقة', body: ({ name }) => `تم قبول طلب صداقتك: ${name}` },
    ru: { title: 'Запрос принят', body: ({ name }) => `${name} теперь у вас в друзьях` },
  },
  review_received: {
    en: { title: 'New review', body: ({ name, rating }) => `${name}: ${rating} of 5` },
    ar: { title: 'تقييم جديد', body: ({ name, rating }) => `${name}: ${rating} من 5` },
    ru: { title: 'Получен отзыв', body: ({ name, rating }) => `${name}: ${rating} из 5` },
  },
} satisfies Record<string, Wording<Facts>>;

/** Tells `to` what `by` did, in the language of `to`; nobody is told of what they did themselves. */
export function socialNotice(
  type: keyof typeof WORDS,
  { to, by, text = '', rating = 0 }: { to: UserRecord; by: UserRecord; text?: string; rating?: number },
  data: Record<string, unknown>,
): Notice[] {
  if (to.id === by.id) return [];
  const words = inWords(WORDS[type], to.locale, { name: by.name, text, rating });
  return [{ userId: to.id, draft: { type, ...words, data: { ...data, user_id: by.id } } }];
}
