import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ChatDirectory } from '../../src/features/chats/chat-directory.ts';
import { closeFeeds, following, newOrder, newStaff, type FeedClient } from '../orders/feed-client.ts';
import { catchUp, heard, upTo } from '../sync/streams.ts';
import { join, makeTicket, openTicket, patchTicket, send, supportClient } from '../tickets/tickets.ts';
import { caughtUp, makeDirect, makeGroup, makeUsers, ok, say, v2Client } from '../support/chats.ts';
import type { TestServer } from '../support/server.ts';
import { closeClients, connected, type Client } from '../support/sockets.ts';
import { CLUSTER_MISSING, linked, startCluster, type Cluster } from './cluster.ts';

const NOTICE = { type: 'mention', title: 'T', body: 'B', data: {} };

describe.skipIf(CLUSTER_MISSING)('"A message sent through any surface reaches every other surface", on three nodes', () => {
  let cluster: Cluster;
  let a: TestServer;
  let b: TestServer;
  let c: TestServer;

  beforeAll(async () => {
    cluster = await startCluster();
    a = await cluster.start();
    [b, c] = await Promise.all([cluster.start(), cluster.start()]);
    await linked(a, b, c);
  });
  afterAll(() => cluster.stop());
  afterEach(() => {
    closeClients();
    closeFeeds();
  });

  /** A group of three, each greeted on a node of their own. */
  async function trio() {
    const [anna, boris, clara] = await makeUsers(a, 'Anna', 'Boris', 'Clara');
    const chat = await makeGroup(a, anna, boris, clara);
    const clients = await Promise.all([v2Client(a, anna), v2Client(b, boris), v2Client(c, clara)]);
    return { anna, boris, clara, chat, stream: `chat:${chat.id}`, clients };
  }

  const reached = (client: Client, stream: string, version: number) =>
    client.until(() => heard(client, stream).find((event) => event.version >= version), `version ${version} of ${stream}`);

  test('every change of a chat, once and in order, with the same payload on every node, as `sync` on any', async () => {
    const { chat, stream, clients, anna } = await trio();
    const [annas, boriss, claras] = clients;
    const first = await say(annas, chat.id, 'one');
    await say(boriss, chat.id, 'two');
    const third = await say(claras, chat.id, 'three', { reply_to: first.message_id });
    await boriss.ask('chat:message:react', { chat_id: chat.id, message_id: first.message_id, emoji: '👍', on: true });
    await annas.ask('chat:message:edit', { chat_id: chat.id, message_id: first.message_id, content: 'one, edited' });
    await claras.ask('chat:message:delete', { chat_id: chat.id, message_id: third.message_id });
    ok(await b.api('PATCH', `/api/v2/chats/${chat.id}`, { as: anna, body: { title: 'Another' } }));
    for (const client of clients) await reached(client, stream, 7);
    await caughtUp(...clients);
    const expected = heard(annas, stream);
    expect(expected.map(({ version }) => version)).toEqual(upTo(1, 7));
    for (const client of [boriss, claras]) expect(heard(client, stream)).toEqual(expected);
  });

  test('200 concurrent sends to one chat from two nodes are gapless and seen in the same order everywhere', async () => {
    const { chat, stream, clients } = await trio();
    const [annas, boriss] = clients;
    const acks = await Promise.all(upTo(1, 200).map((n) => say(n % 2 ? annas : boriss, chat.id, `text ${n}`)));
    expect(acks.map(({ seq }) => seq).toSorted((x, y) => x - y)).toEqual(upTo(1, 200));
    for (const client of clients) {
      await reached(client, stream, 200);
      await caughtUp(client);
      const messages = client.of('chat:message:new');
      expect(messages.map(({ seq }) => seq)).toEqual(upTo(1, 200));
      expect(messages.map(({ version }) => version)).toEqual(upTo(1, 200));
      expect(messages.map(({ id }) => id)).toEqual(annas.of('chat:message:new').map(({ id }) => id));
    }
    const bySeq = new Map(acks.map((ack) => [ack.seq, ack.message_id]));
    for (const { seq, id } of annas.of('chat:message:new')) expect(bySeq.get(seq)).toBe(id);
    // Sends of one socket keep their order.
    for (const sender of [0, 1]) {
      const seqs = acks.filter((_, i) => i % 2 === sender).map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.toSorted((x, y) => x - y));
    }
  });

  test('one `client_message_id` sent on two nodes at once is one message', async () => {
    const { chat, clients, anna } = await trio();
    const annasToo = await v2Client(b, anna);
    const acks = await Promise.all(
      [clients[0], annasToo, clients[0], annasToo].map((client) => say(client, chat.id, 'once', { client_message_id: 'm-1' })),
    );
    expect(new Set(acks.map((ack) => JSON.stringify(ack))).size).toBe(1);
    await say(clients[1], chat.id, 'the barrier');
    for (const client of [...clients, annasToo]) {
      await client.next('chat:message:new', ({ content }) => content === 'the barrier');
      expect(client.of('chat:message:new').map(({ content }) => content)).toEqual(['once', 'the barrier']);
    }
  });

  test('the delivered receipt of a recipient on another node reaches the sender, once for each recipient, wherever both are connected', async () => {
    const { chat, clients, anna, boris, clara } = await trio();
    const [annas] = clients;
    const annasToo = await v2Client(c, anna);
    const borissToo = await v2Client(a, boris);
    const { message_id } = await say(annas, chat.id, 'hello');
    for (const client of [annas, annasToo]) {
      const receipts = await client.count('chat:message:delivered', 2);
      expect(receipts.map(({ delivered_to }) => delivered_to).toSorted()).toEqual([boris, clara].toSorted());
      expect(receipts[0]).toMatchObject({ message_id, chat_id: chat.id });
    }
    const { body } = await b.api('GET', `/api/v2/chats/${chat.id}/messages`, { as: anna });
    expect(body.data[0]).toMatchObject({ id: message_id, status: 'delivered' });
    // Read on one node: the sender hears of it everywhere, the reader's other sockets too, the one that read does not.
    await clients[1].ask('chat:message:read', { chat_id: chat.id, message_id });
    for (const client of [annas, annasToo, borissToo]) {
      expect(await client.next('chat:message:read')).toMatchObject({ message_id, chat_id: chat.id, read_by: boris });
    }
    await caughtUp(...clients, annasToo, borissToo);
    for (const client of [annas, annasToo, borissToo]) expect(client.of('chat:message:read')).toHaveLength(1);
    for (const client of [annas, annasToo]) expect(client.of('chat:message:delivered')).toHaveLength(2);
    expect(clients[1].of('chat:message:read')).toEqual([]);
    const { streams } = await annas.ask('sync', { cursors: { [`chat:${chat.id}`]: 0 } });
    expect(streams[`chat:${chat.id}`].receipts).toMatchObject({
      [boris]: { delivered_seq: 1, read_seq: 1 },
      [clara]: { delivered_seq: 1, read_seq: 0 },
    });
  });

  test('what was fetched on another node by one who was away is delivered too', async () => {
    const [anna, boris] = await makeUsers(a, 'Anna', 'Boris');
    const chat = await makeDirect(a, anna, boris);
    const annas = await v2Client(a, anna);
    const { message_id } = await say(annas, chat.id, 'are you there?');
    ok(await b.api('GET', `/api/v2/chats/${chat.id}/messages`, { as: boris }));
    expect(await annas.next('chat:message:delivered')).toMatchObject({ message_id, delivered_to: boris });
  });

  test('"when the message was written to a connected socket of that recipient": also where memory had dropped the chat', async () => {
    const { chat, clients, boris, clara } = await trio();
    await say(clients[0], chat.id, 'known');
    await clients[0].count('chat:message:delivered', 2);
    // As after Redis was away.
    b.app.get(ChatDirectory, { strict: false }).forgetAll();
    const sent = [await say(clients[0], chat.id, 'one'), await say(clients[0], chat.id, 'two')];
    const told = await clients[0].count('chat:message:delivered', 6);
    expect(told.filter(({ delivered_to }) => delivered_to === boris).map(({ message_id }) => message_id as string)).toEqual([
      expect.any(String),
      ...sent.map(({ message_id }) => message_id),
    ]);
    expect(told.filter(({ delivered_to }) => delivered_to === clara)).toHaveLength(3);
  });

  test('a chat that is made, and its first messages, reach who is connected elsewhere', async () => {
    const [anna, boris] = await makeUsers(a, 'Anna', 'Boris');
    const [annas, boriss] = await Promise.all([v2Client(a, anna), v2Client(b, boris)]);
    for (let round = 0; round < 5; round++) {
      const chat = await makeGroup(c, anna, boris);
      // At once: before the other node can have heard of the chat, let alone subscribed to it.
      await Promise.all([say(annas, chat.id, 'one'), say(annas, chat.id, 'two')]);
      await say(annas, chat.id, 'three');
      await reached(boriss, `chat:${chat.id}`, 3);
      expect(heard(boriss, `chat:${chat.id}`).map(({ version }) => version)).toEqual([1, 2, 3]);
      const order = boriss.all.map(({ event, data }) => `${event} ${data?.chat_id ?? data?.id}`);
      expect(order.indexOf(`chat:created ${chat.id}`)).toBeLessThan(order.indexOf(`chat:message:new ${chat.id}`));
    }
  });

  test('"Being added to a chat or removed from it takes effect on connected sockets at once", on other nodes', async () => {
    const { chat, clients, anna, boris } = await trio();
    const [annas, boriss, claras] = clients;
    const [dora] = await makeUsers(a, 'Dora');
    const doras = await v2Client(b, dora);
    ok(await a.api('POST', `/api/v2/chats/${chat.id}/members`, { as: anna, body: { user_ids: [dora] } }));
    await doras.next('chat:created');
    await say(doras, chat.id, 'here I am');
    await claras.next('chat:message:new');
    expect((await a.api('DELETE', `/api/v2/chats/${chat.id}/members/${boris}`, { as: anna })).status).toBe(204);
    await boriss.next('chat:removed');
    expect(await boriss.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'still here?' })).toMatchObject({
      error: { code: 'FORBIDDEN' },
    });
    for (const node of [a, b, c]) expect((await node.api('GET', `/api/v2/chats/${chat.id}/messages`, { as: boris })).status).toBe(403);
    await say(annas, chat.id, 'among ourselves');
    await doras.next('chat:message:new', ({ content }) => content === 'among ourselves');
    await caughtUp(boriss);
    expect(boriss.of('chat:message:new').map(({ content }) => content)).toEqual(['here I am']);
  });

  test('a node without any socket of a chat does not act on members that it remembers', async () => {
    const [anna, boris] = await makeUsers(a, 'Anna', 'Boris');
    const chat = await makeGroup(a, anna, boris);
    const history = () => b.api('GET', `/api/v2/chats/${chat.id}/messages`, { as: boris });
    expect((await history()).status).toBe(200);
    await a.api('DELETE', `/api/v2/chats/${chat.id}/members/${boris}`, { as: anna });
    expect((await history()).status).toBe(403);
    ok(await a.api('POST', `/api/v2/chats/${chat.id}/members`, { as: anna, body: { user_ids: [boris] } }));
    expect((await history()).status).toBe(200);
    // And from what it remembers it makes no audience.
    const boriss = await v2Client(b, boris);
    ok(await b.api('POST', `/api/v2/chats/${chat.id}/messages`, { as: anna, body: { type: 'text', content: 'by REST' } }));
    expect(await boriss.next('chat:message:new')).toMatchObject({ content: 'by REST' });
  });

  test('notifications and `unread-count`, on every node and both namespaces', async () => {
    const [user] = await makeUsers(a, 'User');
    const v2s = await Promise.all([a, b, c].map((node) => v2Client(node, user)));
    const camels = await Promise.all([a, b, c].map((node) => connected(node.url, '/notifications', { token: node.token(user) })));
    for (const client of camels) await client.next('unread-count');
    const { id } = ok(await b.api('POST', '/api/v2/notifications', { key: true, body: { user_id: user, ...NOTICE } }));
    for (const client of [...v2s, ...camels]) expect(await client.next('notification:new')).toMatchObject({ id, version: 1 });
    for (const client of camels) expect(await client.next('unread-count', ({ count }) => count === 1)).toBeTruthy();
    await v2s[0]!.ask('notification:read', { notification_id: id });
    for (const client of [...v2s, ...camels]) expect(await client.next('notification:read')).toMatchObject({ version: 2 });
    for (const client of camels) await client.count('unread-count', 3);
    for (const client of camels) expect(client.of('unread-count').map(({ count }) => count)).toEqual([0, 1, 0]);
    for (const client of v2s) expect(client.of('notification:new')).toHaveLength(1);
  });

  test('an administrator who subscribed to somebody hears of them from other nodes', async () => {
    const [user, admin] = await makeUsers(a, 'User', 'Admin');
    await a.createUser(admin, { role: 'admin' });
    const admins = await connected(c.url, '/notifications', { token: c.token(admin) });
    expect(await admins.ask('notifications:subscribe', { userId: user })).toEqual({ data: { userId: user } });
    ok(await b.api('POST', '/api/v2/notifications', { key: true, body: { user_id: user, ...NOTICE } }));
    await admins.next('notification:new');
  });

  test('tickets: owner, staff in the ticket and staff that are not, each on another node; a ticket that is made while they listen', async () => {
    const { owner, agent, manager, id } = await makeTicket(a);
    const [owners, agents, managers] = await Promise.all([supportClient(a, owner), supportClient(b, agent), supportClient(c, manager)]);
    await join(agents, id);
    await send(b, owner, id, 'hello');
    expect(await agents.next('message:new')).toMatchObject({ ticketId: id, message: 'hello' });
    for (const client of [owners, managers])
      expect(await client.next('support:new-message')).toMatchObject({ ticketId: id, message: { message: 'hello' } });
    await send(c, agent, id, 'among us', { isInternal: true });
    expect(await agents.next('message:new', ({ message }) => message === 'among us')).toMatchObject({ isInternal: true });
    await managers.count('support:new-message', 2);
    await patchTicket(b, manager, id, { status: 'pending' });
    for (const client of [owners, agents, managers]) expect(await client.next('ticket:updated')).toMatchObject({ id, status: 'pending' });
    await caughtUp(owners);
    expect(owners.of('support:new-message')).toHaveLength(1);
    // Nobody knew of this one when they connected.
    const made = await openTicket(c, owner);
    for (const client of [owners, agents, managers]) await client.next('support:new-message', ({ ticketId }) => ticketId === made.id);
    await send(b, manager, made.id, 'an answer');
    for (const client of [owners, agents, managers])
      await client.next('support:new-message', ({ ticketId, message }) => ticketId === made.id && message.message === 'an answer');
  });

  test('orders: created, acknowledged and changed on any node, on every screen in one order; `since_version` on another node', async () => {
    const staff = await newStaff(a);
    const screens: FeedClient[] = await Promise.all([a, b, c].map((node) => following(node, staff)));
    const before = screens[0]!.of('connected')[0].data.version as number;
    const orders = await Promise.all([a, b, c, a, b].map((node) => newOrder(node)));
    await Promise.all(orders.map(({ order_id }, i) => [b, c, a][i % 3]!.api('POST', `/api/orders/${order_id}/ack`, { as: staff })));
    screens[2]!.send({ event: 'order_ack', data: { order_id: orders[0].order_id } });
    for (const screen of screens) await screen.version(before + 10);
    for (const screen of screens) expect(screen.changes()).toEqual(screens[0]!.changes());
    expect(screens[0]!.changes()).toHaveLength(10);
    const late = await following(b, staff, { query: { since_version: String(before) } });
    await late.version(before + 10);
    expect(late.changes()).toEqual(screens[0]!.changes());
  });

  test('"A user who is deleted or disabled, or whose role no longer suffices …, is out of it everywhere within 5 s"', async () => {
    const [one] = await makeUsers(a, 'One');
    const clients = await Promise.all([a, b, c].map((node) => v2Client(node, one)));
    const staff = await newStaff(a);
    const screens = await Promise.all([b, c].map((node) => following(node, staff)));
    const agents = await supportClient(b, staff);
    await a.createUser(one, { disabled: true });
    for (const client of clients) expect(await client.next('error')).toMatchObject({ code: 'UNAUTHORIZED' });
    for (const client of clients) expect(await client.next('disconnect')).toBe('io server disconnect');
    await c.createUser(staff, { role: 'user' });
    for (const screen of screens) expect(await screen.next('close')).toMatchObject({ code: 4403 });
    const { id } = await makeTicket(a);
    await vi.waitFor(async () => expect(await agents.ask('join-ticket', { ticketId: id })).toMatchObject({ error: { code: 'FORBIDDEN' } }));
    expect(agents.of('support:new-message')).toEqual([]);
  });

  test('who becomes staff while connected hears of tickets on other nodes from then on', async () => {
    const [one] = await makeUsers(a, 'One');
    const ones = await supportClient(b, one);
    await a.createUser(one, { role: 'employee' });
    const { id } = await makeTicket(a);
    await vi.waitFor(async () => expect(await ones.ask('join-ticket', { ticketId: id })).toMatchObject({ status: 'ok' }));
    const { owner, id: other } = await makeTicket(c);
    await send(c, owner, other, 'more');
    await ones.next('support:new-message', ({ message }) => message.message === 'more');
  });

  test('likes from every node at once: followers, the author and who has the post open are told each count, in the order in which it came to be', async () => {
    const [author, follower, viewer, ...crowd] = await makeUsers(a, 'Author', 'Follower', 'Viewer', ...upTo(1, 30).map((n) => `Fan${n}`));
    const { id } = ok(await a.api('POST', '/api/v2/posts', { as: author, body: { content: 'a post' } }));
    // The nodes know the followers before one comes: only the log tells them.
    ok(await c.api('PUT', `/api/v2/posts/${id}/like`, { as: crowd[0]! }));
    ok(await b.api('PUT', `/api/v2/users/${author}/follow`, { as: follower }));
    const clients = await Promise.all([v2Client(a, author), v2Client(b, follower), v2Client(c, viewer)]);
    await clients[2].ask('post:open', { post_id: id });
    await Promise.all(crowd.slice(1).map((as, i) => [a, b, c][i % 3]!.api('PUT', `/api/v2/posts/${id}/like`, { as }).then(ok)));
    for (const client of clients) {
      await client.next('post:liked', ({ likes_count }) => likes_count === 30);
      expect(client.of('post:liked').map(({ likes_count }) => likes_count)).toEqual(upTo(2, 30));
    }
    expect(clients[1].of('post:liked')).toEqual(clients[0].of('post:liked'));
    ok(await c.api('DELETE', `/api/v2/users/${author}/follow`, { as: follower }));
    ok(await a.api('DELETE', `/api/v2/posts/${id}/like`, { as: crowd[0]! }));
    for (const client of [clients[0], clients[2]]) expect(await client.next('post:unliked')).toMatchObject({ likes_count: 29 });
    // What comes by the follower's own stream comes after the log of that moment.
    const notice = { user_id: follower, ...NOTICE };
    ok(await a.api('POST', '/api/v2/notifications', { key: true, body: notice }));
    await clients[1].next('notification:new', ({ title }) => title === NOTICE.title);
    expect(clients[1].of('post:unliked')).toEqual([]);
  });

  test('a mention in a chat and a proposal of the next booking are told once, however many nodes look for them', async () => {
    const { anna, boris, chat, clients } = await trio();
    const [, boriss, claras] = clients;
    const { id } = ok(
      await b.api('POST', '/api/v2/bookings', {
        as: boris,
        body: { master_id: anna, service_name: 'S', starts_at: '2020-01-01T10:00:00Z', duration: 60, price: 1 },
      }),
    );
    ok(await c.api('POST', `/api/v2/bookings/${id}/confirm`, { as: anna }));
    ok(await c.api('PUT', '/api/v2/bookings/auto-rule', { as: anna, body: { weeks: 1 } }));
    const sent = await Promise.all(upTo(1, 20).map((n) => say(claras, chat.id, `@${boris} ${n}`)));
    const typed = (type: string) => boriss.of('notification:new').filter((notification) => notification.type === type);
    await boriss.until(() => (typed('mention').length >= 20 && typed('auto_booking_proposal').length > 0 ? true : undefined));
    // Whatever had been due a moment before has been done when this has.
    const last = await say(claras, chat.id, `@${boris} last`);
    await boriss.next('notification:new', ({ data }) => data.message_id === last.message_id);
    const mentioned = typed('mention').map(({ data }) => data.message_id);
    expect(mentioned.toSorted()).toEqual([...sent, last].map(({ message_id: message }) => message).toSorted());
    expect(typed('auto_booking_proposal')).toHaveLength(1);
  });

  test('who comes to another node has what was missed by `sync`, and from there on everything live', async () => {
    const { chat, stream, clients, clara } = await trio();
    const [annas, , claras] = clients;
    await say(annas, chat.id, 'one');
    await reached(claras, stream, 1);
    claras.close();
    const sending = upTo(2, 60).map((n) => say(annas, chat.id, `text ${n}`));
    const back = await v2Client(b, clara);
    const { events } = await catchUp(back, stream, 1);
    await Promise.all(sending);
    // How many came before the connection, and how many live, is the machine's.
    await say(annas, chat.id, 'the last');
    await reached(back, stream, 61);
    const live = heard(back, stream).map(({ version }) => version);
    expect(live).toEqual(upTo(live[0]!, 61));
    const all = new Set([...events.map(({ version }) => version), ...live]);
    expect([...all].toSorted((x, y) => x - y)).toEqual(upTo(2, 61));
  });
});
