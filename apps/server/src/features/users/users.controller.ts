import { Controller } from '@nestjs/common';
import { v2, type AnswerOf, type InputOf } from '@majlis/contract';
import { z } from 'zod';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { isoTime } from '../../iso-time.ts';
import { Presence } from './presence.ts';
import type { StoredProfile } from './user-record.ts';
import { UsersService } from './users.service.ts';
import { toV2User } from './v2-shapes.ts';

const routes = v2.userRoutes;
const cursors = cursorsOf('users', z.tuple([z.int().min(0).max(1), z.string(), z.string()]));

@Controller()
export class UsersController {
  readonly #users: UsersService;
  readonly #presence: Presence;

  constructor(users: UsersService, presence: Presence) {
    this.#users = users;
    this.#presence = presence;
  }

  @Endpoint(routes.put)
  async put(@Input() { params, body }: InputOf<typeof routes.put>): Promise<AnswerOf<typeof routes.put>> {
    return toV2User(await this.#users.put(params.id, body));
  }

  @Endpoint(routes.get)
  async get(@Input() { params }: InputOf<typeof routes.get>): Promise<AnswerOf<typeof routes.get>> {
    return this.#profile(await this.#users.profile(params.id));
  }

  @Endpoint(routes.list)
  async list(@Input() { query: { q, cursor, limit } }: InputOf<typeof routes.list>): Promise<AnswerOf<typeof routes.list>> {
    const { profiles, end } = await this.#users.search(q ?? '', cursors.decode(cursor), limit);
    return { data: profiles.map((profile) => this.#profile(profile)), next_cursor: cursors.encode(end) };
  }

  @Endpoint(routes.remove)
  async remove(@Input() { params }: InputOf<typeof routes.remove>): Promise<void> {
    await this.#users.erase(params.id);
  }

  #profile({ user, lastSeen }: StoredProfile): v2.UserProfile {
    const seen = this.#presence.lastSeen(user.id) ?? lastSeen;
    return { ...toV2User(user), online: this.#presence.isOnline(user.id), last_seen: seen === null ? null : isoTime(seen) };
  }
}
