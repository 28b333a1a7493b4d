import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Settings } from '../../src/config/settings.ts';
import { EscalationService, type EscalationListener } from '../../src/features/orders/escalation.service.ts';
import { OrdersService, type OrderCaller } from '../../src/features/orders/orders.service.ts';
import { UserDirectory } from '../../src/features/users/user-directory.ts';
import { Follower } from '../../src/log/follower.ts';
import { readEntries } from '../../src/log/stream-log.repository.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { Scheduler } from '../../src/scheduling/scheduler.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { ENGINES, openMigrated, temporaryFolder, type OpenEngine } from '../support/engines.ts';
import { freshId, startServer } from '../support/server.ts';
import { newOrder, newStaff } from './feed-client.ts';

const KEY: OrderCaller = { id: 'key', userId: null, isKey: true };
const DRAFT = { customerName: 'n', customerPhone: 'p', totalMinor: 1, finalMinor: 1, deliveryType: 'self', itemsCount: 1 };
const afterSeconds = (seconds: number) => ({ ORDER_ESCALATE_AFTER_S: seconds }) as Settings;

/** The part of a node that escalates. */
function nodeOn(storage: Storage, seconds: number, queue?: WriteQueue) {
  const warnings: Record<string, unknown>[] = [];
  const logger = pino({ level: 'warn' }, { write: (line) => void warnings.push(JSON.parse(line) as Record<string, unknown>) });
  const follower = new Follower(async (stream, version, limit) => await readEntries(storage.db, stream, version, limit));
  const writes = queue ?? new WriteQueue(storage, follower);
  const orders = new OrdersService(storage, writes, new UserDirectory(storage, follower), afterSeconds(seconds));
  const scheduler = new Scheduler(storage, writes, logger);
  const escalation = new EscalationService(storage, writes, follower, scheduler, logger, afterSeconds(seconds));
  return {
    orders,
    escalation,
    scheduler,
    queue: writes,
    follower,
    escalated: () => warnings.flatMap(({ orderId }) => (orderId as number | undefined) ?? []),
    warnings,
  };
}

for (const engine of ENGINES) {
  describe.skipIf(engine.missing)(`orders that nobody acknowledged (${engine.name})`, () => {
    let opened: OpenEngine;
    const running: ReturnType<typeof nodeOn>[] = [];
    const node = (seconds: number, storage = opened.storage, queue?: WriteQueue) => {
      const made = nodeOn(storage, seconds, queue);
      running.push(made);
      return made;
    };

    beforeAll(async () => {
      opened = await openMigrated(engine);
    });
    afterEach(async () => {
      for (const { scheduler, queue } of running.splice(0)) {
        await scheduler.onModuleDestroy();
        await queue.idle();
      }
    });
    afterAll(() => opened.close());

    const make = async ({ orders }: ReturnType<typeof nodeOn>) => (await orders.create(KEY, { ...DRAFT })).order.id;

    test('"in ORDER_ESCALATE_AFTER_S": each once, those that were acknowledged or taken in hand never', async () => {
      const one = node(1);
      one.scheduler.onApplicationBootstrap();
      const staff = freshId('staff');
      await one.queue.run([], (tx) =>
        tx.db
          .insertInto('users')
          .values({
            id: staff,
            name: staff,
            role: 'employee',
            is_master: 0,
            disabled: 0,
            search_key: staff,
            created_at: 0,
            updated_at: 0,
          } as never)
          .execute(),
      );
      const [forgotten, acknowledged, accepted] = [await make(one), await make(one), await make(one)];
      await one.orders.acknowledge(staff, acknowledged);
      await one.orders.setStatus(KEY, accepted, 'accepted');
      await expect.poll(() => one.escalated(), { timeout: 5_000 }).toContain(forgotten);
      // The last one made is due last: when it has been escalated, all before it have been looked at.
      const last = await make(one);
      await expect.poll(() => one.escalated(), { timeout: 5_000 }).toContain(last);
      expect(one.escalated()).toEqual([forgotten, last]);
      expect(one.warnings[0]).toMatchObject({
        msg: 'Order not acknowledged',
        orderId: forgotten,
        orderNumber: expect.stringMatching(/^KH-/),
      });
    });

    test('nothing is said before its time, and what came while nobody ran is found at the start', async () => {
      const before = node(3_600);
      await make(before);
      const gone = node(1);
      const orphan = await make(gone);
      const started = node(3_600);
      started.scheduler.onApplicationBootstrap();
      await expect.poll(() => started.escalated(), { timeout: 5_000 }).toEqual([orphan]);
    });

    test('however many nodes there are, each order is escalated once', async () => {
      const first = node(1);
      const storages = opened.anotherNode ? [opened.anotherNode(), opened.anotherNode()] : [];
      // An engine that is one process's alone has one writer; all who ask share it.
      const nodes =
        storages.length > 0
          ? [first, ...storages.map((storage) => node(1, storage))]
          : [first, node(1, opened.storage, first.queue), node(1, opened.storage, first.queue)];
      const made = await Promise.all(Array.from({ length: 120 }, () => make(first)));
      for (const { scheduler } of nodes) scheduler.onApplicationBootstrap();
      const all = () => nodes.flatMap(({ escalated }) => escalated()).toSorted((a, b) => a - b);
      await expect.poll(all, { timeout: 10_000 }).toHaveLength(made.length);
      const last = await make(first);
      await expect.poll(all, { timeout: 5_000 }).toContain(last);
      expect(all()).toEqual([...made, last].toSorted((a, b) => a - b));
    });

    test('who is to be told of it is told in the transaction that claims it: what fails there is tried again', async () => {
      const one = node(1);
      const told: number[] = [];
      let failures = 1;
      const listener: EscalationListener = {
        streams: async () => ['user:manager'],
        async escalated(tx, orders) {
          for (const { id } of orders) tx.append('user:manager', 'notification.created', { id });
          if (failures-- > 0) throw new Error('cannot');
          told.push(...orders.map(({ id }) => id));
        },
      };
      one.escalation.use(listener);
      const id = await make(one);
      one.scheduler.onApplicationBootstrap();
      await expect.poll(() => told, { timeout: 8_000 }).toEqual([id]);
      expect((await readEntries(opened.storage.db, 'user:manager', 0, 10)).map(({ data }) => data)).toEqual([{ id }]);
    });
  });
}

describe('a started server', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder.remove());

  test('says so in its log, and the feed has no other event for it; the time that an order gives itself does not count', async () => {
    const settings = { DATA_DIR: folder.path, ORDER_ESCALATE_AFTER_S: '1' };
    let server = await startServer(settings);
    const said = () => server.logs().flatMap(({ msg, orderId }) => (msg === 'Order not acknowledged' ? [orderId] : []));
    const manager = await newStaff(server, 'manager');
    const { order_id: id } = await newOrder(server, { created_at: '2020-01-01T00:00:00Z' });
    expect(said()).toEqual([]);
    await expect.poll(said, { timeout: 5_000 }).toEqual([id]);
    const { body } = await server.api('GET', `/api/orders/${id}`, { as: manager });
    expect(body).toMatchObject({ status: 'new', acknowledged_by: null, version: 1 });
    const { order_id: next } = await newOrder(server);
    await server.stop();
    server = await startServer(settings);
    await expect.poll(said, { timeout: 5_000 }).toEqual([next]);
    await server.stop();
  });
});
