import { expect, test } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { ChatDirectory } from '../../src/features/chats/chat-directory.ts';
import { SEND } from '../../src/features/chats/send-command.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { makeGroup, makeUsers, onServers } from '../support/chats.ts';

onServers('a chat that is loaded while it is being used', (server) => {
  /** A chat that memory does not have, and how it is loaded, with its reading in the test's hands. */
  async function setUp(around: (read: () => Promise<unknown>) => Promise<unknown>) {
    const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
    const { id } = await makeGroup(server(), anna, boris);
    const { app } = server();
    const directory = app.get(ChatDirectory, { strict: false });
    const storage = app.get<Storage>(STORAGE, { strict: false });
    const chat = await directory.get(id);
    directory.forget(id);
    const load = async () => {
      const snapshot = storage.snapshot;
      Object.assign(storage, { snapshot: (work: never) => around(() => snapshot(work)) });
      return directory.get(id).finally(() => Object.assign(storage, { snapshot }));
    };
    return { anna, boris, chat, directory, load, queue: app.get(WriteQueue, { strict: false }) };
  }

  test('what was said after it was read and before it is kept is known', async () => {
    const [read, said] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { anna, chat, directory, load, queue } = await setUp(async (reading) => {
      const result = await reading();
      read.resolve();
      await said.promise;
      return result;
    });
    const loading = load();
    await read.promise;
    const sender = { senderId: anna, senderName: 'Anna', senderAvatar: null, clientMessageId: null, replyTo: null };
    const draft = { id: uuidv7(), chatId: chat.id, type: 'text', content: 'x', metadata: {}, ...sender } as const;
    await queue.execute(SEND, { chat, mayMention: false, draft });
    said.resolve();
    expect(await loading).toMatchObject({ version: 1, lastSeq: 1 });
    // The next one follows it.
    await queue.execute(SEND, { chat, mayMention: false, draft: { ...draft, id: uuidv7() } });
    expect(directory.known(chat.id)).toMatchObject({ version: 2, lastSeq: 2 });
  });

  test('that receipts are stored whenever it waits for a connection keeps it waiting no longer', async () => {
    let reads = 0;
    const { boris, chat, directory, load } = await setUp(async (reading) => {
      if (++reads > 3) throw new Error('still reading');
      directory.unstored(chat.id, boris, { watermark: 0, ahead: [] });
      await directory.storeUnstored(async () => undefined);
      return reading();
    });
    expect(await load()).toMatchObject({ id: chat.id });
    expect(reads).toBe(1);
  });
});
