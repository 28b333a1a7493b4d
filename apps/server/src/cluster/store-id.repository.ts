import { randomUUID } from 'node:crypto';
import { STORE_ID_KEY } from '../storage/copy-store.ts';
import type { Database } from '../storage/storage.ts';

/** What tells this store from all others, made when it is first asked for: nodes on one store are one installation. */
export async function storeId(db: Database): Promise<string> {
  await db
    .insertInto('application_state')
    .values({ key: STORE_ID_KEY, value: randomUUID() })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return (await db.selectFrom('application_state').select('value').where('key', '=', STORE_ID_KEY).executeTakeFirstOrThrow()).value;
}
