import { depth, type PayloadOf } from '@majlis/contract';
import { DEPTH_ON_ROOT, Gateway, On } from '../../realtime/gateway.ts';
import { isoTime } from '../../iso-time.ts';
import type { Session } from '../../realtime/session.ts';
import { SessionRegistry } from '../../realtime/session-registry.ts';
import { chatStream } from './chat-id.ts';
import { ChatsService } from './chats.service.ts';
import type { Family } from './depth-views.projection.ts';
import { toDepthMessage } from './depth-shapes.ts';
import type { MessageType } from './message-record.ts';
import { MessagesService } from './messages.service.ts';
import { ReadingService } from './reading.service.ts';
import { TypingService } from './typing.service.ts';

const { chatClientEvents: events } = depth;

type Place = PayloadOf<typeof events.chatJoin>;

/** What the domain knows the document's types of messages as. */
const TYPES: Readonly<Record<depth.DepthMessageType, MessageType>> = { text: 'text', image: 'photo', file: 'file' };

/** Chats as the Depth document's clients speak of them, in either family of names. */
@Gateway('/chat', DEPTH_ON_ROOT)
export class DepthChatsGateway {
  constructor(
    private readonly chats: ChatsService,
    private readonly messages: MessagesService,
    private readonly reading: ReadingService,
    private readonly typists: TypingService,
    private readonly sessions: SessionRegistry,
  ) {}

  @On(events.chatJoin)
  chatJoin(session: Session, place: Place) {
    return this.#join(session, place, 'chat');
  }

  @On(events.conversationJoin)
  conversationJoin(session: Session, place: Place) {
    return this.#join(session, place, 'conversation');
  }

  @On(events.chatLeave, events.conversationLeave)
  async leave(session: Session, { conversationId }: Place) {
    await this.chats.ofMember(session.userId, conversationId);
    session.joined?.delete(chatStream(conversationId));
    this.sessions.changed(session);
    return { data: { conversationId } };
  }

  @On(events.chatMessage, events.messageSend)
  async send({ userId }: Session, { conversationId, type, content, metadata, clientMessageId, replyTo }: depth.DepthMessageDraft) {
    const draft = { type: TYPES[type], content, metadata, client_message_id: clientMessageId, reply_to: replyTo };
    const { messageId, message } = await this.messages.send(userId, conversationId, draft);
    const view = message ? this.messages.shown(userId, message) : (await this.messages.byIds(userId, [messageId]))[0]!;
    return { data: toDepthMessage(view.message, view.status) };
  }

  @On(events.chatTyping, events.userTyping)
  async typing(session: Session, { conversationId, isTyping }: PayloadOf<typeof events.chatTyping>) {
    await this.typists.set(session, conversationId, isTyping);
    return { data: {} };
  }

  @On(events.chatRead, events.messageRead)
  async read({ id: sessionId, userId }: Session, { conversationId, messageId }: PayloadOf<typeof events.chatRead>) {
    const readAt = await this.reading.read({ userId, sessionId }, conversationId, messageId);
    return { data: { readAt: isoTime(readAt) } };
  }

  @On(events.messageEdit)
  async edit({ userId }: Session, { conversationId, messageId, content }: PayloadOf<typeof events.messageEdit>) {
    const edited = await this.messages.edit(await this.chats.actor(userId), conversationId, messageId, content);
    const { message, status } = this.messages.shown(userId, edited);
    return { data: toDepthMessage(message, status) };
  }

  @On(events.messageDelete)
  async remove({ userId }: Session, { conversationId, messageId }: PayloadOf<typeof events.messageDelete>) {
    await this.messages.remove(await this.chats.actor(userId), conversationId, messageId);
    return { data: { conversationId, messageId } };
  }

  @On(events.messageReact)
  async react({ userId }: Session, { conversationId, messageId, emoji, on }: PayloadOf<typeof events.messageReact>) {
    await this.messages.react(await this.chats.actor(userId), conversationId, messageId, emoji, on);
    return { data: { conversationId, messageId, emoji, on } };
  }

  async #join(session: Session, { conversationId }: Place, family: Family) {
    await this.chats.ofMember(session.userId, conversationId);
    (session.joined ??= new Set()).add(chatStream(conversationId));
    session.family = family;
    this.sessions.changed(session);
    return { data: { conversationId } };
  }
}
