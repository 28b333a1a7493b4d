import { Inject, Injectable } from '@nestjs/common';
import { LIMITS } from '@majlis/contract';
import { invalid } from '../../errors.ts';
import { WriteQueue } from '../../log/write-queue.ts';
import { STORAGE } from '../../storage/storage.module.ts';
import type { Database, Storage } from '../../storage/storage.ts';
import { NO_PREFERENCES, type PreferencesRecord } from './preferences-record.ts';
import { deletePreferences, findPreferences, savePreferences } from './preferences.repository.ts';

/** What people want to be told of, and how. */
@Injectable()
export class PreferencesService {
  readonly #storage: Storage;
  readonly #queue: WriteQueue;

  constructor(@Inject(STORAGE) storage: Storage, queue: WriteQueue) {
    this.#storage = storage;
    this.#queue = queue;
  }

  /** What a user has chosen. */
  async get(userId: string): Promise<PreferencesRecord> {
    return (await this.of(this.#storage.db, [userId]))(userId);
  }

  /** Changes what is given; of the types, those that are named. @returns all of it @throws Failure INVALID_DATA, UNAVAILABLE */
  change(userId: string, { types, quietHours }: Partial<PreferencesRecord>): Promise<PreferencesRecord> {
    return this.#queue.run([], async (tx) => {
      const before = (await this.of(tx.db, [userId]))(userId);
      const after = { types: { ...before.types, ...types }, quietHours: quietHours === undefined ? before.quietHours : quietHours };
      if (Object.keys(after.types).length > LIMITS.notificationTypesChosen)
        throw invalid('types', `must be at most ${LIMITS.notificationTypesChosen}, with those that were chosen before`);
      await savePreferences(tx.db, userId, after);
      return after;
    });
  }

  /** The preferences of users as a database sees them, inside a transaction too. @param userIds at most a thousand */
  async of(db: Database, userIds: readonly string[]): Promise<(userId: string) => PreferencesRecord> {
    const found = await findPreferences(db, userIds);
    return (userId) => found.get(userId) ?? NO_PREFERENCES;
  }

  /** Removes what a person has chosen. */
  async erase(userId: string): Promise<void> {
    await this.#queue.run([], (tx) => deletePreferences(tx.db, userId));
  }
}
