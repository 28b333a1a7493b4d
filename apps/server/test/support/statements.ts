/** Counts the reads that a server asks of its database. */
import type { KyselyPlugin } from 'kysely';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { TestServer } from './server.ts';

/**
 * From now on counts the server's read statements.
 * @returns how many `work` costs; it is run some times, because what the server does in the background is counted as well
 */
export function countStatements(server: TestServer): (work: () => Promise<unknown>) => Promise<number> {
  const storage = server.app.get<Storage>(STORAGE, { strict: false });
  let count = 0;
  const counter: KyselyPlugin = {
    // Called for the parts of a query as well.
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      count++;
      return result;
    },
  };
  const snapshot = storage.snapshot.bind(storage);
  Object.assign(storage, {
    db: storage.db.withPlugin(counter),
    snapshot: <T>(work: Parameters<typeof snapshot<T>>[0]) => snapshot<T>((db) => work(db.withPlugin(counter))),
  });
  return async (work) => {
    let least = Infinity;
    for (let round = 0; round < 5; round++) {
      const before = count;
      await work();
      least = Math.min(least, count - before);
    }
    return least;
  };
}
