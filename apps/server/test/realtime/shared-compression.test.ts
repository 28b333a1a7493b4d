import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';
import { expect, onTestFinished, test, vi } from 'vitest';
import { COMPRESS_FROM_BYTES } from '../../src/realtime/frame.ts';
import { makeCrowd, makeGroup, ok } from '../support/chats.ts';
import { rawConnected } from '../support/raw-socket.ts';
import { startOwn } from './chat-server.ts';

/** Watches a function of zlib's, whoever calls it. */
function watch(name: 'deflateRawSync' | 'createDeflateRaw') {
  const spy = vi.spyOn(zlib, name);
  syncBuiltinESMExports();
  onTestFinished(() => {
    spy.mockRestore();
    syncBuiltinESMExports();
  });
  return spy;
}

test('"a broadcast over 1 KiB is compressed once and the same frame sent to all", without a context kept per connection', async () => {
  const server = await startOwn();
  const users = await makeCrowd(server, 20);
  const { id } = await makeGroup(server, users[0]!, ...users.slice(1));
  const sockets = await Promise.all(
    users.map(async (user, i) => {
      const raw = await rawConnected(server.url, { token: server.token(user) }, { perMessageDeflate: true });
      // Half of them by way of Depth: another event, compressed once as well.
      if (i % 2) {
        await raw.join({ token: server.token(user) }, '/chat');
        raw.send(`42/chat,7["chat:join",{"conversationId":"${id}"}]`);
        await raw.next('ack', (ack) => ack[0] === 7);
      }
      return raw;
    }),
  );
  const compressions = watch('deflateRawSync');
  const contexts = watch('createDeflateRaw');
  const content = 'a message of more than 1 KiB '.repeat(140);
  for (let seq = 1; seq <= 3; seq++) {
    ok(await server.api('POST', `/api/v2/chats/${id}/messages`, { as: users[0]!, body: { type: 'text', content: content + seq } }));
    const events = await Promise.all(
      sockets.flatMap((raw, i) => [raw.count('chat:message:new', seq), ...(i % 2 ? [raw.count('chat:message', seq)] : [])]),
    );
    expect(events.flat().every((message) => message.content.startsWith(content))).toBe(true);
    // One frame for `/` and one for `/chat`, however many sockets there are.
    expect(compressions).toHaveBeenCalledTimes(2 * seq);
  }
  expect(contexts).not.toHaveBeenCalled();
  const compressed = sockets.map((raw) => raw.frames().filter((frame) => frame.compressed));
  for (const [i, frames] of compressed.entries()) {
    expect(frames).toHaveLength(i % 2 ? 6 : 3);
    for (const { bytes } of frames) expect(bytes).toBeLessThan(COMPRESS_FROM_BYTES);
  }
});
