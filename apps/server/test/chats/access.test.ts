import { expect, test } from 'vitest';
import { caughtUp, heardSince, makeDirect, makeGroup, makeUsers, ok, onServers, say, v2Client, v2Clients } from '../support/chats.ts';

const NOWHERE = '0190a0a0-0000-7000-8000-000000000000';

onServers("chats that are not the user's", (server) => {
  /** A group of Anna and Boris with a message, and Mallory, who is not in it. */
  async function strangers() {
    const [anna, boris, mallory] = await makeUsers(server(), 'Anna', 'Boris', 'Mallory');
    const chat = await makeGroup(server(), anna, boris);
    const [annas, mallorys] = await v2Clients(server(), anna, mallory);
    const { message_id } = await say(annas, chat.id, 'private');
    return { anna, boris, mallory, annas, mallorys, chat, message_id };
  }

  /** Every event that names a chat, with what else it needs. */
  const EVENTS: Record<string, object> = {
    'chat:join': {},
    'chat:leave': {},
    'chat:message:send': { type: 'text', content: 'x' },
    'chat:typing': { is_typing: true },
    'chat:message:read': {},
    'chat:message:edit': { content: 'x' },
    'chat:message:delete': {},
    'chat:message:react': { emoji: '👍', on: true },
  };

  /** Every route under a chat. */
  const ROUTES: [string, string, object?][] = [
    ['GET', ''],
    ['PATCH', '', { title: 'Mine now' }],
    ['PATCH', '', {}],
    ['GET', '/members'],
    ['POST', '/members', { user_ids: ['MALLORY'] }],
    ['DELETE', '/members/MALLORY'],
    ['DELETE', '/members/ANNA'],
    ['PUT', '/mute', { until: null }],
    ['GET', '/messages'],
    ['GET', '/messages?before_seq=5'],
    ['POST', '/messages', { type: 'text', content: 'x' }],
    ['PATCH', '/messages/MESSAGE', { content: 'x' }],
    ['DELETE', '/messages/MESSAGE'],
    ['POST', '/read', { message_id: 'MESSAGE' }],
  ];

  test("\"one that exists and is not the user's is `FORBIDDEN` with the message 'Access denied', on every event and route\", in every language", async () => {
    const { anna, mallory, mallorys, annas, chat, message_id } = await strangers();
    const mallorysArabic = await v2Client(server(), mallory, { auth: { token: server().token(mallory), locale: 'ar' } });
    const before = annas.all.length;
    for (const [event, payload] of Object.entries(EVENTS)) {
      for (const client of [mallorys, mallorysArabic]) {
        const { status, error } = await client.ask(event, { chat_id: chat.id, message_id, ...payload });
        expect([event, status, error?.code, error?.message, error?.event]).toEqual([event, 'error', 'FORBIDDEN', 'Access denied', event]);
      }
    }
    const { chats } = await mallorys.ask('chat:sync', { chats: { [chat.id]: 0 } });
    expect(chats[chat.id]).toEqual({ error: expect.objectContaining({ code: 'FORBIDDEN', message: 'Access denied' }) });
    const { streams } = await mallorys.ask('sync', { cursors: { [`chat:${chat.id}`]: 0, [`user:${anna}`]: 0 } });
    for (const name of [`chat:${chat.id}`, `user:${anna}`]) {
      expect(streams[name]).toEqual({ error: expect.objectContaining({ code: 'FORBIDDEN', message: 'Access denied' }) });
    }
    for (const [method, path, body] of ROUTES) {
      const filled = JSON.parse(
        JSON.stringify({ path, body }).replaceAll('MESSAGE', message_id).replaceAll('MALLORY', mallory).replaceAll('ANNA', anna),
      );
      for (const headers of [{}, { 'accept-language': 'ru' }] as Record<string, string>[]) {
        const answer = await server().api(method, `/api/v2/chats/${chat.id}${filled.path}`, { as: mallory, body: filled.body, headers });
        expect([method, path, answer.status, answer.body.code, answer.body.detail]).toEqual([
          method,
          path,
          403,
          'FORBIDDEN',
          'Access denied',
        ]);
      }
    }
    const search = await server().api('GET', `/api/v2/search/messages?q=private&chat_id=${chat.id}`, { as: mallory });
    expect([search.status, search.body.code]).toEqual([403, 'FORBIDDEN']);
    expect(ok(await server().api('GET', '/api/v2/chats', { as: mallory })).data).toEqual([]);
    await caughtUp(annas, mallorys);
    expect(heardSince(annas, before)).toEqual([]);
    expect(JSON.stringify(mallorys.all)).not.toContain('private');
  });

  test('"A chat that does not exist, or an id of the wrong form, is `CHAT_NOT_FOUND`", on every event and route', async () => {
    const { anna, annas, message_id, chat } = await strangers();
    for (const chat_id of [
      NOWHERE,
      'uuid-chat-id',
      '',
      '../users',
      `${chat.id} `,
      chat.id.toUpperCase(),
      "' or 1=1 --",
      '__proto__',
      'x'.repeat(10_000),
    ]) {
      for (const [event, payload] of Object.entries(EVENTS)) {
        const { status, error } = await annas.ask(event, { chat_id, message_id, ...payload });
        expect([event, status, error?.code]).toEqual([event, 'error', 'CHAT_NOT_FOUND']);
      }
    }
    for (const id of [NOWHERE, 'uuid-chat-id', '%20', encodeURIComponent("' or 1=1 --"), 'ж'.repeat(50)]) {
      for (const [method, path, body] of ROUTES) {
        const answer = await server().api(method, `/api/v2/chats/${id}${path}`, { as: anna, body });
        expect([method, path, id, answer.status, answer.body.code]).toEqual([method, path, id, 404, 'CHAT_NOT_FOUND']);
      }
    }
    const { chats } = await annas.ask('chat:sync', { chats: { [NOWHERE]: 0, nothing: 0, [chat.id]: 0 } });
    expect(chats).toMatchObject({
      [NOWHERE]: { error: { code: 'CHAT_NOT_FOUND' } },
      nothing: { error: { code: 'CHAT_NOT_FOUND' } },
      [chat.id]: { last_seq: 1 },
    });
    const { streams } = await annas.ask('sync', { cursors: { [`chat:${NOWHERE}`]: 0, 'chat:x': 0 } });
    expect(streams).toMatchObject({
      [`chat:${NOWHERE}`]: { error: { code: 'CHAT_NOT_FOUND' } },
      'chat:x': { error: { code: 'CHAT_NOT_FOUND' } },
    });
  });

  test('"An event without the payload it needs is `INVALID_DATA`", naming the field', async () => {
    const { annas, chat, message_id } = await strangers();
    for (const [event, payload] of Object.entries(EVENTS)) {
      const full: Record<string, unknown> = {
        chat_id: chat.id,
        ...(event.includes('message') && event !== 'chat:message:send' && { message_id }),
        ...payload,
      };
      for (const field of Object.keys(full)) {
        for (const wrong of [undefined, null, { a: 1 }, ['x']]) {
          const { error } = await annas.ask(event, { ...full, [field]: wrong });
          expect([event, field, error?.code, error?.details?.field]).toEqual([event, field, 'INVALID_DATA', field]);
        }
      }
      for (const nothing of [undefined, null, 'text', 7, true, [], [1, 2]]) {
        const { error } = await annas.ask(event, ...(nothing === undefined ? [] : [nothing]));
        expect([event, nothing, error?.code]).toEqual([event, nothing, 'INVALID_DATA']);
      }
    }
    for (const [event, payload] of [
      ['chat:sync', { chats: { a: -1 } }],
      ['chat:sync', { chats: [] }],
      ['chat:sync', {}],
      ['sync', { cursors: { user: 1.5 } }],
      ['sync', { cursors: 'x' }],
      ['sync', {}],
    ] as const) {
      expect(await annas.ask(event, payload)).toMatchObject({
        status: 'error',
        error: { code: 'INVALID_DATA', details: { field: expect.any(String) } },
      });
    }
  });

  test('who was removed is a stranger from that moment on', async () => {
    const { anna, boris, annas, chat, message_id } = await strangers();
    const boriss = await v2Client(server(), boris);
    await boriss.ask('chat:join', { chat_id: chat.id });
    ok(await server().api('DELETE', `/api/v2/chats/${chat.id}/members/${boris}`, { as: anna }));
    await boriss.next('chat:removed');
    for (const [event, payload] of Object.entries(EVENTS)) {
      expect([event, (await boriss.ask(event, { chat_id: chat.id, message_id, ...payload })).error?.code]).toEqual([event, 'FORBIDDEN']);
    }
    for (const path of ['', '/messages', '/members']) {
      expect((await server().api('GET', `/api/v2/chats/${chat.id}${path}`, { as: boris })).body.code).toBe('FORBIDDEN');
    }
    const { streams } = await boriss.ask('sync', { cursors: { [`chat:${chat.id}`]: 0, user: 0 } });
    expect(streams[`chat:${chat.id}`]).toMatchObject({ error: { code: 'FORBIDDEN' } });
    expect(streams.user.events.map(({ event }: { event: string }) => event)).toEqual(['chat:created', 'chat:removed']);
    await say(annas, chat.id, 'unheard');
    await caughtUp(boriss);
    expect(boriss.of('chat:message:new')).toEqual([]);
  });

  test('messages sent while one is being removed are either in the chat or refused, never both', async () => {
    const { anna, boris, annas, chat } = await strangers();
    const boriss = await v2Client(server(), boris);
    const sends = Array.from({ length: 60 }, (_, i) =>
      boriss.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: `${i}` }),
    );
    const removal = server().api('DELETE', `/api/v2/chats/${chat.id}/members/${boris}`, { as: anna });
    const more = Array.from({ length: 60 }, (_, i) =>
      boriss.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: `${60 + i}` }),
    );
    const answers = await Promise.all([...sends, ...more]);
    ok(await removal);
    const last = await say(annas, chat.id, 'after');
    const sent = answers.filter(({ status }) => status === 'sent');
    for (const { status, error } of answers) if (status !== 'sent') expect(error.code).toBe('FORBIDDEN');
    expect(last.seq).toBe(sent.length + 2);
    const { data } = ok(await server().api('GET', `/api/v2/chats/${chat.id}/messages?after_seq=1&limit=200`, { as: anna }));
    expect(data.slice(0, -1).map(({ id }: { id: string }) => id)).toEqual(sent.map(({ message_id }) => message_id));
    expect((await boriss.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'x' })).error.code).toBe('FORBIDDEN');
  });

  test('who is disabled or erased may not be written to, nor be made a member', async () => {
    const { anna, mallory, chat } = await strangers();
    ok(await server().api('DELETE', `/api/v2/users/${mallory}`, { key: true }));
    for (const [path, body] of [
      ['/api/v2/chats', { type: 'direct', member_ids: [mallory] }],
      ['/api/v2/chats', { type: 'group', member_ids: ['nobody at all'] }],
      [`/api/v2/chats/${chat.id}/members`, { user_ids: [mallory] }],
    ] as const) {
      const { status, body: problem } = await server().api('POST', path, { as: anna, body });
      expect([status, problem.code, problem.details.field]).toEqual([
        404,
        'NOT_FOUND',
        path.endsWith('members') ? 'user_ids' : 'member_ids',
      ]);
    }
  });

  test("administrators see any chat by REST, as the customer's backend does; its messages belong to its members", async () => {
    const { anna, chat } = await strangers();
    const [admin] = await makeUsers(server(), 'Admin');
    await server().createUser(admin, { name: 'Admin', role: 'admin' });
    for (const as of [{ as: admin }, { key: true as const, onBehalfOf: admin }]) {
      const seen = ok(await server().api('GET', `/api/v2/chats/${chat.id}`, as));
      const own = ok(await server().api('GET', `/api/v2/chats/${chat.id}`, { as: anna }));
      expect(seen).toEqual({ ...own, unread_count: 0, last_message: null });
      expect(ok(await server().api('GET', `/api/v2/chats/${chat.id}/members`, as)).data).toHaveLength(2);
      expect((await server().api('GET', `/api/v2/chats/${chat.id}/messages`, as)).status).toBe(403);
    }
  });

  test('`X-On-Behalf-Of` "names the user it acts for where one is needed, and is ignored without a valid key"', async () => {
    const { anna, boris, mallory, annas, chat } = await strangers();
    const path = `/api/v2/chats/${chat.id}/messages`;
    const body = { type: 'text', content: 'from the backend' };
    expect(ok(await server().api('POST', path, { key: true, onBehalfOf: boris, body }))).toMatchObject({ sender_id: boris });
    expect(await annas.next('chat:message:new', ({ content }) => content === body.content)).toMatchObject({ sender_id: boris });
    expect((await server().api('POST', path, { key: true, body })).body).toMatchObject({
      code: 'INVALID_DATA',
      details: { field: 'X-On-Behalf-Of' },
    });
    expect((await server().api('POST', path, { key: 'not a key', onBehalfOf: boris, body })).status).toBe(401);
    expect((await server().api('POST', path, { onBehalfOf: boris, body })).status).toBe(401);
    // With a token it is the token's user who acts.
    expect((await server().api('POST', path, { as: mallory, onBehalfOf: boris, body })).status).toBe(403);
    expect(ok(await server().api('POST', path, { as: anna, onBehalfOf: boris, body }))).toMatchObject({ sender_id: anna });
    expect((await server().api('POST', path, { key: true, onBehalfOf: mallory, body })).status).toBe(403);
    expect((await server().api('POST', path, { key: true, onBehalfOf: 'nobody', body })).status).toBe(404);
    const direct = await makeDirect(server(), anna, mallory);
    expect(ok(await server().api('GET', '/api/v2/chats', { key: true, onBehalfOf: mallory })).data).toMatchObject([{ id: direct.id }]);
  });
});
