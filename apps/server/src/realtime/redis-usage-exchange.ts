import type { Budget } from '@majlis/contract';
import type { RedisLink } from '../cluster/redis-link.ts';
import type { UsageExchange, UsedElsewhere } from './rate-limiter.ts';

/** What was used here and has not been told yet. */
interface Untold {
  count: number;
  learn: (elsewhere: readonly UsedElsewhere[]) => void;
}

// The window is told in slices; what another node allowed counts until its whole slice has left the window, so a little longer.
const SLICES = 20;
const EXCHANGE_EVERY_MS = 25;
const KEYS_AT_ONCE = 500;

// A hash for each user and budget, a field for each slice and node. KEYS: the hashes. ARGV: this node, length of a slice in ms, slices in
// a window, then for each key what this node allowed. Answers for each key what other nodes allowed: ms until it no longer counts, how much.
const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local node, length, slices = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local slice = math.floor(now / length)
local answers = {}
for i, key in ipairs(KEYS) do
  redis.call('HINCRBY', key, string.format('%.0f:%s', slice, node), ARGV[3 + i])
  redis.call('PEXPIRE', key, length * (slices + 2))
  local others, fields = {}, redis.call('HGETALL', key)
  for j = 1, #fields, 2 do
    local at, who = string.match(fields[j], '^(%d+):(.*)$')
    local left = (at + slices + 1) * length - now
    if left <= 0 then
      redis.call('HDEL', key, fields[j])
    elseif who ~= node then
      others[#others + 1] = math.ceil(left)
      others[#others + 1] = tonumber(fields[j + 1])
    end
  end
  answers[i] = others
end
return answers`;

/**
 * Rate limits over all nodes, without a wait: each node decides by what it knows, and tells Redis what it allowed at most 25 ms later,
 * for all users in one call, which answers what the others allowed. So a user can get past the limit by what the other nodes allow in
 * the one exchange before they know of each other; it counts all the same, and is paid back. While Redis is away or slow, each node
 * keeps the limit for itself.
 */
export class RedisUsageExchange implements UsageExchange {
  readonly #link: RedisLink;
  readonly #sliceMs: number;
  readonly #now: () => number;
  #untold = new Map<string, Untold>();
  #busy = false;

  /** @param now the clock of the limiter */
  constructor(link: RedisLink, windowMs: number, now: () => number = () => performance.now()) {
    this.#link = link;
    this.#sliceMs = Math.max(1, Math.ceil(windowMs / SLICES));
    this.#now = now;
  }

  used(userId: string, budget: Budget, learn: Untold['learn']): void {
    if (!this.#link.up) return;
    const key = this.#link.key(`used:${budget}:${userId}`);
    const untold = this.#untold.get(key);
    if (untold) untold.count++;
    else this.#untold.set(key, { count: 1, learn });
    if (this.#busy) return;
    this.#busy = true;
    // The first action after a pause is told at the end of this turn.
    setImmediate(() => void this.#exchange());
  }

  async #exchange(): Promise<void> {
    while (this.#untold.size > 0) {
      const untold = [...this.#untold];
      this.#untold = new Map();
      // What could not be told is not counted elsewhere.
      for (let i = 0; i < untold.length; i += KEYS_AT_ONCE) await this.#tell(untold.slice(i, i + KEYS_AT_ONCE)).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, EXCHANGE_EVERY_MS));
    }
    this.#busy = false;
  }

  async #tell(untold: readonly [string, Untold][]): Promise<void> {
    const keys = untold.map(([key]) => key);
    const counts = untold.map(([, { count }]) => count);
    const answers = await this.#link.run('exchange-usage', SCRIPT, keys, [this.#link.nodeId, this.#sliceMs, SLICES, ...counts]);
    const now = this.#now();
    untold.forEach(([, { learn }], i) => learn(elsewhere((answers as number[][])[i]!, now)));
  }
}

function elsewhere(answer: readonly number[], now: number): UsedElsewhere[] {
  const used: UsedElsewhere[] = [];
  for (let i = 0; i < answer.length; i += 2) used.push({ until: now + answer[i]!, count: answer[i + 1]! });
  return used.toSorted((a, b) => a.until - b.until);
}
