import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { caughtUp, ok } from '../support/chats.ts';
import { inRoom, join, makeProject, projectClient, removeMember } from '../projects/projects.ts';
import type { Api, SpawnedServer, TestServer } from '../support/server.ts';
import { closeClients, type Client } from '../support/sockets.ts';
import { CLUSTER_MISSING, cutOff, linked, startCluster, type Cluster } from './cluster.ts';

const people = (one: Client) =>
  one.all.filter(({ event }) => event === 'user:joined' || event === 'user:left').map(({ event, data }) => [event, data.userId]);

describe.skipIf(CLUSTER_MISSING)('who is in the room of a project, over several nodes', () => {
  let cluster: Cluster;
  let nodes: [TestServer, TestServer];
  let killed: SpawnedServer;

  beforeAll(async () => {
    cluster = await startCluster();
    // The first migrates.
    const first = await cluster.start();
    const [second, third] = await Promise.all([cluster.start(), cluster.spawn()]);
    [nodes, killed] = [[first, second], third];
    await linked(...nodes);
  });
  afterAll(() => cluster.stop());
  afterEach(closeClients);

  /** Somebody in the room on each of some nodes, in this order. */
  const enter = async (server: Api, id: string, user: string) => (await inRoom(server, id, user))[0];
  const nextOf = (one: Client, event: string, userId: string) => one.next(event, (data) => data.userId === userId);

  test('`user:joined` to the others on every node, with the first socket on whatever node; `user:left` with the last', async () => {
    const [here, there] = nodes;
    const { owner, member, admin, id } = await makeProject(here);
    const owners = [await enter(here, id, owner), await enter(there, id, owner)];
    const first = await enter(there, id, member);
    const second = await enter(here, id, member);
    const admins = await projectClient(here, admin);
    const { data } = await admins.ask('project:join', { projectId: id });
    expect(data.userIds.toSorted()).toEqual([admin, member, owner].toSorted());
    // What one node says comes in its order: with this the second socket is known as well.
    await Promise.all(owners.map((one) => nextOf(one, 'user:joined', admin)));
    first.close();
    await caughtUp(...owners);
    second.cut();
    await Promise.all(owners.map((one) => nextOf(one, 'user:left', member)));
    await caughtUp(...owners);
    for (const one of owners) {
      expect(people(one)).toEqual([
        ['user:joined', member],
        ['user:joined', admin],
        ['user:left', member],
      ]);
    }
  });

  test('`project:update` to everybody in the room on every node, in one order; `activity` to all but the sender; `sync` the same', async () => {
    const [here, there] = nodes;
    const { owner, member, id } = await makeProject(here);
    const clients = [await enter(here, id, owner), await enter(there, id, member), await enter(there, id, owner)];
    const COUNT = 40;
    const acks = await Promise.all(
      Array.from({ length: COUNT }, (_, i) => clients[i % 2]!.ask('project:comment', { projectId: id, comment: `${i}` })),
    );
    const versions = Array.from({ length: COUNT }, (_, i) => i + 2);
    expect(acks.map(({ data }) => data.version).toSorted((a, b) => a - b)).toEqual(versions);
    for (const one of clients) {
      await one.count('project:update', COUNT);
      await caughtUp(one);
      expect(one.of('project:update')).toEqual(clients[0]!.of('project:update'));
    }
    expect(clients[0]!.of('project:update').map(({ version }) => version)).toEqual(versions);
    expect(clients.map((one) => one.of('activity').length)).toEqual([COUNT / 2, COUNT / 2, COUNT]);
    for (const one of clients) {
      const { streams } = await one.ask('sync', { cursors: { [`project:${id}`]: 1 } });
      expect(streams[`project:${id}`].events.map(({ data }: { data: object }) => data)).toEqual(one.of('project:update'));
    }
  });

  test('who is removed on one node is out of the room on the others, and out of an administrator’s rooms with the role', async () => {
    const [here, there] = nodes;
    const { owner, member, admin, id } = await makeProject(here);
    const owners = await enter(here, id, owner);
    const [members, admins] = [await enter(there, id, member), await enter(there, id, admin)];
    await nextOf(owners, 'user:joined', admin);
    ok(await removeMember(here, owner, id, member));
    expect(await members.next('user:left')).toEqual({ userId: member, projectId: id });
    await here.createUser(admin, { role: 'user' });
    await nextOf(admins, 'user:left', admin);
    await Promise.all([nextOf(owners, 'user:left', member), nextOf(owners, 'user:left', admin)]);
    await owners.ask('project:statusUpdate', { projectId: id, status: 'review' });
    // Where both would have had it, had they been in the room.
    const others = await enter(there, id, owner);
    await owners.ask('project:statusUpdate', { projectId: id, status: 'completed' });
    await others.next('project:update', ({ status }) => status === 'completed');
    await caughtUp(members, admins);
    expect([members, admins].map((one) => one.of('project:update').map(({ kind }) => kind))).toEqual([[], ['members']]);
  });

  test('a node that starts later learns who is there, and a node that dies takes its users out', async () => {
    const [here] = nodes;
    const { owner, member, admin, id } = await makeProject(here);
    const owners = await enter(here, id, owner);
    await enter(killed, id, member);
    await nextOf(owners, 'user:joined', member);
    const late = await cluster.start();
    await linked(here, late);
    const admins = await projectClient(late, admin);
    // It has heard of itself before it has heard of all others.
    await expect
      .poll(async () => {
        await admins.ask('project:leave', { projectId: id });
        return (await admins.ask('project:join', { projectId: id })).data.userIds.toSorted();
      })
      .toEqual([admin, owner, member].toSorted());
    const before = people(admins).length;
    await killed.kill('SIGKILL');
    await Promise.all([owners, admins].map((one) => nextOf(one, 'user:left', member)));
    expect(people(admins).slice(before)).toEqual([['user:left', member]]);
    // One that ends properly says so.
    await late.stop();
    await nextOf(owners, 'user:left', admin);
  });

  test('what happens while Redis is away is told when it is back', async () => {
    const [here, there] = nodes;
    const { owner, member, admin, id } = await makeProject(here);
    const owners = await enter(here, id, owner);
    const members = await enter(there, id, member);
    await nextOf(owners, 'user:joined', member);
    cluster.redis.freeze();
    await Promise.all(nodes.map(cutOff));
    const admins = await projectClient(there, admin);
    await join(admins, id);
    members.close();
    await nextOf(admins, 'user:left', member);
    await caughtUp(owners);
    expect(people(owners)).toEqual([['user:joined', member]]);
    cluster.redis.thaw();
    await nextOf(owners, 'user:joined', admin);
    await nextOf(owners, 'user:left', member);
    await caughtUp(owners, admins);
    expect(people(owners)).toHaveLength(3);
  });
});
