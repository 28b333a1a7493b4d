import { expect, test } from 'vitest';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { caughtUp, makeDirect, makeGroup, makeUsers, ok, onServers, say, TIME, UUID_V7, v2Client, v2Clients } from '../support/chats.ts';
import { freshId } from '../support/server.ts';
import type { Client } from '../support/sockets.ts';

const WEEK_MS = 7 * 86_400_000;
const VISIT = { service_name: 'Маникюр', starts_at: '2026-01-10T14:00:00+03:00', duration: 60, price: 2000 };
const weeksAgo = (weeks: number) => new Date(Date.now() - weeks * WEEK_MS).toISOString();

onServers('bookings', (server) => {
  const ask = (method: string, path: string, as: string, body?: object) =>
    server().api(method, `/api/v2${path}`, { as, ...(body && { body }) });
  const book = async (client: string, master: string, more: object = {}) =>
    ok(await ask('POST', '/bookings', client, { master_id: master, ...VISIT, ...more }));
  const confirm = (as: string, id: string) => ask('POST', `/bookings/${id}/confirm`, as);
  const cancel = (as: string, id: string) => ask('POST', `/bookings/${id}/cancel`, as);
  const notices = (client: Client) => client.of('notification:new').map(({ type, title, body, data }) => ({ type, title, body, data }));

  test('`POST /bookings {master_id, service_name, starts_at, duration, price}`, `confirm` (the master), `cancel` (either): each state, each notification', async () => {
    const [anna, client, stranger] = await makeUsers(server(), 'Анна', 'Мария', 'Stranger');
    for (const [id, name] of [
      [anna, 'Анна'],
      [client, 'Мария'],
    ] as const)
      await server().createUser(id, { name, locale: 'ru' });
    const clients = await v2Clients(server(), anna, client, stranger);
    const made = await ask('POST', '/bookings', client, { master_id: anna, ...VISIT });
    expect([made.status, made.body]).toEqual([
      201,
      {
        id: expect.stringMatching(UUID_V7),
        master_id: anna,
        master_name: 'Анна',
        client_id: client,
        client_name: 'Мария',
        service_id: null,
        service_name: 'Маникюр',
        starts_at: '2026-01-10T11:00:00.000Z',
        duration: 60,
        price: 2000,
        status: 'requested',
        cancelled_by: null,
        message_id: null,
        created_at: expect.stringMatching(TIME),
        updated_at: expect.stringMatching(TIME),
      },
    ]);
    const { id } = made.body;
    for (const as of [client, stranger]) expect((await confirm(as, id)).body.code).toBe('FORBIDDEN');
    expect((await cancel(stranger, id)).body.code).toBe('FORBIDDEN');
    expect((await confirm(anna, freshId())).body.code).toBe('NOT_FOUND');
    const confirmed = ok(await confirm(anna, id));
    expect(confirmed).toEqual({ ...made.body, status: 'confirmed', updated_at: expect.stringMatching(TIME) });
    expect(ok(await confirm(anna, id))).toEqual(confirmed);
    const cancelled = ok(await cancel(client, id));
    expect(cancelled).toMatchObject({ status: 'cancelled', cancelled_by: client });
    expect(ok(await cancel(anna, id))).toEqual(cancelled);
    expect((await confirm(anna, id)).body.code).toBe('CONFLICT');
    // The master may cancel too, before having confirmed.
    const { id: second } = await book(client, anna, { starts_at: '2026-02-01T09:30:00Z', price: 19.5 });
    ok(await cancel(anna, second));
    await caughtUp(...clients);
    expect(notices(clients[0])).toEqual([
      {
        type: 'booking_request',
        title: 'Новая заявка на запись',
        body: 'Мария: Маникюр на 10 января в 14:00',
        data: { booking_id: id, client_id: client },
      },
      {
        type: 'booking_cancelled',
        title: 'Запись отменена',
        body: 'Маникюр: запись на 10 января в 14:00 отменена',
        data: { booking_id: id, cancelled_by: client },
      },
      expect.objectContaining({ type: 'booking_request', body: 'Мария: Маникюр на 1 февраля в 09:30 UTC' }),
    ]);
    expect(notices(clients[1])).toEqual([
      {
        type: 'booking_confirmed',
        title: 'Запись подтверждена',
        body: 'Маникюр, мастер Анна: запись на 10 января в 14:00 подтверждена',
        data: { booking_id: id, master_id: anna },
      },
      expect.objectContaining({ type: 'booking_cancelled', data: { booking_id: second, cancelled_by: anna } }),
    ]);
    expect(notices(clients[2])).toEqual([]);
  });

  test('a booking of oneself, of nobody, or with a field of the wrong kind is refused, naming the field', async () => {
    const [master, client] = await makeUsers(server(), 'Master', 'Client');
    const refused: [string, string, object][] = [
      ['INVALID_DATA', 'master_id', { master_id: client }],
      ['NOT_FOUND', 'master_id', { master_id: freshId() }],
      ['INVALID_DATA', 'starts_at', { starts_at: 'tomorrow' }],
      ['INVALID_DATA', 'starts_at', { starts_at: '2026-01-10 14:00' }],
      ['INVALID_DATA', 'duration', { duration: 0 }],
      ['INVALID_DATA', 'price', { price: -1 }],
      ['INVALID_DATA', 'price', { price: 1.999 }],
      ['INVALID_DATA', 'service_name', { service_name: '' }],
    ];
    for (const [code, field, wrong] of refused) {
      const { body } = await ask('POST', '/bookings', client, { master_id: master, ...VISIT, ...wrong });
      expect(body, JSON.stringify(wrong)).toMatchObject({ code, details: { field } });
    }
    for (const weeks of [0, 1.5, -1, '4']) {
      expect((await ask('PUT', '/bookings/auto-rule', master, { weeks })).body).toMatchObject({ details: { field: 'weeks' } });
    }
  });

  test('confirming and cancelling at once come to one end, of which each is told once', async () => {
    const [master, client] = await makeUsers(server(), 'Master', 'Client');
    const clients = await v2Clients(server(), master, client);
    const { id } = await book(client, master);
    const answers = await Promise.all([confirm(master, id), cancel(client, id), confirm(master, id), cancel(client, id)]);
    expect(answers.filter(({ status, body }) => status !== 200 && body.code !== 'CONFLICT')).toEqual([]);
    await caughtUp(...clients);
    expect(ok(await cancel(master, id)).status).toBe('cancelled');
    expect(notices(clients[0]).map(({ type }) => type)).toEqual(['booking_request', 'booking_cancelled']);
    expect(notices(clients[1]).length).toBeLessThanOrEqual(1);
  });

  test('`POST /chats/:id/messages/:message_id/accept` "(a `booking_proposal`: makes the booking)", exactly once, by its receiver', async () => {
    const [master, client, stranger] = await makeUsers(server(), 'Master', 'Client', 'Stranger');
    const chat = await makeDirect(server(), master, client);
    const [masters, customers] = await v2Clients(server(), master, client);
    const proposal = {
      type: 'booking_proposal',
      content: 'Хотите записаться на маникюр?',
      metadata: { service_id: 'service-uuid', service_name: 'Маникюр', price: 2000, duration: 60 },
    };
    const { message_id: messageId } = await say(masters, chat.id, proposal.content, proposal);
    const accept = (as: string, id: string, body?: object, chatId = chat.id) =>
      ask('POST', `/chats/${chatId}/messages/${id}/accept`, as, body);
    expect((await accept(master, messageId)).body.code).toBe('FORBIDDEN');
    expect((await accept(stranger, messageId)).body.code).toBe('FORBIDDEN');
    expect((await accept(client, messageId, undefined, freshId())).body.code).toBe('CHAT_NOT_FOUND');
    expect((await accept(client, freshId())).body.code).toBe('NOT_FOUND');
    const answers = await Promise.all(Array.from({ length: 5 }, () => accept(client, messageId, { starts_at: '2026-03-01T10:00:00Z' })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 200, 201]);
    for (const { body } of answers) {
      expect(body).toMatchObject({
        id: answers[0]!.body.id,
        master_id: master,
        client_id: client,
        service_id: 'service-uuid',
        service_name: 'Маникюр',
        price: 2000,
        duration: 60,
        starts_at: '2026-03-01T10:00:00.000Z',
        status: 'confirmed',
        message_id: messageId,
      });
    }
    await caughtUp(masters, customers);
    expect(notices(masters)).toEqual([
      {
        type: 'booking_confirmed',
        title: 'Booking confirmed',
        body: expect.stringMatching(/^Маникюр with Master on March 1 at 10:00\sAM UTC is confirmed$/),
        data: { booking_id: answers[0]!.body.id, master_id: master, client_id: client },
      },
    ]);
    expect(notices(customers)).toEqual([]);
    // All of a proposal's metadata is optional; what is no proposal, or is gone, cannot be accepted.
    const bare = await say(masters, chat.id, 'Запишемся?', { type: 'booking_proposal' });
    expect(ok(await accept(client, bare.message_id))).toMatchObject({
      service_name: 'Запишемся?',
      starts_at: null,
      duration: null,
      price: null,
    });
    const text = await say(masters, chat.id, 'text');
    expect((await accept(client, text.message_id)).body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'message_id' } });
    const gone = await say(masters, chat.id, 'never mind', { type: 'booking_proposal' });
    await masters.ask('chat:message:delete', { chat_id: chat.id, message_id: gone.message_id });
    expect((await accept(client, gone.message_id)).body.code).toBe('NOT_FOUND');
  });

  test('in a group one accepts, and the others come too late', async () => {
    const [master, one, two] = await makeUsers(server(), 'Master', 'One', 'Two');
    const chat = await makeGroup(server(), master, one, two);
    const masters = await v2Client(server(), master);
    const { message_id: id } = await say(masters, chat.id, 'Свободно в 14:00', { type: 'booking_proposal' });
    const answers = await Promise.all([one, two].map((as) => ask('POST', `/chats/${chat.id}/messages/${id}/accept`, as)));
    expect(answers.map(({ status, body }) => body.code ?? status).toSorted()).toEqual([201, 'CONFLICT']);
  });

  test('`PUT /bookings/auto-rule {weeks}` "of a master proposes the next booking so long after a client\'s last": `auto_booking_proposal`, once for each', async () => {
    const [master, regular, recent, asking, newcomer] = await makeUsers(server(), 'Master', 'Regular', 'Recent', 'Asking', 'Newcomer');
    const everyone = await v2Clients(server(), master, regular, recent, asking, newcomer);
    const [, regulars, recents, askings, newcomers] = everyone;
    const visit = async (client: string, weeks: number) => {
      const { id } = await book(client, master, { starts_at: weeksAgo(weeks) });
      ok(await confirm(master, id));
      return id as string;
    };
    await visit(regular, 9);
    const last = await visit(regular, 5);
    await visit(recent, 9);
    await visit(recent, 3);
    await visit(asking, 9);
    await book(asking, master, { starts_at: weeksAgo(-1) });
    await book(newcomer, master, { starts_at: weeksAgo(9) });
    expect(ok(await ask('PUT', '/bookings/auto-rule', master, { weeks: 4 }))).toEqual({ weeks: 4 });
    const proposals = (client: Client) => notices(client).filter(({ type }) => type === 'auto_booking_proposal');
    expect(await regulars.next('notification:new', ({ type }) => type === 'auto_booking_proposal')).toMatchObject({
      title: 'Time for the next booking?',
      body: 'Маникюр with Master: book again',
      data: { booking_id: last, master_id: master, service_name: 'Маникюр' },
    });
    // Whose last visit was long enough ago, and confirmed, and who has not asked since: nobody else, and once.
    ok(await ask('PUT', '/bookings/auto-rule', master, { weeks: 4 }));
    const { db } = server().app.get<Storage>(STORAGE, { strict: false });
    const waiting = async () =>
      (
        await db
          .selectFrom('bookings')
          .select(['client_id', 'propose_at'])
          .where('master_id', '=', master)
          .where('propose_at', 'is not', null)
          .execute()
      ).map(({ client_id }) => client_id);
    expect(await waiting()).toEqual([recent]);
    // A shorter rule finds the one whose last visit was three weeks ago, and the next visit of the first counts anew.
    await visit(regular, 3);
    ok(await ask('PUT', '/bookings/auto-rule', master, { weeks: 2 }));
    await Promise.all([
      recents.next('notification:new', ({ type }) => type === 'auto_booking_proposal'),
      regulars.until(() => proposals(regulars)[1]),
    ]);
    // Cancelling what was asked for makes the visit before it the last again.
    const [{ id: open }] = (await db
      .selectFrom('bookings')
      .select('id')
      .where('client_id', '=', asking)
      .where('status', '=', 'requested')
      .execute()) as [{ id: string }];
    ok(await cancel(asking, open));
    await askings.next('notification:new', ({ type }) => type === 'auto_booking_proposal');
    await caughtUp(...everyone);
    expect(everyone.map((client) => proposals(client).length)).toEqual([0, 2, 1, 1, 0]);
    expect(newcomers.of('notification:new')).toEqual([]);
    // Without a rule nothing waits.
    await visit(newcomer, 1);
    expect(await waiting()).toEqual([newcomer]);
    expect(ok(await ask('PUT', '/bookings/auto-rule', master, { weeks: null }))).toEqual({ weeks: null });
    expect(await waiting()).toEqual([]);
  });

  test('what an erased person had still booked is cancelled, and the other one is told', async () => {
    const [master, client] = await makeUsers(server(), 'Master', 'Client');
    const past = await book(client, master, { starts_at: weeksAgo(1) });
    const coming = await book(client, master, { starts_at: weeksAgo(-1) });
    for (const { id } of [past, coming]) ok(await confirm(master, id));
    ok(await ask('PUT', '/bookings/auto-rule', master, { weeks: 4 }));
    const customers = await v2Client(server(), client);
    ok(await server().api('DELETE', `/api/v2/users/${master}`, { key: true }));
    expect(await customers.next('notification:new')).toMatchObject({ type: 'booking_cancelled', data: { booking_id: coming.id } });
    await caughtUp(customers);
    expect(notices(customers)).toHaveLength(1);
    const { db } = server().app.get<Storage>(STORAGE, { strict: false });
    expect(await db.selectFrom('auto_booking_rules').selectAll().where('master_id', '=', master).execute()).toEqual([]);
    const waiting = db.selectFrom('bookings').select('id').where('master_id', '=', master).where('propose_at', 'is not', null);
    expect(await waiting.execute()).toEqual([]);
  });
});
