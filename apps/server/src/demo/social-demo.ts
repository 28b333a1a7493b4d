import { Injectable } from '@nestjs/common';
import { BookingsService } from '../features/bookings/bookings.service.ts';
import { FollowsService } from '../features/social/follows.service.ts';
import { FriendsService } from '../features/social/friends.service.ts';
import { PostsService } from '../features/social/posts.service.ts';
import { ReviewsService } from '../features/social/reviews.service.ts';
import { UsersService } from '../features/users/users.service.ts';

interface DemoPost {
  by: string;
  content: string;
  likedBy?: readonly string[];
  /** Who said what of it, in order. */
  comments?: readonly (readonly [string, string])[];
  repostedBy?: string;
}

const FOLLOWS = [
  ['maria', 'anna'],
  ['sam', 'anna'],
  ['anna', 'omar'],
] as const;

const POSTS: readonly DemoPost[] = [
  {
    by: 'anna',
    content: 'Новая палитра уже в студии: двенадцать оттенков, от пудры до вишни.',
    likedBy: ['maria', 'sam', 'layla'],
    comments: [
      ['maria', 'Какая красота! В пятницу хочу вишнёвый.'],
      ['anna', 'Оставлю для вас, @maria'],
    ],
    repostedBy: 'layla',
  },
  {
    by: 'layla',
    content: 'شكرا لفريق الدعم على سرعة الرد هذا الأسبوع، وخصوصا @omar',
    likedBy: ['omar', 'anna'],
  },
  { by: 'sam', content: 'My order arrived a day early. With the charger this time!', comments: [['layla', 'Glad to hear it, Sam.']] },
];

const DAY_MS = 86_400_000;

/** What people post, say of it, and are to each other; the notifications come of it. */
@Injectable()
export class SocialDemo {
  constructor(
    private readonly users: UsersService,
    private readonly posts: PostsService,
    private readonly follows: FollowsService,
    private readonly friends: FriendsService,
    private readonly reviews: ReviewsService,
    private readonly bookings: BookingsService,
  ) {}

  async make(): Promise<void> {
    for (const [user, author] of FOLLOWS) await this.follows.follow(user, author);
    for (const post of POSTS) await this.#makePost(post);
    const { request } = await this.friends.request(await this.#user('sam'), 'maria');
    await this.friends.accept(await this.#user('maria'), request.id);
    await this.friends.request(await this.#user('layla'), 'sam');
    const maria = await this.#user('maria');
    const visit = { master_id: 'anna', service_name: 'Маникюр', duration: 60, price: 2_000 };
    const { id } = await this.bookings.request(maria, { ...visit, starts_at: new Date(Date.now() + 3 * DAY_MS).toISOString() });
    await this.bookings.confirm(await this.#user('anna'), id);
    await this.reviews.create(maria, { user_id: 'anna', rating: 5, content: 'Аккуратно, быстро и с душой.' });
  }

  async #makePost({ by, content, likedBy = [], comments = [], repostedBy }: DemoPost): Promise<void> {
    const { id } = await this.posts.create(await this.#user(by), { content });
    for (const user of likedBy) await this.posts.setLiked(await this.#user(user), id, true);
    for (const [user, says] of comments) await this.posts.comment(await this.#user(user), id, says);
    if (repostedBy !== undefined) await this.posts.repost(await this.#user(repostedBy), id, '');
  }

  async #user(id: string) {
    return (await this.users.profile(id)).user;
  }
}
