import { randomUUID } from 'node:crypto';
import { STORE_ID_KEY } from '../storage/copy-store.ts';
import type { Database, Storage } from '../storage/storage.ts';

/**
 * What tells this store from all others, made when it is first asked for: nodes on one store are one installation. At a start, before
 * there is a write queue.
 */
export async function storeId(storage: Storage): Promise<string> {
  const found = await findId(storage.db);
  if (found !== undefined) return found;
  return storage.transaction(async ({ db }) => {
    await db
      .insertInto('application_state')
      .values({ key: STORE_ID_KEY, value: randomUUID() })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    return (await findId(db))!;
  });
}

async function findId(db: Database): Promise<string | undefined> {
  return (await db.selectFrom('application_state').select('value').where('key', '=', STORE_ID_KEY).executeTakeFirst())?.value;
}
