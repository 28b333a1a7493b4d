import { expect, test } from 'vitest';
import { Failure } from '../../src/errors.ts';
import { Follower } from '../../src/log/follower.ts';
import type { LogEntry } from '../../src/log/log-entry.ts';
import { Publisher } from '../../src/realtime/publisher.ts';
import { SessionRegistry } from '../../src/realtime/session-registry.ts';
import { makeUsers } from '../support/chats.ts';
import { rawConnected } from '../support/raw-socket.ts';
import { connected } from '../support/sockets.ts';
import { TEST_NAMESPACE, startChat } from './chat-server.ts';

test('packets are shared by those who get them in one turn; ending a socket of a shared connection in the middle of it takes nothing from anybody', async () => {
  const { server, amal, bashir, chat_id, text } = await startChat();
  const entries: LogEntry[] = [];
  server.app.get(Follower).onEntry((entry) => entries.push(entry));
  const sender = await connected(server.url, '/', { token: server.token(amal) });
  for (const content of ['1', '2', '3']) await sender.ask('chat:message:send', text(content));
  sender.close();

  const [mixed, other] = await Promise.all([bashir, bashir].map((user) => rawConnected(server.url, { token: server.token(user) })));
  // Of a user whose comings and goings are nothing to the chat.
  const [stranger] = await makeUsers(server, 'stranger');
  mixed!.send(`40${TEST_NAMESPACE},${JSON.stringify({ token: server.token(stranger) })}`);
  await mixed!.count('connected', 2);
  const [first, second, third] = entries.filter(({ stream }) => stream === `chat:${chat_id}`);
  const publisher = server.app.get(Publisher);
  const ending = [...server.app.get(SessionRegistry).of(stranger)][0]!;
  // All in one turn of the event loop.
  publisher.publish(first!);
  ending.end(new Failure('UNAUTHORIZED'));
  publisher.publish(second!);
  publisher.publish(third!);

  for (const one of [mixed!, other!]) {
    await one.next('chat:message:new', ({ content }) => content === '3');
    expect(one.of('chat:message:new').map(({ content }) => content as string)).toEqual(['1', '2', '3']);
  }
  // What came first is first, and whoever is ended hears why before it is.
  const inOrder = mixed!.of('packet').map((packet: string) => /^4[012](?:\/[\w-]+,)?(?:\["[\w:]+)?/.exec(packet)?.[0]);
  expect(inOrder.slice(inOrder.indexOf('42["chat:message:new'))).toEqual([
    '42["chat:message:new',
    `42${TEST_NAMESPACE},["error`,
    `41${TEST_NAMESPACE},`,
    '42["chat:message:new',
    '42["chat:message:new',
  ]);
});
