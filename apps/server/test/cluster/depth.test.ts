import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ChatDirectory } from '../../src/features/chats/chat-directory.ts';
import { joined, depthClient, makeConversation, makeDialogue } from '../depth/depth.ts';
import { caughtUp, say, v2Client } from '../support/chats.ts';
import type { TestServer } from '../support/server.ts';
import { closeClients } from '../support/sockets.ts';
import { CLUSTER_MISSING, linked, startCluster, type Cluster } from './cluster.ts';

describe.skipIf(CLUSTER_MISSING)('Depth over nodes', () => {
  let cluster: Cluster;
  let a: TestServer;
  let b: TestServer;
  beforeAll(async () => {
    cluster = await startCluster();
    [a, b] = await Promise.all([cluster.start(), cluster.start()]);
    await linked(a, b);
  });
  afterAll(() => cluster.stop());
  afterEach(closeClients);

  test('"A message sent on `/` arrives on `/chat` in both families and the reverse, each once, with receipts and typing crossing too"', async () => {
    const { anna, boris, clara, id } = await makeConversation(a);
    const onRoot = await v2Client(a, anna);
    const inConversation = await joined(b, clara, id);
    const inChat = await joined(b, boris, id, 'chat:join');
    const here = await joined(a, boris, id);
    const { message_id } = await say(onRoot, id, 'from a');
    await inConversation.ask('message:send', { conversationId: id, content: 'from b' });
    for (const [client, name] of [
      [onRoot, 'chat:message:new'],
      [inChat, 'chat:message'],
      [inConversation, 'message:new'],
      [here, 'message:new'],
    ] as const) {
      await client.count(name, 2);
      expect(client.of(name).map(({ content, version }) => [version as number, content as string])).toEqual([
        [1, 'from a'],
        [2, 'from b'],
      ]);
    }
    await inChat.ask('chat:typing', { conversationId: id, isTyping: true });
    expect(await onRoot.next('chat:typing')).toMatchObject({ chat_id: id, user_id: boris, is_typing: true });
    expect(await here.next('user:typing')).toEqual({ userId: boris, userName: 'Boris', conversationId: id, isTyping: true });
    inChat.close();
    await here.next('user:typing', ({ isTyping }) => !isTyping);
    const { data } = await inConversation.ask('message:read', { conversationId: id, messageId: message_id });
    expect(await onRoot.next('chat:message:read')).toMatchObject({ message_id, read_by: clara, read_at: data.readAt });
    expect(await here.next('message:read')).toEqual({ conversationId: id, messageId: message_id, userId: clara, readAt: data.readAt });
    await caughtUp(onRoot, here, inConversation);
    for (const name of ['chat:message:new', 'chat:message:read']) expect(onRoot.of(name).length).toBe(name === 'chat:message:new' ? 2 : 1);
    expect(here.of('message:new')).toHaveLength(2);
    expect(inConversation.of('message:read')).toEqual([]);
  });

  test('`private:message` on the node of the recipient, which tells the sender on another that it was delivered', async () => {
    const { anna, boris, id } = await makeDialogue(a);
    const [onRoot, fresh, here] = [await v2Client(a, anna), await depthClient(b, boris), await depthClient(a, boris)];
    const { message_id } = await say(onRoot, id, 'psst');
    for (const client of [fresh, here]) expect(await client.next('private:message')).toMatchObject({ id: message_id, content: 'psst' });
    here.close();
    // As after Redis was away: memory has dropped the chat, and not who has its sockets.
    b.app.get(ChatDirectory, { strict: false }).forgetAll();
    const second = await say(onRoot, id, 'again');
    await fresh.next('private:message', ({ id: one }) => one === second.message_id);
    expect(await onRoot.next('chat:message:delivered', (receipt) => receipt.message_id === second.message_id)).toMatchObject({
      delivered_to: boris,
    });
    expect(fresh.of('private:message')).toHaveLength(2);
  });
});
