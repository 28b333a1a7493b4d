import { ERRORS, type allawzi } from '@majlis/contract';
import { describe, expect, test } from 'vitest';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { v7 as uuidv7 } from 'uuid';
import { heardSince, makeUsers, ok, onServers, TIME, UUID_V7 } from '../support/chats.ts';
import { freshId } from '../support/server.ts';
import { client, type Client } from '../support/sockets.ts';
import { countStatements } from '../support/statements.ts';
import { getTicket, join, makeTicket, messagesOf, openTicket, patchTicket, send, supportClient } from './tickets.ts';

const caughtUp = (...clients: Client[]) => Promise.all(clients.map((one) => one.ask('ping', {})));
const ticketEvents = (one: Client) =>
  one.all.filter(({ data }) => data?.version !== undefined).map(({ event, data }) => ({ version: data.version, event, data }));
const versions = (one: Client) => ticketEvents(one).map(({ version }) => version);
const oneToN = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

onServers('support tickets', (server) => {
  const api = (...args: Parameters<ReturnType<typeof server>['api']>) => server().api(...args);
  const tickets = async (as: string, query = '') => ok(await api('GET', `/api/v1/support/tickets${query}`, { as }));

  describe('tickets', () => {
    test('`POST /support/tickets {subject, message, priority?}` makes a ticket with its first message, and all staff hear of it', async () => {
      const { agent, owner } = await makeTicket(server());
      const [agents, owners] = await Promise.all([supportClient(server(), agent), supportClient(server(), owner)]);
      const { status, body: ticket } = await api('POST', '/api/v1/support/tickets', {
        as: owner,
        body: { subject: 'Printer', message: 'It smokes', priority: 'urgent' },
      });
      expect(status).toBe(201);
      expect(ticket).toEqual({
        id: expect.stringMatching(UUID_V7),
        subject: 'Printer',
        status: 'open',
        priority: 'urgent',
        ownerId: owner,
        ownerName: 'Owner',
        assigneeId: null,
        assigneeName: null,
        unreadCount: 0,
        lastSeq: 1,
        lastMessage: expect.objectContaining({ message: 'It smokes' }),
        createdAt: expect.stringMatching(TIME),
        updatedAt: ticket.createdAt,
        firstResponseAt: null,
        resolvedAt: null,
        firstResponseMs: null,
        resolutionMs: null,
        version: 2,
      });
      const heard = await agents.next('support:new-message');
      expect(heard).toMatchObject({
        ticketId: ticket.id,
        version: 2,
        message: { seq: 1, senderId: owner, senderRole: 'user', message: 'It smokes' },
      });
      expect(agents.of('ticket:updated')).toEqual([{ ...ticket, version: 1, lastSeq: 0, lastMessage: null, unreadCount: 1 }]);
      await owners.next('support:new-message');
      expect([versions(agents), versions(owners)]).toEqual([
        [1, 2],
        [1, 2],
      ]);
    });

    test('`PATCH /support/tickets/:id {status?, priority?, assigneeId?}` (staff): `ticket:updated` to both sides; what is no change is none', async () => {
      const { owner, agent, manager, stranger, id } = await makeTicket(server());
      const [owners, agents] = await Promise.all([supportClient(server(), owner), supportClient(server(), agent)]);
      const changed = ok(await patchTicket(server(), agent, id, { status: 'pending', priority: 'high', assigneeId: manager }));
      expect(changed).toMatchObject({ status: 'pending', priority: 'high', assigneeId: manager, assigneeName: 'Manager', version: 3 });
      const event = { ...changed, lastMessage: null };
      expect([await owners.next('ticket:updated'), await agents.next('ticket:updated')]).toEqual([{ ...event, unreadCount: 0 }, event]);
      expect(ok(await patchTicket(server(), agent, id, { status: 'pending', priority: 'high', assigneeId: manager })).version).toBe(3);
      expect(ok(await patchTicket(server(), agent, id, { assigneeId: null }))).toMatchObject({ assigneeId: null, assigneeName: null });
      for (const who of [owner, stranger]) expect((await patchTicket(server(), who, id, { status: 'closed' })).body.code).toBe('FORBIDDEN');
      const wrong: [string, object][] = [
        ['status', { status: 'lost' }],
        ['priority', { priority: 1 }],
        ['assigneeId', { assigneeId: stranger }],
        ['assigneeId', { assigneeId: '' }],
      ];
      for (const [field, body] of wrong) {
        expect((await patchTicket(server(), agent, id, body)).body, field).toMatchObject({ code: 'INVALID_DATA', details: { field } });
      }
      expect((await patchTicket(server(), agent, uuidv7(), { status: 'closed' })).body.code).toBe('NOT_FOUND');
    });

    test('first-response and resolution times: the first answer that the owner could see, and until it is resolved', async () => {
      const { owner, agent, id } = await makeTicket(server());
      await send(server(), agent, id, 'looking into it', { isInternal: true });
      expect(await getTicket(server(), agent, id)).toMatchObject({ firstResponseAt: null, firstResponseMs: null });
      const answer = await send(server(), agent, id, 'Hello!');
      await send(server(), agent, id, 'Hello again!');
      const answered = await getTicket(server(), owner, id);
      expect(answered.firstResponseAt).toBe(answer.createdAt);
      expect(answered.firstResponseMs).toBe(Date.parse(answer.createdAt) - Date.parse(answered.createdAt));
      const resolved = ok(await patchTicket(server(), agent, id, { status: 'resolved' }));
      expect(resolved.resolutionMs).toBe(Date.parse(resolved.resolvedAt) - Date.parse(resolved.createdAt));
      expect(ok(await patchTicket(server(), agent, id, { status: 'closed' })).resolvedAt).toBe(resolved.resolvedAt);
      expect(ok(await patchTicket(server(), agent, id, { status: 'open' }))).toMatchObject({ resolvedAt: null, resolutionMs: null });
    });

    test('automatic reopening when the owner writes to a resolved ticket; a closed one takes no messages but notes', async () => {
      const { owner, agent, id } = await makeTicket(server());
      const owners = await supportClient(server(), owner);
      ok(await patchTicket(server(), agent, id, { status: 'resolved' }));
      await send(server(), agent, id, 'Write if it happens again');
      expect((await getTicket(server(), owner, id)).status).toBe('resolved');
      await send(server(), owner, id, 'It happened again');
      expect(await owners.next('ticket:updated', ({ status }) => status === 'open')).toMatchObject({ resolvedAt: null });
      expect(await getTicket(server(), owner, id)).toMatchObject({ status: 'open', resolvedAt: null });
      ok(await patchTicket(server(), agent, id, { status: 'closed' }));
      for (const who of [owner, agent]) {
        expect((await api('POST', `/api/v1/support/tickets/${id}/messages`, { as: who, body: { message: 'more' } })).body.code).toBe(
          'CONFLICT',
        );
      }
      await send(server(), agent, id, 'for the record', { isInternal: true });
    });

    test("`GET /support/tickets`: one's own; for staff everybody's, by status, priority and assignee, the latest change first, page by page", async () => {
      const [owner, other, agent] = await makeUsers(server(), 'Owner', 'Other', 'Agent');
      await server().createUser(agent, { role: 'employee' });
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) ids.unshift((await openTicket(server(), owner, { subject: `${i}` })).id);
      await openTicket(server(), other);
      const found = (list: { data: { id: string }[] }) => list.data.map(({ id }) => id);
      expect(found(await tickets(owner))).toEqual(ids);
      const first = await tickets(owner, '?limit=2');
      const second = await tickets(owner, `?limit=2&cursor=${first.nextCursor}`);
      const third = await tickets(owner, `?limit=2&cursor=${second.nextCursor}`);
      expect([...found(first), ...found(second), ...found(third)]).toEqual(ids);
      expect(third.nextCursor).toBeNull();
      for (const id of [ids[1]!, ids[3]!]) ok(await patchTicket(server(), agent, id, { assigneeId: agent, priority: 'low' }));
      expect(found(await tickets(agent, `?assigneeId=${agent}&priority=low&status=open`))).toEqual([ids[3], ids[1]]);
      expect(found(await tickets(owner)).slice(0, 2)).toEqual([ids[3], ids[1]]);
      expect((await api('GET', '/api/v1/support/tickets?cursor=nonsense', { as: owner })).body).toMatchObject({
        code: 'INVALID_DATA',
        details: { field: 'cursor' },
      });
    });
  });

  describe('messages', () => {
    test('`message:new` to sockets in the ticket; `support:new-message {ticketId, message}` to those of its owner and of staff that are not: never both to one socket', async () => {
      const { owner, agent, manager, id } = await makeTicket(server());
      const [inside, outside, agents, managers] = await Promise.all(
        [owner, owner, agent, manager].map((user) => supportClient(server(), user)),
      );
      await Promise.all([join(inside!, id), join(agents!, id)]);
      const message = await send(server(), agent, id, 'Hello');
      await Promise.all([
        inside!.next('message:new'),
        agents!.next('message:new'),
        outside!.next('support:new-message'),
        managers!.next('support:new-message'),
      ]);
      await caughtUp(inside!, outside!, agents!, managers!);
      for (const joined of [inside!, agents!])
        expect([joined.of('message:new'), joined.of('support:new-message')]).toEqual([[message], []]);
      for (const other of [outside!, managers!]) {
        expect([other.of('message:new'), other.of('support:new-message')]).toEqual([
          [],
          [{ ticketId: id, message, version: message.version }],
        ]);
      }
    });

    test('joining the same ticket on two devices; leaving on one keeps the other', async () => {
      const { owner, agent, id } = await makeTicket(server());
      const [phone, tablet] = await Promise.all([supportClient(server(), owner), supportClient(server(), owner)]);
      await Promise.all([join(phone, id), join(tablet, id)]);
      phone.tell('leave-ticket', { ticketId: id });
      await phone.next('left-ticket');
      await send(server(), agent, id, 'Hello');
      await Promise.all([phone.next('support:new-message'), tablet.next('message:new')]);
      await caughtUp(phone, tablet);
      expect([phone.of('message:new'), tablet.of('support:new-message')]).toEqual([[], []]);
    });

    test('`clientMessageId`: a repeated send stores and delivers nothing and answers the first, with 200; another content is CONFLICT', async () => {
      const { owner, agent, id } = await makeTicket(server());
      const agents = await supportClient(server(), agent);
      const post = (body: object, as = owner) =>
        api('POST', `/api/v1/support/tickets/${id}/messages`, { as, body: { clientMessageId: 'c1', ...body } });
      const [one, two] = await Promise.all([post({ message: 'once' }), post({ message: 'once' })]);
      expect([one.status, two.status].toSorted()).toEqual([200, 201]);
      expect(one.body).toEqual(two.body);
      expect((await post({ message: 'twice' })).body).toMatchObject({ code: 'CONFLICT', details: { field: 'clientMessageId' } });
      expect((await post({ message: 'once', attachments: ['https://files.test/a'] })).body.code).toBe('CONFLICT');
      expect((await post({ message: 'once' }, agent)).status).toBe(201);
      await agents.count('support:new-message', 2);
      await caughtUp(agents);
      expect(agents.of('support:new-message').map(({ message }) => [message.senderId, message.message])).toEqual([
        [owner, 'once'],
        [agent, 'once'],
      ]);
    });

    test('INVALID_DATA names the field; over 4,096 characters it is MESSAGE_TOO_LARGE; attachments are http(s) URLs or objects with one', async () => {
      const { owner, id } = await makeTicket(server());
      const post = async (body: object) => (await api('POST', `/api/v1/support/tickets/${id}/messages`, { as: owner, body })).body;
      const wrong: [string, object][] = [
        ['message', {}],
        ['message', { message: '' }],
        ['message', { message: 7 }],
        ['attachments', { message: 'x', attachments: 'https://a.test' }],
        ['attachments.0', { message: 'x', attachments: ['javascript:alert(1)'] }],
        ['attachments', { message: 'x', attachments: Array(21).fill('https://a.test/') }],
        ['isInternal', { message: 'x', isInternal: 'no' }],
        ['clientMessageId', { message: 'x', clientMessageId: '' }],
      ];
      for (const [field, body] of wrong)
        expect(await post(body), JSON.stringify(body)).toMatchObject({ code: 'INVALID_DATA', details: { field } });
      expect((await post({ message: 'x'.repeat(4_097) })).code).toBe('MESSAGE_TOO_LARGE');
      const attachments = ['https://files.test/a.png', { url: 'https://files.test/b.pdf', fileName: 'b.pdf', Size: 12 }];
      expect(await post({ message: '', attachments })).toMatchObject({ message: '', attachments });
    });

    test('messages are ascending: the newest first page, and the cursor leads to older ones', async () => {
      const { owner, id } = await makeTicket(server());
      for (let i = 2; i <= 7; i++) await send(server(), owner, id, `${i}`);
      const page = async (query: string) => ok(await api('GET', `/api/v1/support/tickets/${id}/messages?limit=3${query}`, { as: owner }));
      const first = await page('');
      const second = await page(`&cursor=${first.nextCursor}`);
      const third = await page(`&cursor=${second.nextCursor}`);
      const seqs = (list: { data: allawzi.SupportMessage[] }) => list.data.map(({ seq }) => seq);
      expect([seqs(first), seqs(second), seqs(third), third.nextCursor]).toEqual([[5, 6, 7], [2, 3, 4], [1], null]);
      expect(first.version).toBe((await getTicket(server(), owner, id)).version);
    });
  });

  describe('unread counts for both sides', () => {
    test('the owner counts what staff said, staff together what the owner said; reading on one device updates the count on all of that side', async () => {
      const { owner, agent, manager, id } = await makeTicket(server());
      await send(server(), agent, id, 'one');
      await send(server(), manager, id, 'two');
      await send(server(), owner, id, 'three');
      const unread = async (who: string) => (await getTicket(server(), who, id)).unreadCount;
      expect([await unread(owner), await unread(agent), await unread(manager)]).toEqual([2, 2, 2]);
      const [phone, tablet, agents, managers] = await Promise.all(
        [owner, owner, agent, manager].map((user) => supportClient(server(), user)),
      );
      expect(ok(await api('POST', `/api/v1/support/tickets/${id}/read`, { as: owner }))).toEqual({
        readAt: expect.stringMatching(TIME),
        unreadCount: 0,
      });
      for (const device of [phone!, tablet!]) expect(await device.next('ticket:updated')).toMatchObject({ id, unreadCount: 0 });
      ok(await api('POST', `/api/v1/support/tickets/${id}/read`, { as: agent }));
      expect(await managers!.next('ticket:updated')).toMatchObject({ id, unreadCount: 0 });
      // Again changes nothing, and no side hears of the other's reading.
      for (const who of [owner, manager]) ok(await api('POST', `/api/v1/support/tickets/${id}/read`, { as: who }));
      await caughtUp(phone!, tablet!, agents!, managers!);
      expect([phone, tablet, agents, managers].map((one) => one!.of('ticket:updated').length)).toEqual([1, 1, 1, 1]);
      expect([await unread(owner), await unread(agent)]).toEqual([0, 0]);
    });
  });

  describe('internal notes that the owner never sees', () => {
    test('of a note staff get the event, the owner nothing: no event, no gap, no seq, no count, no time', async () => {
      const { owner, agent, manager, id } = await makeTicket(server());
      const [inside, outside, agents, managers] = await Promise.all(
        [owner, owner, agent, manager].map((user) => supportClient(server(), user)),
      );
      await Promise.all([join(inside!, id), join(agents!, id)]);
      const before = [await getTicket(server(), owner, id), await messagesOf(server(), owner, id), await tickets(owner)];
      const heard = [inside!.all.length, outside!.all.length];
      const note = await send(server(), agent, id, 'a SECRET about the customer', { isInternal: true });
      expect(note).toMatchObject({ isInternal: true, seq: 2, version: 3 });
      expect(await agents!.next('message:new')).toEqual(note);
      expect(await managers!.next('support:new-message')).toEqual({ ticketId: id, message: note, version: 3 });
      await caughtUp(inside!, outside!);
      expect([heardSince(inside!, heard[0]!), heardSince(outside!, heard[1]!)]).toEqual([[], []]);
      expect([await getTicket(server(), owner, id), await messagesOf(server(), owner, id), await tickets(owner)]).toEqual(before);
      expect(await messagesOf(server(), manager, id)).toMatchObject([{ seq: 1 }, note]);

      // What follows leaves no trace of it either.
      const answer = await send(server(), agent, id, 'an answer');
      expect(await inside!.next('message:new')).toMatchObject({ id: answer.id, seq: 2, version: 3 });
      expect(await getTicket(server(), owner, id)).toMatchObject({ lastSeq: 2, unreadCount: 1 });
      expect(await getTicket(server(), manager, id)).toMatchObject({ lastSeq: 3, unreadCount: 1 });
      const { streams } = await inside!.ask('sync', { cursors: { [`ticket:${id}`]: 0 } });
      const synced = streams[`ticket:${id}`];
      expect(synced.events.map(({ version }: { version: number }) => version)).toEqual(oneToN(synced.version));
      for (const seen of [inside!.all, outside!.all, synced]) expect(JSON.stringify(seen)).not.toContain('SECRET');
    });

    test('the owner can neither write one nor read those on an own ticket, being staff or not', async () => {
      const [owner, agent] = await makeUsers(server(), 'Owner', 'Agent');
      await Promise.all([owner, agent].map((id) => server().createUser(id, { role: 'manager' })));
      const { id } = await openTicket(server(), owner);
      const owners = await supportClient(server(), owner);
      const refused = await api('POST', `/api/v1/support/tickets/${id}/messages`, { as: owner, body: { message: 'x', isInternal: true } });
      expect(refused.body.code).toBe('FORBIDDEN');
      await send(server(), agent, id, 'about a colleague', { isInternal: true });
      const answer = await send(server(), agent, id, 'an answer');
      expect(await owners.next('support:new-message')).toMatchObject({ message: { id: answer.id, seq: 2 } });
      expect((await messagesOf(server(), owner, id)).map(({ isInternal }) => isInternal)).toEqual([false, false]);
      await caughtUp(owners);
      expect(owners.of('support:new-message')).toHaveLength(1);
    });
  });

  describe('streams', () => {
    test('"every ticket change is in its stream, so that a client that was away catches up with `sync`": each side the very events that its sockets had', async () => {
      const { owner, agent, manager, id } = await makeTicket(server());
      const [owners, agents] = await Promise.all([supportClient(server(), owner), supportClient(server(), agent)]);
      const name = `ticket:${id}`;
      await join(agents, id);
      await send(server(), agent, id, 'a note', { isInternal: true });
      await send(server(), agent, id, 'an answer');
      ok(await patchTicket(server(), agent, id, { status: 'resolved', assigneeId: manager }));
      await send(server(), owner, id, 'again');
      ok(await api('POST', `/api/v1/support/tickets/${id}/read`, { as: owner }));
      ok(await api('POST', `/api/v1/support/tickets/${id}/read`, { as: agent }));
      await owners.next('ticket:updated', ({ status, unreadCount }) => status === 'open' && unreadCount === 0);
      await agents.next('ticket:updated', ({ status, unreadCount }) => status === 'open' && unreadCount === 0);
      for (const [one, who] of [
        [owners, owner],
        [agents, agent],
      ] as const) {
        const { version } = await getTicket(server(), who, id);
        expect(versions(one)).toEqual(oneToN(version).slice(2));
        const { streams } = await one.ask('sync', { cursors: { [name]: 2 } });
        expect(streams[name]).toEqual({ events: ticketEvents(one), version, hasMore: false, reset: false, receipts: null });
        const later = await supportClient(server(), who);
        expect((await later.ask('sync', { cursors: {} })).streams[name]).toEqual({
          events: [],
          version,
          hasMore: false,
          reset: false,
          receipts: null,
        });
      }
      expect((await getTicket(server(), agent, id)).version).toBe((await getTicket(server(), owner, id)).version + 1);
    });

    test('the namespaces know their own streams only', async () => {
      const { owner, id } = await makeTicket(server());
      const owners = await supportClient(server(), owner);
      const { streams } = await owners.ask('sync', { cursors: { user: 0, [`ticket-staff:${id}`]: 0, [`ticket:${uuidv7()}`]: 0 } });
      for (const name of ['user', `ticket-staff:${id}`]) expect(streams[name].error.code, name).toBe('NOT_FOUND');
    });

    test('who becomes staff gets the events of tickets from then on, and who is staff no more gets none', async () => {
      const { owner, agent, stranger, id } = await makeTicket(server());
      const [agents, strangers] = await Promise.all([supportClient(server(), agent), supportClient(server(), stranger)]);
      await join(agents, id);
      await send(server(), owner, id, 'before');
      await agents.next('message:new');
      await server().createUser(stranger, { role: 'employee' });
      await server().createUser(agent, { role: 'user' });
      await join(strangers, id);
      await send(server(), owner, id, 'after');
      expect(await strangers.next('message:new')).toMatchObject({ message: 'after' });
      await caughtUp(agents);
      expect(agents.of('message:new').map(({ message }) => message)).toEqual(['before']);
      expect(await agents.ask('join-ticket', { ticketId: id })).toMatchObject({ error: { code: 'FORBIDDEN' } });
      expect((await api('GET', `/api/v1/support/tickets/${id}`, { as: agent })).body.code).toBe('FORBIDDEN');
    });
  });

  describe('a stranger gets nothing from a ticket by any event or route, typing and counts included', () => {
    test('every event and route refuses, a made-up id is NOT_FOUND, and nothing arrives', async () => {
      const { owner, agent, stranger, id } = await makeTicket(server());
      const strangers = await supportClient(server(), stranger);
      for (const [ticketId, code] of [
        [id, 'FORBIDDEN'],
        [uuidv7(), 'NOT_FOUND'],
        ['nonsense', 'NOT_FOUND'],
      ] as const) {
        for (const [event, payload] of [
          ['join-ticket', {}],
          ['leave-ticket', {}],
          ['typing', { isTyping: true }],
        ] as const) {
          expect(await strangers.ask(event, { ticketId, ...payload }), event).toMatchObject({
            status: 'error',
            error: { code, message: ERRORS[code].ar },
          });
        }
        expect((await strangers.ask('sync', { cursors: { [`ticket:${ticketId}`]: 0 } })).streams).toEqual({
          [`ticket:${ticketId}`]: { error: expect.objectContaining({ code }) },
        });
        for (const [method, path, body] of [
          ['GET', '', undefined],
          ['PATCH', '', { status: 'closed' }],
          ['GET', '/messages', undefined],
          ['POST', '/messages', { message: 'x' }],
          ['POST', '/read', undefined],
        ] as const) {
          const answer = await api(method, `/api/v1/support/tickets/${ticketId}${path}`, { as: stranger, body });
          expect([answer.body.code, answer.headers.get('content-type')], `${method} ${path}`).toEqual([
            code,
            'application/problem+json; charset=utf-8',
          ]);
        }
      }
      const before = strangers.all.length;
      const [owners, agents] = await Promise.all([supportClient(server(), owner), supportClient(server(), agent)]);
      await Promise.all([join(owners, id), join(agents, id)]);
      await send(server(), agent, id, 'public');
      await send(server(), agent, id, 'internal', { isInternal: true });
      await owners.ask('typing', { ticketId: id, isTyping: true });
      ok(await patchTicket(server(), agent, id, { status: 'pending' }));
      ok(await api('POST', `/api/v1/support/tickets/${id}/read`, { as: owner }));
      await Promise.all([agents.next('user-typing'), owners.next('ticket:updated', ({ unreadCount }) => unreadCount === 0)]);
      await caughtUp(strangers);
      expect(heardSince(strangers, before)).toEqual([]);
      expect(await tickets(stranger)).toEqual({ data: [], nextCursor: null });
    });
  });

  describe('typing', () => {
    test('`user-typing {ticketId, userId, isTyping}` to the others in the ticket: sockets in it, not the typist’s own', async () => {
      const { owner, agent, manager, id } = await makeTicket(server());
      const [owners, agents, outside] = await Promise.all([owner, agent, manager].map((user) => supportClient(server(), user)));
      await Promise.all([join(owners!, id), join(agents!, id)]);
      owners!.tell('typing', { ticketId: id, isTyping: true });
      expect(await agents!.next('user-typing')).toEqual({ ticketId: id, userId: owner, isTyping: true });
      // "…so it does when the typist disconnects"
      owners!.close();
      expect(await agents!.next('user-typing', ({ isTyping }) => !isTyping)).toEqual({ ticketId: id, userId: owner, isTyping: false });
      await caughtUp(outside!);
      expect([owners!.of('user-typing'), outside!.of('user-typing')]).toEqual([[], []]);
    });

    test('typing that is not renewed ends by itself', async () => {
      const { owner, agent, id } = await makeTicket(server());
      const [owners, agents] = await Promise.all([supportClient(server(), owner), supportClient(server(), agent)]);
      await join(owners, id);
      await agents.ask('typing', { ticketId: id, isTyping: true });
      expect(await owners.next('user-typing', ({ isTyping }) => !isTyping)).toEqual({ ticketId: id, userId: agent, isTyping: false });
    });
  });

  test('canned replies are shared by staff: GET, POST, DELETE; nobody else', async () => {
    const { owner, agent, manager } = await makeTicket(server());
    const path = '/api/v1/support/canned-replies';
    const made = ok(await api('POST', path, { as: agent, body: { title: freshId('greeting'), message: 'مرحبا!' } }));
    expect(made).toEqual({
      id: expect.stringMatching(UUID_V7),
      title: made.title,
      message: 'مرحبا!',
      createdBy: agent,
      createdAt: expect.stringMatching(TIME),
    });
    expect(ok(await api('GET', path, { as: manager })).data).toContainEqual(made);
    for (const [method, route, body] of [
      ['GET', path, undefined],
      ['POST', path, { title: 'a', message: 'b' }],
      ['DELETE', `${path}/${made.id}`, undefined],
    ] as const) {
      const { body: refused } = await api(method, route, { as: owner, body, headers: { 'accept-language': 'ar' } });
      expect(refused).toMatchObject({ code: 'FORBIDDEN', detail: ERRORS.FORBIDDEN.ar });
    }
    expect((await api('DELETE', `${path}/${made.id}`, { as: manager })).status).toBe(204);
    expect((await api('DELETE', `${path}/${made.id}`, { as: manager })).body.code).toBe('NOT_FOUND');
  });

  test('what an erased person wrote is gone, from the log as well; the others read on', async () => {
    const { owner, agent, id } = await makeTicket(server(), { subject: 'SECRET one', message: 'SECRET two' });
    await send(server(), agent, id, 'an answer');
    const agents = await supportClient(server(), agent);
    ok(await api('DELETE', `/api/v2/users/${owner}`, { key: true }));
    expect(await agents.next('ticket:updated')).toMatchObject({ subject: '', ownerName: '' });
    expect(await messagesOf(server(), agent, id)).toMatchObject([
      { message: '', senderName: '' },
      { message: 'an answer', senderName: 'Agent' },
    ]);
    expect((await agents.ask('sync', { cursors: { [`ticket:${id}`]: 1 } })).streams[`ticket:${id}`]).toMatchObject({
      events: [],
      reset: true,
    });
    const { db } = server().app.get<Storage>(STORAGE, { strict: false });
    const log = await db
      .selectFrom('stream_log')
      .select('data')
      .where('stream', 'in', [`ticket:${id}`, `ticket-staff:${id}`])
      .execute();
    expect(JSON.stringify(log)).not.toContain('SECRET');
  });

  test('two hundred tickets with ten thousand messages list in one page request, with no query per row', async () => {
    const [agent, ...owners] = await makeUsers(server(), 'Agent', ...Array.from({ length: 20 }, (_, i) => `owner${i}`));
    await server().createUser(agent, { role: 'employee' });
    await fill(server().app.get<Storage>(STORAGE, { strict: false }), owners, 200, 50);
    const statements = countStatements(server());
    const counts: number[] = [];
    for (const limit of [2, 200]) {
      const { data } = await tickets(agent, `?limit=${limit}`);
      expect(data.length).toBe(limit);
      for (const ticket of data)
        expect(ticket).toMatchObject({ lastSeq: 50, unreadCount: 3, lastMessage: { ticketId: ticket.id, seq: 50 } });
      counts.push(await statements(() => tickets(agent, `?limit=${limit}`)));
    }
    expect(counts[1]).toBe(counts[0]);
    expect(counts[1]).toBeGreaterThan(0);
    expect(counts[1]).toBeLessThan(20);
  });
});

/** Puts tickets in the store as the server would have, all at once. */
async function fill(storage: Storage, owners: readonly string[], count: number, messages: number): Promise<void> {
  const now = Date.now() + 1_000_000;
  const ids = Array.from({ length: count }, () => uuidv7());
  await storage.transaction(async ({ db }) => {
    await db
      .insertInto('tickets')
      .values(
        ids.map((id, i) => ({
          id,
          subject: `Ticket ${i}`,
          status: 'open' as const,
          priority: 'normal' as const,
          owner_id: owners[i % owners.length]!,
          assignee_id: null,
          owner_unread: 0,
          staff_unread: 3,
          created_at: now,
          updated_at: now + i,
          first_response_at: null,
          resolved_at: null,
        })),
      )
      .execute();
    const streams = ids
      .flatMap((id) => [`ticket:${id}`, `ticket-staff:${id}`])
      .map((id) => ({ id, version: messages + 1, seq: messages, forgotten: messages + 1 }));
    await db.insertInto('streams').values(streams).execute();
    for (const [i, ticket_id] of ids.entries()) {
      await db
        .insertInto('ticket_messages')
        .values(
          oneToN(messages).map((seq) => ({
            id: uuidv7(),
            ticket_id,
            owner_seq: seq,
            owner_version: seq + 1,
            staff_seq: seq,
            staff_version: seq + 1,
            sender_id: owners[i % owners.length]!,
            sender_name: 'Owner',
            sender_role: 'user' as const,
            message: `message ${seq}`,
            attachments: '[]',
            client_message_id: null,
            created_at: now,
          })),
        )
        .execute();
    }
  });
}

onServers('`/support` and `/notifications` as namespaces', (server) => {
  const refused = async (namespace: string, auth: object | undefined, headers: Record<string, string> = {}) => {
    const one = client(server().url, namespace, { ...(auth && { auth }), extraHeaders: headers });
    return { answer: await one.next('connect_error'), all: one.all };
  };
  const SENTENCES = { ar: 'رمز مميز غير صالح', en: 'Invalid or expired token', ru: 'Недействительный или просроченный токен' };

  for (const namespace of ['/support', '/notifications']) {
    test(`${namespace}: a refused connection is \`connect_error\`, in the client's language, \`err.data = {code, message, timestamp}\` with \`message\` in English`, async () => {
      const data = { code: 'UNAUTHORIZED', message: 'Invalid or expired token', timestamp: expect.stringMatching(TIME) };
      expect((await refused(namespace, { token: freshId('bad') })).answer).toEqual({ message: SENTENCES.ar, data });
      expect((await refused(namespace, { token: freshId('bad'), locale: 'en' })).answer).toEqual({ message: SENTENCES.en, data });
      expect((await refused(namespace, { token: freshId('bad') }, { 'accept-language': 'ru-RU' })).answer).toEqual({
        message: SENTENCES.ru,
        data,
      });
      const { answer, all } = await refused(namespace, undefined);
      expect(answer).toMatchObject({ message: 'الرمز المميز مطلوب', data: { code: 'UNAUTHORIZED', message: 'Token required' } });
      expect(all).toHaveLength(1);
      const nobody = await refused(namespace, { token: server().token(freshId('nobody')) });
      expect(nobody.answer).toMatchObject({ message: 'المستخدم غير موجود', data: { code: 'UNAUTHORIZED' } });
    });

    test(`${namespace}: header token and \`auth\` token alike; polling and websocket; the greeting, \`ping\` → \`pong\`, \`auth:refresh\``, async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const token = server().token(amal);
      for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
        for (const options of [{ auth: { token } }, { extraHeaders: { authorization: `Bearer ${token}` } }]) {
          const one = client(server().url, namespace, { ...options, transports });
          expect(await one.next('connected')).toEqual({ userId: amal, socketId: one.socket.id });
          one.tell('ping');
          expect(await one.next('pong')).toEqual({ timestamp: expect.stringMatching(TIME) });
          const renewed = await one.ask('auth:refresh', { token: server().token(amal, { exp: 4_000_000_000 }) });
          expect(renewed).toEqual({ status: 'ok', expiresAt: '2096-10-02T07:06:40.000Z' });
          for (const { arguments: count } of one.all.filter(({ event }) => event !== 'connect')) expect(count).toBe(1);
          one.close();
        }
      }
    });

    test(`${namespace}: an error is the event \`error\` without a callback, \`{status:'error', error}\` with one, in Arabic where nobody says otherwise`, async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const one = await supportClientOf(server, amal, namespace);
      const event = namespace === '/support' ? 'join-ticket' : 'mark-as-read';
      const error = {
        code: 'INVALID_DATA',
        message: 'بيانات غير صالحة',
        event,
        timestamp: expect.stringMatching(TIME),
        details: expect.any(Object),
      };
      expect(await one.ask(event)).toEqual({ status: 'error', error });
      expect(one.of('error')).toEqual([]);
      one.tell(event);
      expect(await one.next('error')).toEqual(error);
      expect(await one.ask('no-such-event', {})).toMatchObject({ status: 'error', error: { code: 'UNKNOWN_EVENT' } });
    });
  }
});

async function supportClientOf(server: () => Parameters<typeof supportClient>[0], userId: string, namespace: string): Promise<Client> {
  const one = client(server().url, namespace, { token: server().token(userId) });
  await one.next('connected');
  return one;
}
