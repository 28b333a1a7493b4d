import { Injectable, type OnModuleInit } from '@nestjs/common';
import { WriteQueue } from '../../log/write-queue.ts';
import { Scheduler } from '../../scheduling/scheduler.ts';
import { chatStream } from '../chats/chat-id.ts';
import { ChatsService } from '../chats/chats.service.ts';
import type { MessageRecord } from '../chats/message-record.ts';
import { MessagesService } from '../chats/messages.service.ts';
import { NotificationsService, type Notice } from '../notifications/notifications.service.ts';
import { excerpt } from '../notifications/wording.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { userStream } from '../users/user-stream.ts';
import { MentionsService } from './mentions.service.ts';
import { socialNotice } from './social-notices.ts';

// With 50 mentions in each, as many notifications as are raised at once.
const PORTION = 20;

/**
 * Notifies members of a chat who are mentioned in it, behind the messages and out of their way: a commit only notes which messages may
 * mention somebody, and the note leaves the store with the notifications, in one transaction.
 */
@Injectable()
export class ChatMentions implements OnModuleInit {
  readonly #queue: WriteQueue;
  readonly #scheduler: Scheduler;
  readonly #chats: ChatsService;
  readonly #messages: MessagesService;
  readonly #mentions: MentionsService;
  readonly #users: UserDirectory;
  readonly #notifications: NotificationsService;

  constructor(
    queue: WriteQueue,
    scheduler: Scheduler,
    chats: ChatsService,
    messages: MessagesService,
    mentions: MentionsService,
    users: UserDirectory,
    notifications: NotificationsService,
  ) {
    this.#queue = queue;
    this.#scheduler = scheduler;
    this.#chats = chats;
    this.#messages = messages;
    this.#mentions = mentions;
    this.#users = users;
    this.#notifications = notifications;
  }

  onModuleInit(): void {
    const lookAt = this.#scheduler.add({
      name: 'chat-mentions',
      next: async () => ((await this.#messages.mayMention(1)).length > 0 ? Date.now() : undefined),
      doSome: () => this.#notifySome(),
    });
    this.#messages.onMayMention(() => lookAt(Date.now()));
    this.#messages.onDeletion((tx, messageId) => this.#notifications.eraseQuotes(tx, messageId));
  }

  async #notifySome(): Promise<void> {
    const messages = await this.#messages.mayMention(PORTION);
    if (messages.length === 0) return;
    const notices = await Promise.all(messages.map((message) => this.#noticesOf(message)));
    const users = notices.flat().map(({ userId }) => userStream(userId));
    // With the chats' locks no message is deleted or edited between the look at it and the notification.
    const streams = new Set([...users, ...messages.map(({ chatId }) => chatStream(chatId))]);
    await this.#queue.run([...streams], async (tx) => {
      const claimed = await this.#messages.claimMayMention(tx, messages);
      await this.#notifications.raise(
        tx,
        notices.flatMap((of, i) => (claimed.has(messages[i]!.id) ? of : [])),
      );
    });
  }

  async #noticesOf({ id, chatId, senderId, content }: MessageRecord): Promise<Notice[]> {
    const by = await this.#users.load(senderId);
    // Deleted, or its sender erased, since.
    if (content === '' || !by || by.erased) return [];
    const members = await this.#chats.membersOf(chatId);
    const mentioned = await this.#mentions.mentionedIn(content, senderId, (userId) => members.has(userId));
    const muted = await this.#chats.mutedBy(
      chatId,
      mentioned.map(({ id: userId }) => userId),
    );
    const listening = mentioned.filter(({ id: userId }) => !muted.has(userId));
    return listening.flatMap((to) =>
      socialNotice('mention', { to, by, text: excerpt(content) }, { chat_id: chatId, message_id: id }).map((notice) => ({
        ...notice,
        quotedMessageId: id,
      })),
    );
  }
}
