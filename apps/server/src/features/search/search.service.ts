import { Inject, Injectable } from '@nestjs/common';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Storage } from '../../storage/storage.ts';
import { ChatsService } from '../chats/chats.service.ts';
import { MessagesService, type MessageView } from '../chats/messages.service.ts';
import { wordsOf } from './fold.ts';
import { SearchIndexer } from './search-indexer.ts';
import { findMessages } from './search.repository.ts';

/** What to look for, and from where on. */
export interface MessageSearch {
  text: string;
  /** Only in this chat. */
  chatId?: string | undefined;
  /** `next` of the page before. */
  before?: number | undefined;
  limit: number;
}

/** Messages, the newest first. */
export interface FoundMessages {
  messages: MessageView[];
  /** Where the next page begins; undefined after the last one. */
  next: number | undefined;
}

/** Finds messages by their words. */
@Injectable()
export class SearchService {
  readonly #storage: Storage;
  readonly #indexer: SearchIndexer;
  readonly #chats: ChatsService;
  readonly #messages: MessagesService;

  constructor(@Inject(STORAGE) storage: Storage, indexer: SearchIndexer, chats: ChatsService, messages: MessagesService) {
    this.#storage = storage;
    this.#indexer = indexer;
    this.#chats = chats;
    this.#messages = messages;
  }

  /**
   * The messages in a user's chats that have all the words of a text, the last of which may be a beginning. What was acknowledged before is found.
   * @throws Failure CHAT_NOT_FOUND, FORBIDDEN, UNAVAILABLE
   */
  async messages(userId: string, { text, chatId, before, limit }: MessageSearch): Promise<FoundMessages> {
    if (chatId !== undefined) await this.#chats.ofMember(userId, chatId);
    const words = wordsOf(text);
    if (words.length === 0) return { messages: [], next: undefined };
    await this.#indexer.catchUp(userId, chatId);
    const found = await findMessages(this.#storage, { userId, words, chatId, before, limit: limit + 1 });
    const page = found.slice(0, limit);
    const messages = await this.#messages.byIds(
      userId,
      page.map(({ messageId }) => messageId),
    );
    return {
      // One may have been deleted since it was found.
      messages: messages.filter(({ message }) => message.deletedAt === null),
      next: found.length > limit ? page.at(-1)!.position : undefined,
    };
  }
}
