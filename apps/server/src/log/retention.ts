import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { Scheduler } from '../scheduling/scheduler.ts';
import { deleteEntriesBefore } from './stream-log.repository.ts';
import type { WriteTransaction } from './write-transaction.ts';

const DAY_MS = 86_400_000;
const EVERY_MS = 600_000;
// Small portions with room between them: messages are being sent meanwhile.
const PORTION = 100;
const PAUSE_MS = 50;

/** Forgets log entries that are older than `STREAM_RETENTION_DAYS`; who asks for them is told to reload. */
@Injectable()
export class Retention {
  readonly #keptMs: number;

  constructor(@Inject(SETTINGS) settings: Settings, scheduler: Scheduler) {
    this.#keptMs = settings.STREAM_RETENTION_DAYS * DAY_MS;
    scheduler.every({
      name: 'log-retention',
      everyMs: EVERY_MS,
      run: async (tx) => ((await this.forgetSome(tx, tx.now)) < PORTION ? undefined : PAUSE_MS),
    });
  }

  /** Forgets one portion of what is too old at `now` (ms). @returns how many entries */
  forgetSome(tx: WriteTransaction, now: number): Promise<number> {
    return deleteEntriesBefore(tx.connection, now - this.#keptMs, PORTION);
  }
}
