import { expect, test } from 'vitest';
import { makeAdmin } from '../admin/admins.ts';
import { caughtUp, makeDirect, makeGroup, makeUsers, ok, onServers, say, TIME, UUID_V7, v2Client } from '../support/chats.ts';
import { freshId } from '../support/server.ts';

const isTime = expect.stringMatching(TIME) as string;

onServers('`PUT`/`DELETE /users/:id/block`', (server) => {
  const block = (who: string, whom: string, method = 'PUT') =>
    server().api(method, `/api/v2/users/${encodeURIComponent(whom)}/block`, { as: who });

  test('"a blocked user cannot open a direct chat, write in one": from the next packet on, and until it ends', async () => {
    const [amal, bashir, third] = await makeUsers(server(), 'amal', 'bashir', 'third');
    const chat = await makeDirect(server(), amal, bashir);
    const group = await makeGroup(server(), amal, bashir);
    const one = await v2Client(server(), bashir);
    const witness = await v2Client(server(), amal);
    const { message_id } = await say(one, chat.id, 'before');
    const reply = await say(witness, chat.id, 'a word of the other');
    expect((await block(amal, bashir)).status).toBe(204);

    const refused = { status: 'error', error: { code: 'FORBIDDEN', message: 'Access denied' } };
    const { id: chat_id } = chat;
    for (const [event, payload] of [
      ['chat:message:send', { chat_id, type: 'text', content: 'after' }],
      ['chat:message:edit', { chat_id, message_id, content: 'after' }],
      ['chat:message:react', { chat_id, message_id: reply.message_id, emoji: '👍', on: true }],
    ] as const)
      expect(await one.ask(event, payload), event).toMatchObject(refused);
    const path = `/api/v2/chats/${chat_id}/messages`;
    expect((await server().api('POST', path, { as: bashir, body: { type: 'text', content: 'after' } })).status).toBe(403);
    const direct = (who: string, whom: string) =>
      server().api('POST', '/api/v2/chats', { as: who, body: { type: 'direct', member_ids: [whom] } });
    expect((await direct(bashir, amal)).body).toMatchObject({ code: 'FORBIDDEN' });
    expect((await direct(third, amal)).status).toBe(201);
    // Nor is the one who blocked told that they would write.
    expect(await one.ask('chat:typing', { chat_id, is_typing: true })).toEqual({ status: 'ok' });

    // Everything else is as before: groups, reading, and what the one who blocked does.
    await say(one, group.id, 'in the group');
    expect(ok(await server().api('GET', path, { as: bashir })).data).toHaveLength(2);
    expect((await direct(amal, bashir)).status).toBe(200);
    await say(witness, chat_id, 'a word of the one who blocked');
    expect(await one.ask('chat:message:delete', { chat_id, message_id })).toEqual({ status: 'ok' });
    await caughtUp(witness);
    expect(witness.of('chat:typing')).toEqual([]);
    expect(witness.of('chat:message:new').map(({ content }) => content)).not.toContain('after');

    expect((await block(amal, bashir, 'DELETE')).status).toBe(204);
    await say(one, chat_id, 'again');
    expect((await direct(bashir, amal)).status).toBe(200);
  });

  test('again, or of nobody: nothing happens; oneself is INVALID_DATA, who does not exist NOT_FOUND; one sees one’s own list', async () => {
    const [amal, bashir, third] = await makeUsers(server(), 'amal', 'bashir', 'third');
    for (const whom of [bashir, bashir, third]) expect((await block(amal, whom)).status).toBe(204);
    expect((await block(amal, amal)).body).toMatchObject({ code: 'INVALID_DATA' });
    expect((await block(amal, freshId('nobody'))).body).toMatchObject({ code: 'NOT_FOUND' });
    expect((await block(bashir, third, 'DELETE')).status).toBe(204);
    const first = ok(await server().api('GET', '/api/v2/blocks?limit=1', { as: amal }));
    const rest = ok(await server().api('GET', `/api/v2/blocks?limit=1&cursor=${first.next_cursor}`, { as: amal }));
    expect([...first.data, ...rest.data]).toEqual([bashir, third].toSorted().map((user_id) => ({ user_id, created_at: isTime })));
    expect(rest.next_cursor).toBeNull();
    expect(ok(await server().api('GET', '/api/v2/blocks', { as: bashir })).data).toEqual([]);
  });

  test('`POST /reports {user_id | message_id, reason}` with a queue for administrators', async () => {
    const [amal, bashir, stranger] = await makeUsers(server(), 'amal', 'bashir', 'stranger');
    const admin = await makeAdmin(server());
    const chat = await makeDirect(server(), amal, bashir);
    const { message_id } = await say(await v2Client(server(), bashir), chat.id, 'something bad');
    const report = (as: string, body: object) => server().api('POST', '/api/v2/reports', { as, body });

    const ofUser = await report(amal, { user_id: bashir, reason: 'rude' });
    expect([ofUser.status, ofUser.body]).toEqual([
      201,
      {
        id: expect.stringMatching(UUID_V7) as string,
        reporter_id: amal,
        user_id: bashir,
        chat_id: null,
        message_id: null,
        reason: 'rude',
        created_at: isTime,
        resolved_at: null,
        resolved_by: null,
        resolution: null,
      },
    ]);
    const ofMessage = await report(amal, { message_id, reason: 'this' });
    expect(ofMessage.body).toMatchObject({ user_id: bashir, chat_id: chat.id, message_id });
    const again = await report(amal, { message_id, reason: 'this, I said' });
    expect([again.status, again.body]).toEqual([200, ofMessage.body]);

    for (const [as, body, code] of [
      [stranger, { message_id, reason: 'x' }, 'FORBIDDEN'],
      [amal, { message_id: 'none', reason: 'x' }, 'NOT_FOUND'],
      [amal, { user_id: freshId('nobody'), reason: 'x' }, 'NOT_FOUND'],
      [amal, { user_id: amal, reason: 'x' }, 'INVALID_DATA'],
      [bashir, { message_id, reason: 'x' }, 'INVALID_DATA'],
      [amal, { user_id: bashir, message_id, reason: 'x' }, 'INVALID_DATA'],
      [amal, { reason: 'x' }, 'INVALID_DATA'],
      [amal, { user_id: bashir }, 'INVALID_DATA'],
    ] as const)
      expect((await report(as, body)).body, JSON.stringify(body)).toMatchObject({ code });

    const queue = async (status: string) => {
      const found: { id: string; message: { content: string } | null }[] = [];
      for (let cursor = ''; ;) {
        const page = ok(await server().api('GET', `/api/v2/reports?status=${status}&limit=1${cursor}`, { as: admin }));
        found.push(...page.data);
        if (page.next_cursor === null) return found.filter(({ id }) => [ofUser.body.id, ofMessage.body.id].includes(id));
        cursor = `&cursor=${page.next_cursor}`;
      }
    };
    expect((await queue('open')).map(({ id, message }) => [id, message?.content])).toEqual([
      [ofUser.body.id, undefined],
      [ofMessage.body.id, 'something bad'],
    ]);
    const resolve = (as: string, id: string) =>
      server().api('POST', `/api/v2/reports/${id}/resolve`, { as, body: { resolution: 'warned' } });
    expect((await resolve(amal, ofUser.body.id)).body).toMatchObject({ code: 'FORBIDDEN' });
    expect((await server().api('GET', '/api/v2/reports', { as: amal })).body).toMatchObject({ code: 'FORBIDDEN' });
    expect((await resolve(admin, ofUser.body.id)).body).toMatchObject({ resolution: 'warned', resolved_by: admin, resolved_at: isTime });
    expect((await resolve(admin, ofUser.body.id)).body).toMatchObject({ code: 'CONFLICT' });
    expect((await resolve(admin, 'none')).body).toMatchObject({ code: 'NOT_FOUND' });
    expect((await queue('open')).map(({ id }) => id)).toEqual([ofMessage.body.id]);
    expect((await queue('resolved')).map(({ id }) => id)).toEqual([ofUser.body.id]);
    expect(ok(await server().api('GET', `/api/v2/audit?subject=${ofUser.body.id}`, { as: admin })).data).toMatchObject([
      { actor_kind: 'user', actor_id: admin, action: 'report.resolve', details: { resolution: 'warned', userId: bashir } },
    ]);
  });
});
