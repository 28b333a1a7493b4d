import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { SETTINGS } from '../config/config.module.ts';
import type { Settings } from '../config/settings.ts';
import { LOGGER } from '../logger.ts';
import { deleteEntriesBefore } from './stream-log.repository.ts';
import { WriteQueue } from './write-queue.ts';

const DAY_MS = 86_400_000;
const EVERY_MS = 600_000;
// Small portions with room between them: messages are being sent meanwhile.
const PORTION = 100;
const PAUSE_MS = 50;

/** Forgets log entries that are older than `STREAM_RETENTION_DAYS`; who asks for them is told to reload. */
@Injectable()
export class Retention implements OnApplicationBootstrap, OnModuleDestroy {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly queue: WriteQueue,
  ) {}

  onApplicationBootstrap(): void {
    this.#again(EVERY_MS);
  }

  onModuleDestroy(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Forgets one portion of what is too old. @returns how many entries */
  forgetSome(now = Date.now()): Promise<number> {
    return this.queue.run([], (tx) => deleteEntriesBefore(tx.db, now - this.settings.STREAM_RETENTION_DAYS * DAY_MS, PORTION));
  }

  #again(ms: number): void {
    this.#timer = setTimeout(() => void this.#work(), ms);
    this.#timer.unref();
  }

  async #work(): Promise<void> {
    const forgotten = await this.forgetSome().catch((err: unknown) => {
      this.logger.warn({ err }, 'Old log entries could not be forgotten; tried again later');
      return 0;
    });
    if (this.#timer) this.#again(forgotten < PORTION ? EVERY_MS : PAUSE_MS);
  }
}
