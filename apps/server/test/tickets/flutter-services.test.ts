import { afterEach, expect, test } from 'vitest';
import { makeUsers, ok, onServers, TIME, UUID_V7 } from '../support/chats.ts';
import { NotificationsWebSocketService, SupportWebSocketService } from './flutter-services.ts';
import { makeTicket, messagesOf, send } from './tickets.ts';

onServers("the document's two Flutter services work unchanged", (server) => {
  const services: { disconnect(): void }[] = [];
  const started = <Service extends { connect(): void; disconnect(): void }>(service: Service): Service => {
    services.push(service);
    service.connect();
    return service;
  };
  const support = (userId: string, claims = {}) => started(new SupportWebSocketService(server().url, server().token(userId, claims)));
  const notifications = (userId: string, claims = {}) =>
    started(new NotificationsWebSocketService(server().url, server().token(userId, claims)));
  afterEach(() => {
    for (const service of services.splice(0)) service.disconnect();
  });
  const notify = async (userId: string, title: string) =>
    ok(await server().api('POST', '/api/v2/notifications', { key: true, body: { user_id: userId, type: 'mention', title } }));
  const inTime = () => Math.floor(Date.now() / 1000);

  test('notifications: connect, badge, a new one, mark as read, mark all, ping, disconnect', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    const service = notifications(amal);
    expect(await service.next('connected')).toEqual({ userId: amal, socketId: expect.any(String) });
    expect(await service.next('onUnreadCountChanged')).toBe(0);
    expect(service.isConnected).toBe(true);
    const made = await notify(amal, 'first');
    expect(await service.next('onNotificationReceived')).toEqual({
      id: made.id,
      type: 'mention',
      title: 'first',
      body: '',
      data: {},
      createdAt: expect.stringMatching(TIME),
      isRead: false,
      version: 1,
    });
    await notify(amal, 'second');
    await notify(amal, 'third');
    await service.next('onUnreadCountChanged', (count) => count === 3);
    service.markAsRead([made.id]);
    await service.until(() => (service.of('onUnreadCountChanged').at(-1) === 2 ? true : undefined));
    service.markAllAsRead();
    await service.until(() => (service.of('onUnreadCountChanged').at(-1) === 0 ? true : undefined));
    service.ping();
    expect(await service.next('pong')).toEqual({ timestamp: expect.stringMatching(TIME) });
    service.disconnect();
    expect([await service.next('onDisconnected'), service.isConnected]).toEqual(['io client disconnect', false]);
    expect([service.of('onError'), service.of('connect_error')]).toEqual([[], []]);
  });

  test('support: joining before the connection is up, messages by REST to both sides, typing, leaving', async () => {
    const { owner, agent, id } = await makeTicket(server());
    const owners = support(owner);
    owners.joinTicket(id);
    expect(owners.isConnected).toBe(false);
    const agents = support(agent);
    agents.joinTicket(id);
    expect(await owners.next('joined-ticket')).toEqual({ ticketId: id });
    await agents.next('joined-ticket');
    expect(owners.of('connected')).toEqual([{ userId: owner, socketId: expect.any(String) }]);

    agents.sendTyping(id, true);
    expect(await owners.next('onUserTyping')).toEqual({ ticketId: id, userId: agent, isTyping: true });
    const sent = await send(server(), agent, id, 'هل جربت إعادة التشغيل؟', { attachments: ['https://files.test/manual.pdf'] });
    const received = await owners.next('onMessageReceived');
    expect(received).toEqual({
      id: expect.stringMatching(UUID_V7),
      ticketId: id,
      seq: 2,
      version: 3,
      senderId: agent,
      senderName: 'Agent',
      senderRole: 'employee',
      message: 'هل جربت إعادة التشغيل؟',
      attachments: ['https://files.test/manual.pdf'],
      isInternal: false,
      createdAt: expect.stringMatching(TIME),
    });
    expect([received, await agents.next('onMessageReceived')]).toEqual([sent, sent]);
    expect((await messagesOf(server(), owner, id)).map(({ message }) => message)).toEqual(['It does not work', sent.message]);
    agents.sendTyping(id, false);
    await owners.next('onUserTyping', ({ isTyping }) => isTyping === false);

    owners.leaveTicket(id);
    expect(await owners.next('left-ticket')).toEqual({ ticketId: id });
    const later = await send(server(), agent, id, 'Are you there?');
    expect(await owners.next('onNewMessageNotification')).toEqual({ ticketId: id, message: later, version: later.version });
    expect(owners.of('onMessageReceived')).toEqual([sent]);
    owners.disconnect();
    await owners.next('onDisconnected');
  });

  test('support: rejoining after a reconnection, and what was missed by REST', async () => {
    const { owner, agent, id } = await makeTicket(server());
    const owners = support(owner);
    await owners.next('onConnected');
    owners.joinTicket(id);
    await owners.next('joined-ticket');
    owners.loseNetwork();
    await owners.next('onDisconnected');
    const missed = await send(server(), agent, id, 'while you were away');
    await owners.count('onConnected', 2);
    await owners.count('joined-ticket', 2);
    expect((await messagesOf(server(), owner, id)).at(-1)).toEqual(missed);
    const next = await send(server(), agent, id, 'now you are back');
    expect(await owners.next('onMessageReceived')).toEqual(next);
    expect(owners.of('onNewMessageNotification')).toEqual([]);
  });

  test('a token that had expired: `connect_error` with the document’s sentence in Arabic and the code; with a new one all is well', async () => {
    const { owner, id } = await makeTicket(server());
    for (const service of [support(owner, { exp: inTime() - 1 }), notifications(owner, { exp: inTime() - 2 })]) {
      expect(await service.next('connect_error')).toEqual({
        message: 'رمز مميز غير صالح',
        data: { code: 'UNAUTHORIZED', message: 'Invalid or expired token', timestamp: expect.stringMatching(TIME) },
      });
      expect([service.isConnected, service.of('connected')]).toEqual([false, []]);
      service.disconnect();
    }
    const again = support(owner);
    again.joinTicket(id);
    await again.next('joined-ticket');
  });

  test('a token that expires while connected: `error` and disconnection; the fallback is REST, and then a new token', async () => {
    const { owner, agent, id } = await makeTicket(server());
    const owners = support(owner, { exp: inTime() + 2 });
    owners.joinTicket(id);
    await owners.next('joined-ticket');
    expect(await owners.next('onError')).toEqual({
      code: 'UNAUTHORIZED',
      message: 'Invalid or expired token',
      timestamp: expect.stringMatching(TIME),
    });
    expect(await owners.next('onDisconnected')).toBe('io server disconnect');
    const missed = await send(server(), agent, id, 'an answer');
    await send(server(), owner, id, 'by REST all the same');
    expect((await messagesOf(server(), owner, id)).slice(-2)).toMatchObject([missed, { message: 'by REST all the same', senderId: owner }]);
    expect(owners.of('onMessageReceived')).toEqual([]);
    const renewed = support(owner);
    renewed.joinTicket(id);
    await renewed.next('joined-ticket');
  });

  test('both services of one user share a connection; "Header token and `auth` token alike"', async () => {
    const { owner, agent, id } = await makeTicket(server());
    const bell = notifications(owner);
    const owners = support(owner);
    owners.joinTicket(id);
    await Promise.all([owners.next('joined-ticket'), bell.next('onUnreadCountChanged')]);
    await notify(owner, 'to the bell');
    await send(server(), agent, id, 'to the ticket');
    await Promise.all([owners.next('onMessageReceived'), bell.next('onNotificationReceived')]);
    expect([bell.of('onMessageReceived'), owners.of('onNotificationReceived')]).toEqual([[], []]);
  });
});
