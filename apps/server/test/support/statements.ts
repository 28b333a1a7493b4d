/** Counts the reads that a server asks of its database. */
import type { KyselyPlugin } from 'kysely';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { TestServer } from './server.ts';

/**
 * From now on counts the server's read statements, whatever they are.
 * @returns how many there have been since the last call
 */
export function countStatements(server: TestServer): () => number {
  const storage = server.app.get<Storage>(STORAGE, { strict: false });
  let count = 0;
  const counter: KyselyPlugin = {
    transformQuery({ node }) {
      count++;
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  const snapshot = storage.snapshot.bind(storage);
  Object.assign(storage, {
    db: storage.db.withPlugin(counter),
    snapshot: <T>(work: Parameters<typeof snapshot<T>>[0]) => snapshot<T>((db) => work(db.withPlugin(counter))),
  });
  return () => {
    const counted = count;
    count = 0;
    return counted;
  };
}
