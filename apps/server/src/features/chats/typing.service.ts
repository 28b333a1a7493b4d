import { Injectable } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { OngoingTyping } from '../../realtime/ongoing-typing.ts';
import { UserDirectory } from '../users/user-directory.ts';
import { ChatsService } from './chats.service.ts';

/** Somebody types in a chat, or stopped. */
export interface Typing {
  chatId: string;
  userId: string;
  userName: string;
  isTyping: boolean;
  /** The socket that types, which is not told itself. */
  sessionId: string;
}

/** Who is typing in which chat. */
@Injectable()
export class TypingService {
  readonly #chats: ChatsService;
  readonly #users: UserDirectory;
  readonly #listeners: ((typing: Typing) => void)[] = [];
  readonly #ongoing = new OngoingTyping<Typing>((typing) => this.#tell({ ...typing, isTyping: false }));

  constructor(chats: ChatsService, users: UserDirectory) {
    this.#chats = chats;
    this.#users = users;
  }

  /** Calls `listener` with what the others in a chat are to be told. */
  onTyping(listener: (typing: Typing) => void): void {
    this.#listeners.push(listener);
  }

  /** A member's socket says that it types, or stopped. @throws Failure CHAT_NOT_FOUND, FORBIDDEN */
  async set(session: { id: string; userId: string }, chatId: string, isTyping: boolean): Promise<void> {
    // Everything that may wait comes first and is the same for both: an end that follows its beginning at once must not overtake it.
    const [chat, user] = await Promise.all([this.#chats.ofMember(session.userId, chatId), this.#users.load(session.userId)]);
    if (chat.members.size > LIMITS.typingUpToMembers) return;
    const wasTyping = this.#ongoing.end(session.id, chatId) !== undefined;
    if (!isTyping && !wasTyping) return;
    const typing: Typing = { chatId, userId: session.userId, userName: user?.name ?? '', isTyping, sessionId: session.id };
    if (isTyping) this.#ongoing.begin(session.id, chatId, typing);
    this.#tell(typing);
  }

  /** Ends whatever a socket was typing: it is gone. */
  disconnected(sessionId: string): void {
    this.#ongoing.disconnected(sessionId);
  }

  #tell(typing: Typing): void {
    for (const listener of this.#listeners) listener(typing);
  }
}
