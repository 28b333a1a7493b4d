import { pino } from 'pino';
import { NodeBus } from '../../src/cluster/node-bus.ts';
import { ChatDirectory } from '../../src/features/chats/chat-directory.ts';
import { ChatsService } from '../../src/features/chats/chats.service.ts';
import { MessagesService } from '../../src/features/chats/messages.service.ts';
import { ReceiptsService } from '../../src/features/chats/receipts.service.ts';
import { SearchIndexer } from '../../src/features/search/search-indexer.ts';
import { SearchService } from '../../src/features/search/search.service.ts';
import { BlocksService } from '../../src/features/users/blocks.service.ts';
import { UserDirectory } from '../../src/features/users/user-directory.ts';
import { Follower } from '../../src/log/follower.ts';
import { readEntries } from '../../src/log/stream-log.repository.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import type { Storage } from '../../src/storage/storage.ts';

/** The part of a node that search needs, on a storage. */
export interface SearchNode {
  chats: ChatsService;
  messages: MessagesService;
  indexer: SearchIndexer;
  search: SearchService;
  queue: WriteQueue;
  /** Warnings and worse, as logged. */
  warnings: string[];
}

export function searchNode(storage: Storage): SearchNode {
  const warnings: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line) => void warnings.push(line) });
  const follower = new Follower(async (stream, version, limit) => await readEntries(storage.db, stream, version, limit));
  const queue = new WriteQueue(storage, follower);
  const users = new UserDirectory(storage, follower);
  const blocks = new BlocksService(storage, queue, users);
  const directory = new ChatDirectory(storage, follower, blocks);
  const chats = new ChatsService(storage, queue, directory, users, blocks);
  const messages = new MessagesService(
    storage,
    queue,
    directory,
    chats,
    new ReceiptsService(queue, directory, new NodeBus(undefined, logger)),
    users,
  );
  const indexer = new SearchIndexer(storage, queue, follower, logger);
  return { chats, messages, indexer, search: new SearchService(storage, indexer, chats, messages), queue, warnings };
}
