import { DatabaseSync } from 'node:sqlite';
import { isBusy } from './sqlite.ts';

/**
 * Says that a server runs on an embedded store, until it is released or the process ends, however that ends. Two servers on one file would
 * each keep chats, users and limits in memory, and never hear of what is sent through the other.
 *
 * A file of its own, because a lock on the store itself would keep backups out as well.
 * @returns undefined where another server holds it
 */
export function lockForServer(file: string): { release(): void } | undefined {
  const handle = new DatabaseSync(file, { timeout: 0 });
  try {
    // Nothing is ever written, so no journal need lie beside it: the open transaction is the lock, and the system takes it from a process that
    // is gone.
    handle.exec('pragma journal_mode = memory; begin exclusive');
    return { release: () => handle.close() };
  } catch (error) {
    handle.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
}
