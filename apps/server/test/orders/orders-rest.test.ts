import { khawam } from '@majlis/contract';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { SERVER_ENGINES, freshId, type ApiOptions, type TestServer } from '../support/server.ts';
import { connected, closeClients } from '../support/sockets.ts';
import { closeFeeds, following, newOrder, newStaff, orderBody } from './feed-client.ts';

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
const YEAR = new Date().getUTCFullYear();

for (const engine of SERVER_ENGINES) {
  describe.skipIf(engine.missing)(`orders by REST (${engine.name})`, () => {
    let server: TestServer;
    let clerk: string;
    let customer: string;
    let stranger: string;

    beforeAll(async () => {
      server = await engine.start({ RATE_LIMIT_MAX_EVENTS: '100000', RATE_LIMIT_MAX_LIGHT: '100000' });
      clerk = await newStaff(server);
      [customer, stranger] = [freshId('customer'), freshId('stranger')];
      for (const id of [customer, stranger]) await server.createUser(id);
    });
    afterAll(() => server.stop());
    afterEach(() => {
      closeFeeds();
      closeClients();
    });

    const post = (fields: Record<string, unknown>, options: ApiOptions = { key: true }) =>
      server.api('POST', '/api/orders', { ...options, body: orderBody(fields) });
    const patch = (id: number, status: string, options: ApiOptions = { as: clerk }) =>
      server.api('PATCH', `/api/orders/${id}`, { ...options, body: { status } });
    const refused = (status: number, code: string, details: object = {}) => ({
      status,
      body: expect.objectContaining({
        code,
        ...(Object.keys(details).length > 0 && { details: expect.objectContaining(details) }),
      }) as object,
    });

    test('"POST /api/orders (a signed-in user or an API key)": 201 and the order itself, as GET gives it', async () => {
      for (const options of [{ as: customer }, { key: true }, { key: true, onBehalfOf: customer }] as const) {
        const { status, body } = await post({}, options);
        expect(status).toBe(201);
        expect(body).toEqual({
          order_id: expect.any(Number),
          order_number: expect.stringMatching(new RegExp(`^KH-${YEAR}-\\d{6}$`)),
          ...orderBody(),
          created_at: TIME,
          status: 'new',
          acknowledged_by: null,
          version: expect.any(Number),
        });
        expect((await server.api('GET', `/api/orders/${body.order_id}`, { as: clerk })).body).toEqual(body);
      }
      expect(await server.api('POST', '/api/orders', { body: orderBody() })).toMatchObject(refused(401, 'UNAUTHORIZED'));
    });

    test.each([
      ['customer_name', ''],
      ['customer_name', 'x'.repeat(201)],
      ['customer_name', 7],
      ['customer_name', undefined],
      ['customer_phone', ''],
      ['customer_phone', '1'.repeat(33)],
      ['total_amount', -0.01],
      ['total_amount', 1.005],
      ['total_amount', 0.1 + 0.2],
      ['total_amount', 1e16],
      ['total_amount', '100'],
      ['final_amount', 99.999],
      ['items_count', 0],
      ['items_count', 1.5],
      ['delivery_type', 'Self'],
      ['delivery_type', 'self-pickup'],
      ['delivery_type', ''],
      ['delivery_type', 'x'.repeat(33)],
      ['order_id', 0],
      ['order_id', 1.5],
      ['order_id', 1e15],
      ['order_id', '12'],
      ['order_number', ''],
      ['order_number', 'N'.repeat(65)],
      ['created_at', 'yesterday'],
      ['created_at', '2024-13-01T00:00:00'],
    ])('the field is named: %s %j', async (field, value) => {
      expect(await post({ [field]: value })).toMatchObject(refused(400, 'INVALID_DATA', { field }));
    });

    test('customer_name 1–200 and customer_phone 1–32 characters, delivery_type `^[a-z_]{1,32}$`, amounts with at most two decimals', async () => {
      const edges = [
        { customer_name: '😀'.repeat(200), customer_phone: '1'.repeat(32), delivery_type: 'self_pickup', items_count: 1 },
        { customer_name: 'م', customer_phone: '1', delivery_type: 'x'.repeat(32), total_amount: 0, final_amount: 0 },
        { total_amount: 0.01, final_amount: 9_999_999_999_999.99, items_count: 1_000_000 },
      ];
      for (const fields of edges) expect(await post(fields)).toMatchObject({ status: 201, body: fields });
    });

    test('"the key may give order_id, order_number, created_at, a taken id is CONFLICT"', async () => {
      const chosen = { order_id: 700_001, order_number: 'TEST-001', created_at: '2024-01-01T02:00:00+03:00' };
      const made = await post(chosen);
      expect(made).toMatchObject({ status: 201, body: { ...chosen, created_at: '2023-12-31T23:00:00.000Z' } });
      expect(await post({ order_id: 700_001 })).toMatchObject(refused(409, 'CONFLICT', { field: 'order_id' }));
      expect(await post({ order_number: 'TEST-001' })).toMatchObject(refused(409, 'CONFLICT', { field: 'order_number' }));
      // Nothing of a refused one remains, and the server's own ids are still free ones.
      const next = await newOrder(server);
      expect(next.order_id).toBeGreaterThan(700_001);
      expect(next.version).toBe(made.body.version + 1);
    });

    test('a time without an offset is UTC, wherever the server stands', async () => {
      const { TZ } = process.env;
      process.env['TZ'] = 'Asia/Damascus';
      try {
        for (const [created_at, expected] of [
          ['2024-01-01T00:00:00', '2024-01-01T00:00:00.000Z'],
          ['2024-07-01T00:00:00.5', '2024-07-01T00:00:00.500Z'],
          ['2024-07-01T00:00:00Z', '2024-07-01T00:00:00.000Z'],
          ['2024-07-01T00:00:00-02:30', '2024-07-01T02:30:00.000Z'],
        ])
          expect((await newOrder(server, { created_at })).created_at).toBe(expected);
      } finally {
        if (TZ === undefined) delete process.env['TZ'];
        else process.env['TZ'] = TZ;
      }
    });

    test.each([{ order_id: 5 }, { order_number: 'A-1' }, { created_at: '2024-01-01T00:00:00Z' }])(
      'nobody else may give %j',
      async (chosen) => {
        const field = Object.keys(chosen)[0]!;
        for (const as of [customer, clerk]) expect(await post(chosen, { as })).toMatchObject(refused(403, 'FORBIDDEN', { field }));
      },
    );

    test('order numbers count 1, 2, 3 … in each year, and go on behind one that a key gave', async () => {
      const in2019 = (fields = {}) => newOrder(server, { created_at: '2019-06-01T00:00:00Z', ...fields });
      expect((await in2019()).order_number).toBe('KH-2019-000001');
      expect((await in2019()).order_number).toBe('KH-2019-000002');
      await in2019({ order_number: 'KH-2019-000123' });
      // Not the form of ours, so it does not count.
      await in2019({ order_number: 'KH-2019-0000999' });
      expect((await in2019()).order_number).toBe('KH-2019-000124');
      expect((await newOrder(server, { created_at: '2020-01-01T00:00:00Z' })).order_number).toBe('KH-2020-000001');
    });

    describe('`Idempotency-Key` on the POST (per caller, 24 h)', () => {
      const keyed = (key: string, fields: Record<string, unknown> = {}, options: ApiOptions = { as: customer }) =>
        post(fields, { ...options, headers: { 'Idempotency-Key': key } });

      test('a repeat returns the first order with 200 and broadcasts nothing; another body is CONFLICT', async () => {
        const feed = await following(server, clerk);
        const key = freshId('key');
        const first = await keyed(key);
        expect(first.status).toBe(201);
        await patch(first.body.order_id, 'accepted');
        const repeat = await keyed(key);
        expect(repeat).toMatchObject({
          status: 200,
          body: { order_id: first.body.order_id, status: 'accepted', version: first.body.version + 1 },
        });
        expect(await keyed(key, { items_count: 4 })).toMatchObject(refused(409, 'CONFLICT', { field: 'Idempotency-Key' }));
        const after = await newOrder(server);
        await feed.version(after.version);
        expect(feed.created()).toEqual([first.body.order_id, after.order_id]);
      });

      test('of forty at once one makes the order, and all get it', async () => {
        const key = freshId('key');
        const answers = await Promise.all(Array.from({ length: 40 }, () => keyed(key)));
        expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array<number>(39).fill(200), 201]);
        expect(new Set(answers.map(({ body }) => body.order_id)).size).toBe(1);
      });

      test("another caller's same key is another key: a user, a key, a key for a user", async () => {
        const key = freshId('key');
        const callers: ApiOptions[] = [{ as: customer }, { as: stranger }, { key: true }, { key: true, onBehalfOf: customer }];
        const made = await Promise.all(callers.map((caller) => keyed(key, {}, caller)));
        expect(made.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
        expect(new Set(made.map(({ body }) => body.order_id)).size).toBe(4);
      });

      test('what was refused is not remembered', async () => {
        const key = freshId('key');
        await newOrder(server, { order_id: 800_001 });
        expect(await keyed(key, { order_id: 800_001 }, { key: true })).toMatchObject(refused(409, 'CONFLICT', { field: 'order_id' }));
        expect((await keyed(key, { order_id: 800_002 }, { key: true })).status).toBe(201);
        // Its own id is not in its way.
        expect((await keyed(key, { order_id: 800_002 }, { key: true })).status).toBe(200);
      });

      test('after 24 hours it is another key', async () => {
        const [old, newer] = [freshId('key'), freshId('key')];
        for (const key of [old, newer]) await keyed(key);
        const age = (key: string, ms: number) =>
          server.app.get(WriteQueue, { strict: false }).run([], (tx) =>
            tx.db
              .updateTable('order_keys')
              .set({ created_at: tx.now - ms })
              .where('key', '=', key)
              .execute(),
          );
        await age(old, 24 * 3_600_000 + 1);
        await age(newer, 24 * 3_600_000 - 60_000);
        expect((await keyed(old, { items_count: 9 })).status).toBe(201);
        expect((await keyed(newer)).status).toBe(200);
      });

      test.each(['', 'k'.repeat(256)])('a key of no use is INVALID_DATA: %j', async (key) => {
        expect(await keyed(key)).toMatchObject(refused(400, 'INVALID_DATA', { field: 'Idempotency-Key' }));
      });
    });

    describe('PATCH {status}: `new` → `accepted` → `preparing` → `ready` → `delivered`, `cancelled` from any but `delivered`; another step is CONFLICT', () => {
      const PATHS: Record<khawam.OrderStatus, khawam.OrderStatus[]> = {
        new: [],
        accepted: ['accepted'],
        preparing: ['accepted', 'preparing'],
        ready: ['accepted', 'preparing', 'ready'],
        delivered: ['accepted', 'preparing', 'ready', 'delivered'],
        cancelled: ['cancelled'],
      };
      const NEXT: Record<khawam.OrderStatus, khawam.OrderStatus[]> = {
        new: ['accepted', 'cancelled'],
        accepted: ['preparing', 'cancelled'],
        preparing: ['ready', 'cancelled'],
        ready: ['delivered', 'cancelled'],
        delivered: [],
        cancelled: [],
      };
      const statuses = Object.keys(NEXT) as khawam.OrderStatus[];

      test.each(statuses.flatMap((from) => statuses.map((to) => [from, to] as const)))('from %s to %s', async (from, to) => {
        const { order_id: id } = await newOrder(server);
        for (const step of PATHS[from]) expect((await patch(id, step)).status).toBe(200);
        const answer = await patch(id, to);
        if (NEXT[from].includes(to)) expect(answer).toMatchObject({ status: 200, body: { order_id: id, status: to } });
        else expect(answer).toMatchObject(refused(409, 'CONFLICT', { field: 'status' }));
      });

      test('a status that there is not is INVALID_DATA', async () => {
        const { order_id: id } = await newOrder(server);
        expect(await patch(id, 'lost')).toMatchObject(refused(400, 'INVALID_DATA', { field: 'status' }));
      });

      test('of two who take the same step at once, one gets it', async () => {
        const { order_id: id } = await newOrder(server);
        const answers = await Promise.all([patch(id, 'accepted'), patch(id, 'accepted')]);
        expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
      });
    });

    test('"GET /api/orders (staff), GET /api/orders/:id (staff, or who made it), PATCH (staff)", POST ack (staff); a key may do anything', async () => {
      const { order_id: id } = (await post({}, { as: customer })).body;
      const asks = (options: ApiOptions) =>
        Promise.all(
          [
            server.api('GET', '/api/orders', options),
            server.api('GET', `/api/orders/${id}`, options),
            server.api('PATCH', `/api/orders/${id}`, { ...options, body: { status: 'new' } }),
            server.api('POST', `/api/orders/${id}/ack`, options),
          ].map(async (answer) => (await answer).status),
        );
      // The step from new to new is CONFLICT for whoever may take one.
      expect(await asks({ as: customer })).toEqual([403, 200, 403, 403]);
      expect(await asks({ as: stranger })).toEqual([403, 403, 403, 403]);
      expect(await asks({})).toEqual([401, 401, 401, 401]);
      // Somebody has to acknowledge: a key says who.
      expect(await asks({ key: true })).toEqual([200, 200, 409, 400]);
      expect(await asks({ key: true, onBehalfOf: customer })).toEqual([200, 200, 409, 403]);
      for (const role of ['employee', 'manager', 'admin'])
        expect(await asks({ as: await newStaff(server, role) })).toEqual([200, 200, 409, 200]);
    });

    test('"What the store says at the time of each action decides"', async () => {
      const somebody = await newStaff(server);
      const list = () => server.api('GET', '/api/orders', { as: somebody });
      expect((await list()).status).toBe(200);
      await server.createUser(somebody, { role: 'user' });
      expect(await list()).toMatchObject(refused(403, 'FORBIDDEN'));
    });

    test.each(['0', '-1', '1.5', 'abc', '01', '9'.repeat(30), '123456789012345'])(
      'an id that no order has is NOT_FOUND: %s',
      async (id) => {
        for (const [method, path, body] of [
          ['GET', `/api/orders/${id}`, undefined],
          ['PATCH', `/api/orders/${id}`, { status: 'accepted' }],
          ['POST', `/api/orders/${id}/ack`, undefined],
        ] as const)
          expect(await server.api(method, path, { as: clerk, body })).toMatchObject(refused(404, 'NOT_FOUND'));
      },
    );

    test('POST /api/orders/:id/ack: it is the first who acknowledged it; the next changes nothing', async () => {
      const [one, other] = [await newStaff(server), await newStaff(server, 'manager')];
      const { order_id: id, version } = await newOrder(server);
      const ack = (as: string) => server.api('POST', `/api/orders/${id}/ack`, { as });
      expect(await ack(one)).toMatchObject({ status: 200, body: { order_id: id, acknowledged_by: one, version: version + 1 } });
      expect(await ack(other)).toMatchObject({ status: 200, body: { order_id: id, acknowledged_by: one, version: version + 1 } });
      // A key for a member of staff acknowledges as that one.
      const { order_id: next } = await newOrder(server);
      expect((await server.api('POST', `/api/orders/${next}/ack`, { key: true, onBehalfOf: other })).body.acknowledged_by).toBe(other);
    });

    test('lists: the latest first, in pages without gap or repeat while orders keep coming, by status', async () => {
      const at = (n: number) => ({ created_at: new Date(Date.UTC(2090, 0, 1) + n).toISOString() });
      const made: number[] = [];
      // Three have one time: then the id decides.
      for (const n of [1, 2, 2, 2, 3]) made.push((await newOrder(server, at(n))).order_id);
      const seen: number[] = [];
      let cursor = '';
      for (let page = 0; page < 3; page++) {
        const { body } = await server.api('GET', `/api/orders?limit=2${cursor}`, { as: clerk });
        expect(body.data).toHaveLength(2);
        seen.push(...body.data.map(({ order_id }: { order_id: number }) => order_id));
        cursor = `&cursor=${body.next_cursor}`;
        made.push((await newOrder(server, at(100 + page))).order_id);
      }
      expect(seen.slice(0, 5)).toEqual(made.slice(0, 5).toReversed());
      for (const id of made) await patch(id, 'cancelled');
      const cancelled = await server.api('GET', '/api/orders?status=cancelled&limit=200', { as: clerk });
      expect(cancelled.body.data.slice(0, 3).map(({ order_id }: { order_id: number }) => order_id)).toEqual(made.slice(5).toReversed());
      for (const { status } of cancelled.body.data) expect(status).toBe('cancelled');
      expect((await server.api('GET', '/api/orders?status=ready', { as: clerk })).body.data).not.toContainEqual(
        expect.objectContaining({ order_id: made[0] }),
      );
      for (const query of ['status=lost', 'cursor=abc', 'limit=0']) {
        expect(await server.api('GET', `/api/orders?${query}`, { as: clerk })).toMatchObject(
          refused(400, 'INVALID_DATA', { field: query.split('=')[0] }),
        );
      }
    });

    test('"orders read by REST carry the version of the same snapshot": what the list does not have comes after its version', async () => {
      const before = await newOrder(server);
      const { body } = await server.api('GET', '/api/orders?limit=1', { key: true });
      expect(body.version).toBe(before.version);
      expect(body.data[0].version).toBe(body.version);
      const next = await newOrder(server);
      const feed = await following(server, clerk, { query: { since_version: String(body.version) } });
      await feed.version(next.version);
      expect(feed.changes()).toEqual([`${next.version} order_created ${next.order_id}`]);
    });

    describe('`sync` of Socket.IO', () => {
      test('has the stream `orders` for staff: every change, its version a key of the payload', async () => {
        const socket = await connected(server.url, '/', { token: server.token(clerk) });
        const made = await newOrder(server);
        const accepted = (await patch(made.order_id, 'accepted')).body;
        const { streams } = await socket.ask('sync', { cursors: { orders: made.version - 1 } });
        expect(streams.orders).toEqual({
          events: [
            { version: made.version, event: 'order_created', data: made },
            { version: accepted.version, event: 'order_updated', data: accepted },
          ],
          version: accepted.version,
          has_more: false,
          reset: false,
          receipts: null,
        });
        expect((await socket.ask('sync', { cursors: {} })).streams.orders).toMatchObject({ events: [], version: accepted.version });
      });

      test('and not for others', async () => {
        const socket = await connected(server.url, '/', { token: server.token(customer) });
        const { streams } = await socket.ask('sync', { cursors: { orders: 0 } });
        expect(streams.orders.error).toMatchObject({ code: 'FORBIDDEN' });
        expect((await socket.ask('sync', { cursors: {} })).streams).not.toHaveProperty('orders');
        const staff = await connected(server.url, '/', { token: server.token(clerk) });
        expect((await staff.ask('sync', { cursors: { 'orders:1': 0 } })).streams['orders:1'].error).toMatchObject({ code: 'NOT_FOUND' });
      });
    });

    test('"DELETE /users/:id (erases the person)": name and phone leave the orders that the person made for itself, and the log', async () => {
      const person = freshId('person');
      await server.createUser(person);
      const secret = { customer_name: freshId('Name'), customer_phone: freshId('phone') };
      const { order_id: own } = (await post(secret, { as: person })).body;
      await patch(own, 'accepted');
      const others = await newOrder(server, { customer_name: 'Somebody else' });
      const before = await following(server, clerk);
      expect((await server.api('DELETE', `/api/v2/users/${person}`, { key: true })).status).toBe(204);
      const erased = (await server.api('GET', `/api/orders/${own}`, { as: clerk })).body;
      expect(erased).toMatchObject({ customer_name: '', customer_phone: '', status: 'accepted', total_amount: 120.5 });
      expect((await before.next('order_updated')).data).toMatchObject({ order_id: own, customer_name: '' });
      expect((await server.api('GET', `/api/orders/${others.order_id}`, { as: clerk })).body.customer_name).toBe('Somebody else');
      const replayed = await following(server, clerk, { query: { since_version: '0' } });
      await replayed.version(erased.version);
      expect(JSON.stringify(replayed.all)).not.toContain(secret.customer_name);
      expect(JSON.stringify(replayed.all)).not.toContain(secret.customer_phone);
      // What staff took down for a customer is the customer's.
      const { order_id: byPhone } = (await post({ customer_name: 'By phone' }, { as: clerk })).body;
      await server.api('DELETE', `/api/v2/users/${clerk}`, { key: true });
      expect((await server.api('GET', `/api/orders/${byPhone}`, { key: true })).body.customer_name).toBe('By phone');
      clerk = await newStaff(server);
    });

    test('"API keys never count", users do: RATE_LIMIT', async () => {
      const limited = await engine.start({ RATE_LIMIT_MAX_EVENTS: '2' });
      try {
        await limited.createUser('amal');
        const make = (options: ApiOptions) => limited.api('POST', '/api/orders', { ...options, body: orderBody() });
        for (let i = 0; i < 3; i++) expect((await make({ key: true })).status).toBe(201);
        for (let i = 0; i < 2; i++) expect((await make({ as: 'amal' })).status).toBe(201);
        expect(await make({ as: 'amal' })).toMatchObject(refused(429, 'RATE_LIMIT'));
      } finally {
        await limited.stop();
      }
    });
  });
}
