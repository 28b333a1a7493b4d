import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { v2 } from '@majlis/contract';
import { randomBytes } from 'node:crypto';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { ChatsService } from '../features/chats/chats.service.ts';
import { MessagesService } from '../features/chats/messages.service.ts';
import { UsersService } from '../features/users/users.service.ts';

interface DemoUser {
  id: string;
  name: string;
  role: v2.Role;
  locale: v2.User['locale'];
}

const USERS: readonly DemoUser[] = [
  { id: 'anna', name: 'Анна Иванова', role: 'admin', locale: 'ru' },
  { id: 'omar', name: 'عمر الخوام', role: 'manager', locale: 'ar' },
  { id: 'layla', name: 'ليلى اللوزي', role: 'employee', locale: 'ar' },
  { id: 'maria', name: 'Мария Соколова', role: 'user', locale: 'ru' },
  { id: 'sam', name: 'Sam Carter', role: 'user', locale: 'en' },
];

interface DemoChat {
  type: 'direct' | 'group';
  title?: string;
  members: readonly [string, ...string[]];
  /** Who said what, in order. */
  messages: readonly (readonly [string, string])[];
}

const CHATS: readonly DemoChat[] = [
  {
    type: 'direct',
    members: ['anna', 'omar'],
    messages: [
      ['anna', 'Доброе утро, Омар! Новый прайс уже у тебя?'],
      ['omar', 'صباح الخير آنا، وصلتني القائمة الجديدة، شكرا!'],
      ['anna', 'Отлично. Созвонимся после обеда.'],
    ],
  },
  {
    type: 'group',
    title: 'فريق الدعم · Команда поддержки',
    members: ['omar', 'layla', 'anna', 'sam'],
    messages: [
      ['layla', 'وصلت ثلاث تذاكر جديدة هذا الصباح'],
      ['omar', 'سأتولى الأولى'],
      ['sam', 'I can take the other two.'],
      ['anna', 'Спасибо всем, вы молодцы!'],
    ],
  },
  {
    type: 'direct',
    members: ['maria', 'anna'],
    messages: [
      ['maria', 'Здравствуйте! Хочу записаться на маникюр в пятницу.'],
      ['anna', 'Здравствуйте, Мария! В пятницу свободно в 14:00.'],
    ],
  },
];

const ADDRESS_DOMAIN = 'demo.majlis.example';

/** Something to see on the first start: people, chats and what they said. Passwords are random in each store. */
@Injectable()
export class DemoData implements OnApplicationBootstrap {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly users: UsersService,
    private readonly chats: ChatsService,
    private readonly messages: MessagesService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.settings.DEMO_DATA || (await this.users.any())) return;
    const logins = await Promise.all(USERS.map((user) => this.#makeUser(user)));
    for (const chat of CHATS) await this.#makeChat(chat);
    process.stdout.write(`\nDemo users of this store (DEMO_DATA=false makes none):\n${logins.join('\n')}\n\n`);
  }

  async #makeUser({ id, name, role, locale }: DemoUser): Promise<string> {
    const email = `${id}@${ADDRESS_DOMAIN}`;
    const password = randomBytes(9).toString('base64url');
    await this.users.put(id, { name, role, locale, email, password });
    return `  ${email.padEnd(28)} ${password}   ${role.padEnd(8)} ${name}`;
  }

  async #makeChat({ type, title, members, messages }: DemoChat): Promise<void> {
    const [creator] = members;
    const { view } = await this.chats.create({ userId: creator, isAdmin: false }, { type, member_ids: [...members], title: title ?? null });
    for (const [sender, content] of messages) {
      await this.messages.send(sender, view.chat.id, { type: 'text', content, metadata: {}, client_message_id: null, reply_to: null });
    }
  }
}
