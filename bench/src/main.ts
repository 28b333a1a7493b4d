/** Compares Majlis with a bare Socket.IO server, and its order feed with bare ws. See docs/benchmarks.md, which a full run writes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureFeed, measureIdle, measureStorm, measureTraffic } from './measure.ts';
import type { Timing } from './measure.ts';
import { together } from './measurement.ts';
import { peers } from './peers.ts';
import type { PeerName } from './peers.ts';
import { compare, comparisonTable, page, rawTable } from './report.ts';
import type { ComparisonRow, RawRow } from './report.ts';
import { scenarios } from './scenarios.ts';

const thorough: Timing = { rounds: 5, firstWarmUpMs: 2500, pacedWarmUpMs: 12_000, warmUpMs: 1000, measureMs: 3500, settleMs: 28_000 };
const quick: Timing = { rounds: 1, firstWarmUpMs: 1500, pacedWarmUpMs: 12_000, warmUpMs: 1000, measureMs: 2000, settleMs: 3000 };

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    peers: { type: 'string', multiple: true },
  },
});

const timing = options.quick ? quick : thorough;
const chosenScenarios = choose(
  options.only,
  scenarios.map(({ name }) => name),
);
const chosenPeers = choose(options.peers, Object.keys(peers) as PeerName[]);
const directory = mkdtempSync(join(tmpdir(), 'majlis-bench-'));
const comparisons: ComparisonRow[] = [];
const raw: RawRow[] = [];

for (const scenario of scenarios) {
  if (!chosenScenarios.includes(scenario.name)) continue;
  console.log(`${scenario.title} …`);
  const place = join(directory, scenario.name);
  try {
    if (scenario.kind === 'idle') {
      comparisons.push(...compare(scenario, scenario.comparisons, await measureIdle(scenario, chosenPeers, timing, place)));
      continue;
    }
    if (scenario.kind === 'storm') {
      if (chosenPeers.includes('majlis'))
        comparisons.push(...compare(scenario, scenario.comparisons, { majlis: [await measureStorm(scenario, place)] }));
      continue;
    }
    const results =
      scenario.kind === 'feed'
        ? await measureFeed(scenario, chosenPeers, timing, place)
        : await measureTraffic(scenario, chosenPeers, timing, place);
    comparisons.push(...compare(scenario, scenario.comparisons, results));
    for (const peer of chosenPeers) raw.push({ scenario: scenario.title, peer, measurement: together(results[peer]!) });
  } catch (error) {
    console.error(`${scenario.name} failed: ${error instanceof Error ? error.message : String(error)}\nThe servers' logs are in ${place}`);
    process.exit(1);
  }
}

rmSync(directory, { recursive: true });
console.log(`\n${comparisonTable(comparisons)}\n\n${rawTable(raw)}\n`);
console.log('Every receiver got every message once and in the order of seq; every acknowledgement and receipt came.');

if (!options.quick && !options.only && !options.peers) {
  const { version } = createRequire(import.meta.url)('socket.io/package.json') as { version: string };
  writeFileSync(fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url)), page(comparisons, raw, version));
}

/** The asked for ones of what there is, all where none is asked for; ends the program where one does not exist. */
function choose<Name extends string>(asked: string[] | undefined, all: Name[]): Name[] {
  const unknown = asked?.find((name) => !all.some((existing) => existing === name));
  if (unknown !== undefined) {
    console.error(`there is no ${unknown}; there are ${all.join(', ')}`);
    process.exit(2);
  }
  return asked ? all.filter((name) => asked.includes(name)) : all;
}
