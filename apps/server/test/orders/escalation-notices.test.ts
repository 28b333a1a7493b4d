import { expect, test } from 'vitest';
import { onServers } from '../support/chats.ts';
import { freshId } from '../support/server.ts';
import { connected } from '../support/sockets.ts';
import { newOrder } from './feed-client.ts';

onServers(
  'escalation',
  (server) => {
    test('"An order that nobody acknowledged in `ORDER_ESCALATE_AFTER_S` (120) raises the notification `order_unacknowledged` to managers", each in their language', async () => {
      const people = [
        { id: freshId(), role: 'manager', locale: 'ru' },
        { id: freshId(), role: 'manager' },
        { id: freshId(), role: 'employee' },
        { id: freshId(), role: 'user' },
      ];
      await Promise.all(people.map(({ id, ...fields }) => server().createUser(id, fields)));
      const bells = await Promise.all(people.map(({ id }) => connected(server().url, '/notifications', { token: server().token(id) })));
      const { order_id, order_number } = await newOrder(server());
      const titles = [`Заказ ${order_number} никто не принял`, `لم يؤكد أحد استلام الطلب ${order_number}`];
      for (const [i, title] of titles.entries()) {
        expect(await bells[i]!.next('notification:new')).toMatchObject({
          type: 'order_unacknowledged',
          title,
          data: { order_id, order_number },
          version: 1,
        });
      }
      await Promise.all(bells.map((bell) => bell.ask('ping', {})));
      expect(bells.map((bell) => bell.of('notification:new').length)).toEqual([1, 1, 0, 0]);
    });
  },
  { ORDER_ESCALATE_AFTER_S: '1' },
);
