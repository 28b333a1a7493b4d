import { Injectable } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { UserDirectory } from '../users/user-directory.ts';
import { ChatsService } from './chats.service.ts';

/** Somebody types in a chat, or stopped. */
export interface Typing {
  chatId: string;
  userId: string;
  userName: string;
  isTyping: boolean;
  /** The typist's socket, which is not told itself. */
  sessionId: string;
}

interface Ongoing {
  typing: Typing;
  timer: NodeJS.Timeout;
}

/** Who is typing where. Nothing of it is stored; what is not renewed ends after 6 s, on every surface. */
@Injectable()
export class TypingService {
  readonly #chats: ChatsService;
  readonly #users: UserDirectory;
  readonly #listeners: ((typing: Typing) => void)[] = [];
  /** By socket and chat: a user may type on two devices. */
  readonly #ongoing = new Map<string, Map<string, Ongoing>>();

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
    const wasTyping = this.#end(session.id, chatId) !== undefined;
    if (!isTyping && !wasTyping) return;
    const typing: Typing = { chatId, userId: session.userId, userName: user?.name ?? '', isTyping, sessionId: session.id };
    if (isTyping) this.#begin(session.id, typing);
    this.#tell(typing);
  }

  /** Ends whatever a socket was typing: it is gone. */
  disconnected(sessionId: string): void {
    for (const chatId of this.#ongoing.get(sessionId)?.keys() ?? []) this.#endByServer(sessionId, chatId);
  }

  #begin(sessionId: string, typing: Typing): void {
    let chats = this.#ongoing.get(sessionId);
    if (!chats) this.#ongoing.set(sessionId, (chats = new Map()));
    const timer = setTimeout(() => this.#endByServer(sessionId, typing.chatId), LIMITS.typingTtlMs);
    chats.set(typing.chatId, { typing, timer });
  }

  #end(sessionId: string, chatId: string): Typing | undefined {
    const chats = this.#ongoing.get(sessionId);
    const ongoing = chats?.get(chatId);
    if (!chats || !ongoing) return undefined;
    clearTimeout(ongoing.timer);
    chats.delete(chatId);
    if (chats.size === 0) this.#ongoing.delete(sessionId);
    return ongoing.typing;
  }

  #endByServer(sessionId: string, chatId: string): void {
    const typing = this.#end(sessionId, chatId);
    if (typing) this.#tell({ ...typing, isTyping: false });
  }

  #tell(typing: Typing): void {
    for (const listener of this.#listeners) listener(typing);
  }
}
