import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { allawzi, khawam, v2 } from '@majlis/contract';
import { randomBytes } from 'node:crypto';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { ChatsService } from '../features/chats/chats.service.ts';
import { MessagesService } from '../features/chats/messages.service.ts';
import type { OrderDraft } from '../features/orders/order-record.ts';
import { OrdersService } from '../features/orders/orders.service.ts';
import { ProjectsService } from '../features/projects/projects.service.ts';
import { CannedRepliesService } from '../features/support/canned-replies.service.ts';
import { SupportService } from '../features/support/support.service.ts';
import { UsersService } from '../features/users/users.service.ts';
import { SocialDemo } from './social-demo.ts';

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

interface DemoTicket {
  owner: string;
  subject: string;
  priority: allawzi.TicketPriority;
  /** Who said what, in order; the first is the owner. A note is for staff only. */
  messages: readonly { by: string; says: string; note?: true }[];
  /** What staff made of it. */
  outcome?: { by: string } & allawzi.PatchTicket;
}

const TICKETS: readonly DemoTicket[] = [
  {
    owner: 'sam',
    subject: 'My order arrived without the charger',
    priority: 'high',
    messages: [
      { by: 'sam', says: 'Hello, the box was sealed but there is no charger in it.' },
      { by: 'layla', says: 'I am sorry to hear that, Sam. Could you send a photo of the label on the box?' },
      { by: 'layla', says: 'المستودع أكد نقص القطعة في هذه الدفعة', note: true },
      { by: 'sam', says: 'Of course, one moment.' },
    ],
    outcome: { by: 'omar', assigneeId: 'layla' },
  },
  {
    owner: 'maria',
    subject: 'Не приходит код подтверждения',
    priority: 'normal',
    messages: [
      { by: 'maria', says: 'Здравствуйте! Третий день не могу войти: код не приходит.' },
      { by: 'anna', says: 'Здравствуйте, Мария! Сбой у оператора исправлен, попробуйте ещё раз.' },
    ],
    outcome: { by: 'anna', status: 'resolved', assigneeId: 'anna' },
  },
  {
    owner: 'maria',
    subject: 'Как изменить адрес доставки?',
    priority: 'low',
    messages: [{ by: 'maria', says: 'Я переехала, где поменять адрес?' }],
  },
];

const CANNED_REPLIES = [
  { title: 'تحية', message: 'مرحبا، شكرا لتواصلك معنا! كيف يمكننا مساعدتك؟' },
  { title: 'Приветствие', message: 'Здравствуйте! Спасибо за обращение, уже смотрим.' },
  { title: 'Greeting', message: 'Hello, and thank you for writing to us. We are looking into it.' },
];

interface DemoOrder extends OrderDraft {
  /** Who took it in hand, and how far it has come. Without it, the order rings. */
  handled?: { by: string; steps: readonly khawam.OrderStatus[] };
}

const ORDERS: readonly DemoOrder[] = [
  {
    customerName: 'أحمد الحلبي',
    customerPhone: '+963 944 112 233',
    totalMinor: 185_000_00,
    finalMinor: 175_000_00,
    deliveryType: 'delivery',
    itemsCount: 4,
    handled: { by: 'layla', steps: ['accepted', 'preparing', 'ready', 'delivered'] },
  },
  {
    customerName: 'Мария Соколова',
    customerPhone: '+7 900 123-45-67',
    totalMinor: 2_490_50,
    finalMinor: 2_490_50,
    deliveryType: 'self',
    itemsCount: 1,
    handled: { by: 'omar', steps: ['accepted', 'preparing'] },
  },
  {
    customerName: 'سارة دمشقي',
    customerPhone: '+963 933 445 566',
    totalMinor: 64_000_00,
    finalMinor: 60_800_00,
    deliveryType: 'delivery',
    itemsCount: 2,
  },
];

interface DemoProject {
  name: string;
  /** The first made it. */
  members: readonly [string, ...string[]];
  status: v2.ProjectStatus;
  progress: number;
  milestone: string;
  comments: readonly { by: string; says: string }[];
}

const PROJECTS: readonly DemoProject[] = [
  {
    name: 'حملة رمضان الإعلانية',
    members: ['omar', 'layla', 'anna'],
    status: 'in_progress',
    progress: 75,
    milestone: 'تصوير مكتمل',
    comments: [
      { by: 'layla', says: 'عمل رائع!' },
      { by: 'anna', says: 'Монтаж начнём в понедельник.' },
    ],
  },
  {
    name: 'Website relaunch',
    members: ['sam', 'omar'],
    status: 'review',
    progress: 90,
    milestone: 'Accessibility review',
    comments: [{ by: 'omar', says: 'The new checkout is much faster.' }],
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
    private readonly support: SupportService,
    private readonly cannedReplies: CannedRepliesService,
    private readonly social: SocialDemo,
    private readonly projects: ProjectsService,
    private readonly orders: OrdersService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.settings.DEMO_DATA || (await this.users.any())) return;
    const logins = await Promise.all(USERS.map((user) => this.#makeUser(user)));
    for (const chat of CHATS) await this.#makeChat(chat);
    for (const ticket of TICKETS) await this.#makeTicket(ticket);
    for (const reply of CANNED_REPLIES) await this.cannedReplies.create('layla', reply);
    await this.social.make();
    for (const project of PROJECTS) await this.#makeProject(project);
    for (const order of ORDERS) await this.#makeOrder(order);
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

  async #makeTicket({ owner, subject, priority, messages: [first, ...others], outcome }: DemoTicket): Promise<void> {
    const { user } = await this.users.profile(owner);
    const { ticket } = await this.support.create(user, { subject, priority, message: first!.says, attachments: [] });
    for (const { by, says, note = false } of others) {
      await this.support.send(by, ticket.id, { message: says, attachments: [], isInternal: note });
    }
    if (outcome) await this.support.change(outcome.by, ticket.id, outcome);
  }

  async #makeProject({ name, members, status, progress, milestone, comments }: DemoProject): Promise<void> {
    const creator = { userId: members[0] };
    const { id } = await this.projects.create(creator, { name, member_ids: [...members] });
    await this.projects.setStatus(creator, id, status);
    await this.projects.setProgress(creator, id, { progress, milestone });
    for (const { by, says } of comments) await this.projects.comment({ userId: by }, id, { comment: says, attachments: [] });
  }

  async #makeOrder({ handled, ...draft }: DemoOrder): Promise<void> {
    const shop = { id: 'demo', userId: null, isKey: true };
    const { order } = await this.orders.create(shop, draft);
    if (!handled) return;
    await this.orders.acknowledge(handled.by, order.id);
    for (const status of handled.steps) await this.orders.setStatus(shop, order.id, status);
  }
}
