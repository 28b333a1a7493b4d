import { Injectable } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { busKind, NodeBus } from '../../cluster/node-bus.ts';
import { OngoingTyping, type SocketTyping } from '../../realtime/ongoing-typing.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { chatStream } from './chat-id.ts';
import { ChatsService } from './chats.service.ts';

/** Somebody types in a chat, or stopped. */
export interface Typing extends SocketTyping {
  chatId: string;
  userName: string;
}

/** Who is typing in which chat. */
@Injectable()
export class TypingService {
  readonly #chats: ChatsService;
  readonly #users: UserDirectory;
  readonly #ongoing: OngoingTyping<Typing>;

  constructor(chats: ChatsService, users: UserDirectory, bus: NodeBus) {
    this.#chats = chats;
    this.#users = users;
    this.#ongoing = new OngoingTyping(
      bus,
      busKind<Typing>('chats.typing'),
      ({ chatId }) => chatId,
      ({ chatId }) => chatStream(chatId),
    );
  }

  /** Calls `listener` with what the others in a chat are to be told. */
  onTyping(listener: (typing: Typing) => void): void {
    this.#ongoing.onTyping(listener);
  }

  /** A member's socket says that it types, or stopped. @throws Failure CHAT_NOT_FOUND, FORBIDDEN */
  async set(session: { id: string; userId: string }, chatId: string, isTyping: boolean): Promise<void> {
    // Everything that may wait comes first and is the same for both: an end that follows its beginning at once must not overtake it.
    const [chat, user] = await Promise.all([this.#chats.ofMember(session.userId, chatId), this.#users.load(session.userId)]);
    if (chat.members.size > LIMITS.typingUpToMembers || chat.blocked?.has(session.userId)) return;
    this.#ongoing.set({ chatId, userId: session.userId, userName: user?.name ?? '', isTyping, sessionId: session.id });
  }

  /** Ends whatever a socket was typing: it is gone. */
  disconnected(sessionId: string): void {
    this.#ongoing.disconnected(sessionId);
  }
}
