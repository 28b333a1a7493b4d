import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CLUSTER_MISSING, linked, linkOf, startCluster, type Cluster } from '../cluster/cluster.ts';
import { makeDirect, makeUsers, ok, say, v2Client } from '../support/chats.ts';
import type { TestServer } from '../support/server.ts';
import { client, closeClients, connected } from '../support/sockets.ts';
import { adminClient, makeAdmin } from './admins.ts';

const PATIENTLY = { timeout: 10_000 };

describe.skipIf(CLUSTER_MISSING)('an administrator on one node sees and controls all', () => {
  let cluster: Cluster;
  let here: TestServer;
  let there: TestServer;
  beforeAll(async () => {
    cluster = await startCluster();
    [here, there] = await Promise.all([cluster.start(), cluster.start()]);
    await linked(here, there);
  });
  afterEach(closeClients);
  afterAll(() => cluster.stop());

  const nodeIdOf = (node: TestServer) => linkOf(node).nodeId;

  test('`admin:stats`: the figures of all nodes, `connectionsByNode` among them', async () => {
    const adminId = await makeAdmin(here);
    const [amal, bashir] = await makeUsers(here, 'amal', 'bashir');
    const chat = await makeDirect(here, amal, bashir);
    const one = await v2Client(there, amal);
    const admin = await adminClient(here, adminId);
    const quiet = new AbortController();
    const talk = (async () => {
      while (!quiet.signal.aborted) await say(one, chat.id, 'x');
    })();
    const stats = await admin.next(
      'admin:stats',
      ({ connectionsByNode, eventsPerSecond }) => connectionsByNode[nodeIdOf(there)] === 1 && eventsPerSecond > 0,
    );
    quiet.abort();
    await talk;
    expect(stats).toMatchObject({
      connections: 2,
      connectionsByNamespace: { '/': 1, '/admin': 1 },
      connectionsByNode: { [nodeIdOf(here)]: 1, [nodeIdOf(there)]: 1 },
      usersOnline: 2,
      latencyP50Ms: expect.any(Number) as number,
    });
  });

  test('`admin:sockets`: a page goes on from one node to the next', async () => {
    const adminId = await makeAdmin(here);
    const admin = await adminClient(here, adminId);
    const [amal] = await makeUsers(here, 'amal');
    const connect = (node: TestServer, count: number) =>
      Promise.all(Array.from({ length: count }, () => connected(node.url, '/support', { token: node.token(amal) })));
    const sockets = [...(await connect(here, 70)), ...(await connect(there, 50))];
    const found: { id: string; node: string }[] = [];
    for (let cursor: string | undefined; ;) {
      const { data } = await admin.ask('admin:sockets', { userId: amal, ...(cursor === undefined ? {} : { cursor }) });
      found.push(...data.sockets);
      if (data.nextCursor === null) break;
      cursor = data.nextCursor;
    }
    expect(found.map(({ id }) => id).toSorted()).toEqual(sockets.map(({ socket }) => socket.id!).toSorted());
    expect(found.filter(({ node }) => node === nodeIdOf(there))).toHaveLength(50);
  });

  test('`admin:events`: what happens on the other node, until nobody wants it', async () => {
    const admin = await adminClient(here, await makeAdmin(here));
    const [amal] = await makeUsers(here, 'amal');
    const one = await v2Client(there, amal);
    await admin.ask('admin:events', { on: true });
    // The wish has reached the other node when the first event comes.
    while (admin.of('admin:event').every(({ userId }) => userId !== amal)) {
      await one.ask('ping', {});
      await admin.ask('ping', {});
    }
    expect(admin.of('admin:event').find(({ userId }) => userId === amal)).toMatchObject({ namespace: '/', event: 'ping', status: 'ok' });
  });

  test('`admin:announce` reaches everybody, `admin:disconnect` every socket of a user, or one wherever it is', async () => {
    const adminId = await makeAdmin(here);
    const admin = await adminClient(here, adminId);
    const [amal, bashir] = await makeUsers(here, 'amal', 'bashir');
    const [one, two, other] = [await v2Client(here, amal), await v2Client(there, amal), await v2Client(there, bashir)];
    await admin.ask('admin:announce', { message: 'to all' });
    for (const client of [one, two, other]) expect(await client.next('announcement')).toMatchObject({ message: 'to all' });

    expect((await admin.ask('admin:disconnect', { socketId: other.socket.id, reason: 'this one' })).data).toMatchObject({
      userId: bashir,
      disconnected: 1,
    });
    expect(await other.next('error')).toMatchObject({ code: 'FORBIDDEN', details: { reason: 'this one' } });
    expect((await admin.ask('admin:disconnect', { userId: amal, reason: 'both' })).data.disconnected).toBe(2);
    for (const client of [one, two]) expect(await client.next('disconnect')).toBe('io server disconnect');
    expect((await admin.ask('admin:disconnect', { socketId: 'of nobody', reason: 'x' })).error).toMatchObject({ code: 'NOT_FOUND' });
    const { data } = ok(await there.api('GET', `/api/v2/audit?actor_id=${adminId}&subject=${amal}`, { as: adminId }));
    expect(data).toMatchObject([{ action: 'user.disconnect', details: { reason: 'both' } }]);
  });

  test('`admin:rate-limit`: what a user used on another node', async () => {
    const admin = await adminClient(here, await makeAdmin(here));
    const [amal, bashir] = await makeUsers(here, 'amal', 'bashir');
    const chat = await makeDirect(there, amal, bashir);
    const one = await v2Client(there, amal);
    for (let i = 0; i < 3; i++) await say(one, chat.id, 'x');
    const { data } = await admin.ask('admin:rate-limit', { userId: amal });
    // Making the chat was one, too.
    expect(data.budgets.write).toMatchObject({ used: 4, retryAfterMs: 0 });
  });

  test('who is kept out is so on every node; so it is with a block between users, and with a key that was revoked', async () => {
    const adminId = await makeAdmin(here);
    const admin = await adminClient(here, adminId);
    const [amal, bashir] = await makeUsers(here, 'amal', 'bashir');
    const chat = await makeDirect(here, amal, bashir);
    const one = await v2Client(there, bashir);
    await say(one, chat.id, 'before');
    await here.api('PUT', `/api/v2/users/${bashir}/block`, { as: amal });
    const send = { chat_id: chat.id, type: 'text', content: 'after' };
    await expect.poll(async () => (await one.ask('chat:message:send', send)).error?.code, PATIENTLY).toBe('FORBIDDEN');

    const { key, id } = ok(await here.api('POST', '/api/v2/api-keys', { as: adminId, body: { name: 'x' } }));
    const use = async () => (await there.api('GET', '/api/v2/reports', { key })).status;
    await expect.poll(use, PATIENTLY).toBe(200);
    await here.api('DELETE', `/api/v2/api-keys/${id}`, { as: adminId });
    await expect.poll(use, PATIENTLY).toBe(401);

    await admin.ask('admin:disconnect', { userId: bashir, reason: 'x', blockForS: 60 });
    await one.next('disconnect');
    const again = client(there.url, '/', { token: there.token(bashir) });
    expect(await again.next('error')).toMatchObject({ code: 'UNAUTHORIZED' });
  });

  test('a node that died: every question is answered all the same, and its figures go', async () => {
    const admin = await adminClient(here, await makeAdmin(here));
    const [amal] = await makeUsers(here, 'amal');
    const third = await cluster.spawn();
    const one = client(third.url, '/', { token: third.token(amal) });
    await one.next('connected');
    const sockets = async () => (await admin.ask('admin:sockets', { userId: amal })).data.sockets as { node: string }[];
    await expect.poll(sockets, PATIENTLY).toHaveLength(1);
    const [{ node }] = (await sockets()) as [{ node: string }];
    await admin.next('admin:stats', ({ connectionsByNode }) => connectionsByNode[node] === 1);
    await third.kill('SIGKILL');
    expect(await sockets()).toEqual([]);
    const { timestamp: then } = admin.of('admin:stats').at(-1);
    await admin.next('admin:stats', ({ timestamp, connectionsByNode }) => timestamp > then && connectionsByNode[node] === undefined);
  });
});
