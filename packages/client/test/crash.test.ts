import { expect, it } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnServer } from '../../../apps/server/test/support/server.ts';
import { connectedSdk, messages, pair } from './support/sdk.ts';

it('a server that is killed and comes back on the same data loses nothing and repeats nothing', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'majlis-crash-'));
  let server = await spawnServer({ DATA_DIR: dataDir, RATE_LIMIT_MAX_EVENTS: '100000' });
  try {
    const { anna, omar, chatId } = await pair(server, 'crash');
    const [a, o] = await Promise.all([connectedSdk(server, server.url, anna), connectedSdk(server, server.url, omar)]);
    const texts = Array.from({ length: 200 }, (_, at) => `${at + 1}`);
    const sending = texts.map((content) => a.majlis.send(chatId, { type: 'text', content }));
    await sending[60];
    await server.kill('SIGKILL');
    await o.seen.next('state', (change) => change.state === 'reconnecting');
    server = await spawnServer({ DATA_DIR: dataDir, PORT: new URL(server.url).port, RATE_LIMIT_MAX_EVENTS: '100000' });
    const acks = await Promise.all(sending);
    expect(acks.map((ack) => ack.seq)).toEqual(texts.map(Number));
    expect(await messages(o.seen, chatId, 200)).toEqual(texts);
    expect(await messages(a.seen, chatId, 200)).toEqual(texts);
    const { body } = await server.api('GET', `/api/v2/chats/${chatId}/messages?limit=200`, { as: omar });
    expect(body.data.map((message: { content: string }) => message.content)).toEqual(texts);
    a.majlis.close();
    o.majlis.close();
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
