/**
 * Writes without end through the write queue, and prints `<stream> <version>` for every write that was acknowledged. To be killed.
 * Arguments: the database file, or a PostgreSQL URL.
 */
import { writeSync } from 'node:fs';
import { WriteQueue } from '../../src/log/write-queue.ts';
import { openPostgres, postgresPools } from '../../src/storage/postgres.ts';
import { openSqlite } from '../../src/storage/sqlite.ts';

const [place] = process.argv.slice(2) as [string];
const storage = place.startsWith('postgres:') ? openPostgres(postgresPools(place)) : openSqlite(place);
const queue = new WriteQueue(storage, { committed: () => undefined, uncertain: () => undefined });

async function write(stream: string): Promise<void> {
  for (;;) {
    const version = await queue.run([stream], async (tx) => {
      await tx.db
        .insertInto('application_state')
        .values({ key: `${stream}/${tx.nextSeq(stream)}`, value: 'x'.repeat(500) })
        .execute();
      return tx.append(stream, 'changed', { text: 'y'.repeat(500) });
    });
    // At once: what is printed was acknowledged before the kill, whatever was in a buffer.
    writeSync(1, `${stream} ${version}\n`);
  }
}

await Promise.all(Array.from({ length: 20 }, (_, n) => write(`chat:${n % 7}`)));
