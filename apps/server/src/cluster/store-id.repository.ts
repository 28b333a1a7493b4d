import { randomUUID } from 'node:crypto';
import type { Database } from '../storage/storage.ts';

const KEY = 'store-id';

/** What tells this store from all others, made when it is first asked for: nodes on one store are one installation. */
export async function storeId(db: Database): Promise<string> {
  await db
    .insertInto('application_state')
    .values({ key: KEY, value: randomUUID() })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return (await db.selectFrom('application_state').select('value').where('key', '=', KEY).executeTakeFirstOrThrow()).value;
}
