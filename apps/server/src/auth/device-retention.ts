import { Injectable } from '@nestjs/common';
import { Scheduler } from '../scheduling/scheduler.ts';
import { deleteDevicesBefore } from './devices.repository.ts';
import { REMEMBERED_MS } from './devices.service.ts';

const EVERY_MS = 3_600_000;
// Small portions with room between them, as the log's.
const PORTION = 500;
const PAUSE_MS = 50;

/** Forgets how a device's latest connection ended once that is 24 h ago: no reason for syncing depends on it any more. */
@Injectable()
export class DeviceRetention {
  constructor(scheduler: Scheduler) {
    scheduler.every({
      name: 'device-retention',
      everyMs: EVERY_MS,
      run: async (tx) => ((await deleteDevicesBefore(tx.db, tx.now - REMEMBERED_MS, PORTION)) < PORTION ? undefined : PAUSE_MS),
    });
  }
}
