import { describe, expect, test } from 'vitest';
import { NOTIFICATION_TYPES } from '@majlis/contract';
import { isQuiet } from '../../src/features/preferences/quiet-hours.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { makeUsers, ok, onServers } from '../support/chats.ts';
import { connected } from '../support/sockets.ts';

const PATH = '/api/v2/notifications/preferences';
const NOTICE = { type: 'post_liked', title: 'Boris likes your post' };

onServers('notification preferences', (server) => {
  const get = async (as: string) => ok(await server().api('GET', PATH, { as }));
  const put = (as: string, body: object) => server().api('PUT', PATH, { as, body });

  test('`GET`/`PUT /notifications/preferences`: every type is pushed until something else is chosen; what is left out keeps its value', async () => {
    const [amal, boris] = await makeUsers(server(), 'Amal', 'Boris');
    const untouched = await get(amal);
    expect(untouched).toEqual({
      types: Object.fromEntries([...NOTIFICATION_TYPES, 'chat_message'].map((type) => [type, 'push'])),
      quiet_hours: null,
    });
    const quiet_hours = { from: '22:00', to: '07:30', time_zone: 'Asia/Riyadh' };
    expect(ok(await put(amal, { types: { post_liked: 'app', constructor: 'off' }, quiet_hours }))).toEqual({
      types: { ...untouched.types, post_liked: 'app', constructor: 'off' },
      quiet_hours,
    });
    const types = { ...untouched.types, post_liked: 'push', mention: 'off', constructor: 'off' };
    expect(ok(await put(amal, { types: { post_liked: 'push', mention: 'off' } }))).toEqual({ types, quiet_hours });
    expect(ok(await put(amal, { quiet_hours: null }))).toEqual({ types, quiet_hours: null });
    expect([await get(amal), await get(boris)]).toEqual([{ types, quiet_hours: null }, untouched]);
  });

  test('what is no preference is INVALID_DATA naming the field', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    const quiet = { from: '22:00', to: '07:00', time_zone: 'Europe/Moscow' };
    const many = (from: number, count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`type_${from + i}`, 'app']));
    const cases: [string, object][] = [
      ['types.mention', { types: { mention: 'loudly' } }],
      ['types.Mention', { types: { Mention: 'app' } }],
      ['types', { types: many(0, 101) }],
      ['quiet_hours.from', { quiet_hours: { ...quiet, from: '24:00' } }],
      ['quiet_hours.to', { quiet_hours: { ...quiet, to: '7:00' } }],
      ['quiet_hours.to', { quiet_hours: { ...quiet, to: '22:00' } }],
      ['quiet_hours.time_zone', { quiet_hours: { ...quiet, time_zone: 'Mars/Phobos' } }],
      ['quiet_hours.time_zone', { quiet_hours: { ...quiet, time_zone: '+03:00' } }],
      ['quiet_hours.time_zone', { quiet_hours: { from: '22:00', to: '07:00' } }],
    ];
    for (const [field, body] of cases)
      expect((await put(amal, body)).body, field).toMatchObject({ code: 'INVALID_DATA', details: { field } });
    ok(await put(amal, { types: many(0, 60) }));
    expect((await put(amal, { types: many(60, 60) })).body.details.field).toBe('types');
  });

  test('"per type: in the app, push, off": what is off is neither stored nor told, and the others get theirs', async () => {
    const [amal, boris] = await makeUsers(server(), 'Amal', 'Boris');
    ok(await put(amal, { types: { post_liked: 'off', mention: 'app' } }));
    const bell = await connected(server().url, '/notifications', { token: server().token(amal) });
    const post = (body: object) => server().api('POST', '/api/v2/notifications', { key: true, body: { ...NOTICE, ...body } });
    const alone = await post({ user_id: amal });
    expect([alone.status, alone.body]).toEqual([200, { data: [] }]);
    const both = await post({ user_ids: [amal, boris] });
    expect([both.status, both.body.data.length]).toEqual([201, 1]);
    expect(ok(await server().api('GET', '/api/v2/notifications', { as: boris })).data).toEqual(both.body.data);
    const told = ok(await post({ user_id: amal, type: 'mention' }));
    expect((await bell.next('notification:new')).id).toBe(told.id);
    // No hole: what was never there has no version.
    expect(ok(await server().api('GET', '/api/v2/notifications', { as: amal }))).toMatchObject({ data: [told], version: 1 });
    expect(bell.of('notification:new').length).toBe(1);
  });

  test('what an erased person chose is gone', async () => {
    const [amal] = await makeUsers(server(), 'Amal');
    ok(await put(amal, { types: { mention: 'off' } }));
    ok(await server().api('DELETE', `/api/v2/users/${amal}`, { key: true }));
    const { db } = server().app.get<Storage>(STORAGE, { strict: false });
    expect(await db.selectFrom('notification_preferences').select('user_id').where('user_id', '=', amal).execute()).toEqual([]);
  });
});

describe('"quiet hours in the user\'s time zone"', () => {
  const quietAt = (from: string, to: string, timeZone: string) => (time: string) => isQuiet({ from, to, timeZone }, Date.parse(time));

  test('from its beginning, until just before its end; over midnight too', () => {
    const night = quietAt('22:00', '07:00', 'Asia/Riyadh');
    const times = ['18:59:59', '19:00:00', '22:30:00', '03:59:59', '04:00:00'].map((time) => night(`2026-07-01T${time}Z`));
    expect(times).toEqual([false, true, true, true, false]);
    const siesta = quietAt('13:00', '15:30', 'UTC');
    expect(['12:59:00', '13:00:00', '15:29:59', '15:30:00'].map((time) => siesta(`2026-07-01T${time}Z`))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(quietAt('00:00', '01:00', 'UTC')('2026-07-01T00:30:00Z')).toBe(true);
  });

  test('summer time moves them: 22:00 in Berlin is 21:00 UTC in winter and 20:00 UTC in summer, and what does not exist on that night is passed over', () => {
    const night = quietAt('22:00', '07:00', 'Europe/Berlin');
    expect([night('2026-03-28T20:30:00Z'), night('2026-03-29T20:30:00Z')]).toEqual([false, true]);
    expect([night('2026-03-28T05:30:00Z'), night('2026-03-29T05:30:00Z')]).toEqual([true, false]);
    // 02:00 to 03:00 does not exist on the 29th of March 2026; it exists twice on the 25th of October.
    const gap = quietAt('02:00', '03:00', 'Europe/Berlin');
    expect([gap('2026-03-29T00:59:59Z'), gap('2026-03-29T01:00:00Z')]).toEqual([false, false]);
    expect(['00:30', '01:30', '02:00'].map((time) => gap(`2026-10-25T${time}:00Z`))).toEqual([true, true, false]);
  });
});
