import { Controller, Res } from '@nestjs/common';
import { v2, type AnswerOf, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { AnyCaller, type KnownCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { isoTime } from '../../iso-time.ts';
import { PersonDataService } from './person-data.service.ts';
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
  readonly #personData: PersonDataService;

  constructor(users: UsersService, presence: Presence, personData: PersonDataService) {
    this.#users = users;
    this.#presence = presence;
    this.#personData = personData;
  }

  @Endpoint(routes.put)
  async put(
    @AnyCaller() { actor }: KnownCaller,
    @Input() { params, body }: InputOf<typeof routes.put>,
  ): Promise<AnswerOf<typeof routes.put>> {
    return toV2User(await this.#users.put(params.id, body, actor));
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
  async remove(@AnyCaller() { actor }: KnownCaller, @Input() { params }: InputOf<typeof routes.remove>): Promise<void> {
    await this.#users.erase(actor, params.id);
  }

  @Endpoint(routes.export)
  async export(
    @AnyCaller() caller: KnownCaller,
    @Input() { params }: InputOf<typeof routes.export>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const pieces = await this.#personData.export(caller, params.id);
    await reply.type('application/json; charset=utf-8').header('Cache-Control', 'no-store').send(Readable.from(pieces));
  }

  #profile({ user, lastSeen }: StoredProfile): v2.UserProfile {
    const seen = this.#presence.lastSeen(user.id) ?? lastSeen;
    return { ...toV2User(user), online: this.#presence.isOnline(user.id), last_seen: seen === null ? null : isoTime(seen) };
  }
}
