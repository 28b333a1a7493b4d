import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { v2 } from '@majlis/contract';
import { Follower } from '../../log/follower.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { LOGGER } from '../../logger.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import type { DeletedMessage } from '../chats/chat-entries.ts';
import { CHAT_PREFIX } from '../chats/chat-id.ts';
import { MESSAGE_CREATED, type MessageRecord } from '../chats/message-record.ts';
import { mayPush } from '../preferences/preferences-record.ts';
import { PreferencesService } from '../preferences/preferences.service.ts';
import { Presence } from '../users/presence.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { FALLBACK, messagePush } from './push-content.ts';
import { PushQueue, type WantedPush } from './push-queue.service.ts';
import { PushSender } from './push-sender.service.ts';
import { anySubscription, subscribedMembers } from './push.repository.ts';

const CHATS_AT_ONCE = 100;
const MEMBERS_AT_ONCE = 500;

/**
 * Pushes chat messages to members who are offline and did not mute the chat. Sending a message costs nothing for it: what was said is
 * gathered from the log, of each chat the latest, and looked at when it is clear who got it. Every node does so, and the store takes
 * each push once. A crash within those seconds loses the push, not the message;
 * a node that drains looks before it goes.
 */
@Injectable()
export class MessagePushes implements OnApplicationBootstrap, OnModuleDestroy {
  /** By chat: what was said since the last look, and what was said before and is old enough at the next. */
  #fresh = new Map<string, MessageRecord>();
  #aged = new Map<string, MessageRecord>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    @Inject(STORAGE) private readonly storage: Storage,
    private readonly queue: WriteQueue,
    private readonly follower: Follower,
    private readonly presence: Presence,
    private readonly users: UserDirectory,
    private readonly preferences: PreferencesService,
    private readonly pushes: PushQueue,
    private readonly sender: PushSender,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.follower.onEntry(({ kind, data }) => {
      if (kind === MESSAGE_CREATED) this.#said(data as MessageRecord);
      else if (kind === 'message.deleted') this.#deleted(data as DeletedMessage);
    }, CHAT_PREFIX);
  }

  onModuleDestroy(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Looks at all that was said, for a node that goes away: another, or its successor, pushes it. */
  async flush(): Promise<void> {
    const messages = new Map([...this.#aged, ...this.#fresh]);
    this.#aged.clear();
    this.#fresh.clear();
    await this.#pushAll([...messages.values()]);
  }

  #said(message: MessageRecord): void {
    this.#fresh.set(message.chatId, message);
    this.#timer ??= setTimeout(() => void this.#look(), this.pushes.delayMs).unref();
  }

  #deleted({ chatId, messageId }: DeletedMessage): void {
    for (const messages of [this.#fresh, this.#aged]) if (messages.get(chatId)?.id === messageId) messages.delete(chatId);
    void this.pushes.drop(messageId).catch((err: unknown) => this.logger.warn({ err }, 'A message that was deleted may be pushed'));
  }

  async #look(): Promise<void> {
    const messages = [...this.#aged.values()];
    this.#aged = this.#fresh;
    this.#fresh = new Map();
    await this.#pushAll(messages);
    this.#timer = undefined;
    if (!this.#stopped && this.#aged.size + this.#fresh.size > 0)
      this.#timer = setTimeout(() => void this.#look(), this.pushes.delayMs).unref();
  }

  async #pushAll(messages: readonly MessageRecord[]): Promise<void> {
    try {
      for (let i = 0; i < messages.length; i += CHATS_AT_ONCE) await this.#push(messages.slice(i, i + CHATS_AT_ONCE));
    } catch (err) {
      if (!this.#stopped) this.logger.warn({ err }, 'Messages could not be pushed');
    }
  }

  async #push(messages: readonly MessageRecord[]): Promise<void> {
    const { db } = this.storage;
    if (!(await anySubscription(db))) return;
    const byChat = new Map(messages.map((message) => [message.chatId, message]));
    const now = Date.now();
    const away = (await subscribedMembers(db, [...byChat.keys()])).filter((member) => {
      const message = byChat.get(member.chat_id)!;
      const isMuted = member.muted_until !== null && member.muted_until > now;
      const hasIt = member.delivered_seq >= message.seq || this.presence.isOnline(member.user_id);
      return member.user_id !== message.senderId && !isMuted && !hasIt;
    });
    for (let i = 0; i < away.length; i += MEMBERS_AT_ONCE) {
      const part = away.slice(i, i + MEMBERS_AT_ONCE);
      const userIds = part.map((member) => member.user_id);
      const [users, preferencesOf] = await Promise.all([this.users.loadMany(userIds), this.preferences.of(db, userIds)]);
      const wanted = part.flatMap(({ chat_id: chatId, user_id: userId, title }): WantedPush[] => {
        if (!mayPush(preferencesOf(userId), v2.CHAT_MESSAGE, now)) return [];
        const message = byChat.get(chatId)!;
        return [{ userId, message: messagePush(message, title, users.get(userId)?.locale ?? FALLBACK), position: message.seq }];
      });
      if (wanted.length > 0) await this.queue.run([], (tx) => this.pushes.add(tx, wanted, tx.now));
    }
    this.sender.lookAt(Date.now());
  }
}
