import { expect, test } from 'vitest';
import { writeDevices } from '../../src/auth/devices.repository.ts';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { Scheduler } from '../../src/scheduling/scheduler.ts';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { onServers } from '../support/chats.ts';

const DAY_MS = 86_400_000;

onServers('how a connection ended', (server) => {
  test('is "kept in the store for 24 h per user and `auth.device_id`", and no longer, however many there are', async () => {
    const { app } = server();
    const device = (name: string, age: number) => ({
      user_id: 'amal',
      device: name,
      state: 'open' as const,
      token_hash: '',
      expires_at: 0,
      updated_at: Date.now() - age,
    });
    await app.get(WriteQueue).run([], async ({ connection, db }) => {
      const old = Array.from({ length: 1_001 }, (_, i) => device(`old ${i}`, DAY_MS + 60_000));
      await writeDevices(connection, [...old, device('young', DAY_MS - 60_000)]);
      await db
        .insertInto('scheduled_runs')
        .values({ name: 'device-retention', due_at: 1 })
        .onConflict((oc) => oc.column('name').doUpdateSet({ due_at: 1 }))
        .execute();
    });
    // As at a start: it looks at once.
    app.get(Scheduler).onApplicationBootstrap();
    const { db } = app.get<Storage>(STORAGE);
    const devices = async () => (await db.selectFrom('devices').select('device').execute()).map((row) => row.device);
    await expect.poll(devices, { timeout: 10_000 }).toEqual(['young']);
  });
});
