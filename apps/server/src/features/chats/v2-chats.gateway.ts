import { LIMITS, v2, type PayloadOf } from '@majlis/contract';
import { Failure, invalid } from '../../errors.ts';
import { errorBody } from '../../realtime/error-body.ts';
import { Gateway, On } from '../../realtime/gateway.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { chatStream } from './chat-id.ts';
import { ChatsService } from './chats.service.ts';
import { MessagesService } from './messages.service.ts';
import { ReadingService } from './reading.service.ts';
import { TypingService } from './typing.service.ts';
import { isoTime } from '../../iso-time.ts';
import { toV2Message } from './v2-shapes.ts';

const { clientEvents } = v2;

/** Chats as the v2 document's clients speak of them, on `/`. */
@Gateway('/')
export class V2ChatsGateway {
  constructor(
    private readonly chats: ChatsService,
    private readonly messages: MessagesService,
    private readonly reading: ReadingService,
    private readonly typists: TypingService,
    private readonly sessions: SessionRegistry,
  ) {}

  @On(clientEvents.chatJoin)
  async join(session: Session, { chat_id }: PayloadOf<typeof clientEvents.chatJoin>) {
    await this.chats.ofMember(session.userId, chat_id);
    (session.joined ??= new Set()).add(chatStream(chat_id));
    session.left?.delete(chatStream(chat_id));
    this.sessions.changed(session);
    return { status: 'joined' as const, chat_id };
  }

  @On(clientEvents.chatLeave)
  async leave(session: Session, { chat_id }: PayloadOf<typeof clientEvents.chatLeave>) {
    await this.chats.ofMember(session.userId, chat_id);
    session.joined?.delete(chatStream(chat_id));
    (session.left ??= new Set()).add(chatStream(chat_id));
    this.sessions.changed(session);
    return { status: 'left' as const, chat_id };
  }

  @On(clientEvents.messageSend)
  async send(session: Session, payload: PayloadOf<typeof clientEvents.messageSend>) {
    const { messageId, createdAt, seq } = await this.messages.send(session.userId, payload.chat_id, payload);
    return { status: 'sent' as const, message_id: messageId, created_at: isoTime(createdAt), seq };
  }

  @On(clientEvents.typing)
  async typing(session: Session, { chat_id, is_typing }: PayloadOf<typeof clientEvents.typing>) {
    await this.typists.set(session, chat_id, is_typing);
    return { status: 'ok' as const };
  }

  @On(clientEvents.messageRead)
  async read(session: Session, { chat_id, message_id }: PayloadOf<typeof clientEvents.messageRead>) {
    const readAt = await this.reading.read({ userId: session.userId, sessionId: session.id }, chat_id, message_id);
    return { status: 'ok' as const, read_at: isoTime(readAt) };
  }

  @On(clientEvents.messageEdit)
  async edit(session: Session, { chat_id, message_id, content }: PayloadOf<typeof clientEvents.messageEdit>) {
    const message = await this.messages.edit(await this.chats.actor(session.userId), chat_id, message_id, content);
    return { status: 'ok' as const, edited_at: isoTime(message.editedAt!) };
  }

  @On(clientEvents.messageDelete)
  async remove(session: Session, { chat_id, message_id }: PayloadOf<typeof clientEvents.messageDelete>) {
    await this.messages.remove(await this.chats.actor(session.userId), chat_id, message_id);
    return { status: 'ok' as const };
  }

  @On(clientEvents.messageReact)
  async react(session: Session, { chat_id, message_id, emoji, on }: PayloadOf<typeof clientEvents.messageReact>) {
    await this.messages.react(await this.chats.actor(session.userId), chat_id, message_id, emoji, on);
    return { status: 'ok' as const };
  }

  @On(clientEvents.chatSync)
  async chatSync(session: Session, { chats }: PayloadOf<typeof clientEvents.chatSync>) {
    const asked = Object.entries(chats);
    if (asked.length > LIMITS.syncStreams) throw invalid('chats', `must name at most ${LIMITS.syncStreams} chats`);
    const answer: Record<string, { messages: v2.Message[]; last_seq: number; has_more: boolean } | { error: v2.ErrorBody }> = {};
    const room = { messages: LIMITS.syncEvents, bytes: LIMITS.syncBytes };
    for (const [chatId, lastSeq] of asked) {
      try {
        const page = await this.messages.after(session.userId, chatId, lastSeq, room);
        const messages = page.messages.map(({ message, status }) => toV2Message(message, status));
        answer[chatId] = { messages, last_seq: page.lastSeq, has_more: page.hasMore };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        answer[chatId] = { error: errorBody(error, session.locale, clientEvents.chatSync.name) };
      }
    }
    return { chats: answer };
  }
}
