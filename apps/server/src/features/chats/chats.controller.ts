import { Controller, Res } from '@nestjs/common';
import { v2, type InputOf } from '@majlis/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Caller, type UserCaller } from '../../http/caller.ts';
import { cursorsOf } from '../../http/cursor.ts';
import { Endpoint, Input } from '../../http/endpoint.ts';
import { ChatsService, type ChatView } from './chats.service.ts';
import { isoTime } from '../../iso-time.ts';
import { toV2Chat, toV2Message } from './v2-shapes.ts';

const { chatRoutes } = v2;

const chatCursors = cursorsOf('chats', z.object({ activeAt: z.number(), id: z.string() }));
const memberCursors = cursorsOf('chat-members', z.object({ joinedAt: z.number(), userId: z.string() }));

// The status is more than `sent` only to the sender who asks for the message itself.
function present({ chat, version, unreadCount, lastMessage, mutedUntil }: ChatView): v2.Chat {
  return toV2Chat(chat, version, { unreadCount, lastMessage: lastMessage && toV2Message(lastMessage), mutedUntil });
}

/** Chats by REST `/api/v2`. */
@Controller()
export class ChatsController {
  constructor(private readonly chats: ChatsService) {}

  @Endpoint(chatRoutes.create)
  async create(
    @Caller() caller: UserCaller,
    @Input() { body }: InputOf<typeof chatRoutes.create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { view, created } = await this.chats.create(caller, body);
    if (!created) reply.status(200);
    return present(view);
  }

  @Endpoint(chatRoutes.list)
  async list(@Caller() caller: UserCaller, @Input() { query }: InputOf<typeof chatRoutes.list>) {
    const found = await this.chats.list(caller.userId, { before: chatCursors.decode(query.cursor), limit: query.limit + 1 });
    const page = found.slice(0, query.limit);
    const last = found.length > page.length ? page.at(-1) : undefined;
    return { data: page.map(present), next_cursor: chatCursors.encode(last && { activeAt: last.activeAt, id: last.chat.id }) };
  }

  @Endpoint(chatRoutes.get)
  async get(@Caller() caller: UserCaller, @Input() { params }: InputOf<typeof chatRoutes.get>) {
    return present(await this.chats.get(caller, params.id));
  }

  @Endpoint(chatRoutes.patch)
  async patch(@Caller() caller: UserCaller, @Input() { params, body }: InputOf<typeof chatRoutes.patch>) {
    if (body.title === undefined) return present(await this.chats.get(caller, params.id));
    return present(await this.chats.rename(caller, params.id, body.title));
  }

  @Endpoint(chatRoutes.members)
  async members(@Caller() caller: UserCaller, @Input() { params, query }: InputOf<typeof chatRoutes.members>) {
    const found = await this.chats.members(caller, params.id, { after: memberCursors.decode(query.cursor), limit: query.limit + 1 });
    const page = found.slice(0, query.limit);
    const last = found.length > page.length ? page.at(-1) : undefined;
    const data = page.map((member) => ({
      user_id: member.userId,
      name: member.name,
      avatar: member.avatar,
      joined_at: isoTime(member.joinedAt),
    }));
    return { data, next_cursor: memberCursors.encode(last && { joinedAt: last.joinedAt, userId: last.userId }) };
  }

  @Endpoint(chatRoutes.addMembers)
  async addMembers(
    @Caller() caller: UserCaller,
    @Input() { params, body }: InputOf<typeof chatRoutes.addMembers>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { view, added } = await this.chats.addMembers(caller, params.id, body.user_ids);
    if (!added) reply.status(200);
    return present(view);
  }

  @Endpoint(chatRoutes.removeMember)
  async removeMember(@Caller() caller: UserCaller, @Input() { params }: InputOf<typeof chatRoutes.removeMember>): Promise<void> {
    await this.chats.removeMember(caller, params.id, params.user_id);
  }

  @Endpoint(chatRoutes.mute)
  async mute(@Caller() caller: UserCaller, @Input() { params, body }: InputOf<typeof chatRoutes.mute>) {
    const until = body.until === null ? null : Date.parse(body.until);
    await this.chats.mute(caller, params.id, until);
    return { muted_until: until === null ? null : isoTime(until) };
  }
}
