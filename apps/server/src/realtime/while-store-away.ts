import { Failure } from '../errors.ts';
import { isUnavailable } from '../storage/unavailable.ts';

// While the store is away a CONNECT is held: contract §1.
const HELD_MS = 20_000;
const RETRY_MS = 250;

/**
 * Does `work` again and again while the store is away, until 20 s after `since`.
 * @param since when the client began to wait, in milliseconds since the epoch; Infinity: however long it takes
 * @throws what it threw last
 */
export async function whileStoreAway<T>(work: () => Promise<T>, since = Date.now()): Promise<T> {
  for (const until = since + HELD_MS; ; await new Promise((resolve) => setTimeout(resolve, RETRY_MS))) {
    try {
      return await work();
    } catch (error) {
      // The write queue says it in the words of the contract.
      const isAway = isUnavailable(error) || (error instanceof Failure && error.code === 'UNAVAILABLE');
      if (!isAway || Date.now() > until) throw error;
    }
  }
}
