import { cpus, release, totalmem } from 'node:os';
import type { ByPeer } from './measure.ts';
import type { Measurement } from './measurement.ts';
import type { PeerName } from './peers.ts';
import { percentile } from './scenarios.ts';
import type { Comparison, Scenario, Target } from './scenarios.ts';

/** One row of the table of comparisons. */
export interface ComparisonRow {
  scenario: string;
  label: string;
  bare: string;
  majlis: string;
  ratio: string;
  /** The lowest and the highest ratio of a round; empty where there was one. */
  rounds: string;
  target: string;
  /** Unknown where only one server was measured. */
  met: boolean | undefined;
}

/** One row of the table of raw figures. */
export interface RawRow {
  scenario: string;
  peer: PeerName;
  measurement: Measurement;
}

/**
 * Compares the servers by the figures of a scenario: the medians of the rounds. The ratio is the median of the ratios of the rounds, each
 * of which measured both within seconds, so that neither a slow minute nor one bad round decides.
 */
export function compare<Result>(scenario: Scenario, comparisons: Comparison<Result>[], results: ByPeer<Result>): ComparisonRow[] {
  return comparisons.map(({ label, figure, digits, target }) => {
    const bare = results.bare?.map(figure) ?? [];
    const majlis = results.majlis?.map(figure) ?? [];
    const ratios = bare.length > 0 ? majlis.map((ours, round) => ours / bare[round]!) : [];
    return {
      scenario: scenario.title,
      label,
      bare: number(median(bare), digits),
      majlis: number(median(majlis), digits),
      ratio: number(median(ratios), 2),
      rounds: ratios.length > 1 ? `${number(Math.min(...ratios), 2)} to ${number(Math.max(...ratios), 2)}` : '',
      target: targetText(target),
      met: isMet(target, median(ratios), median(majlis)),
    };
  });
}

const median = (values: readonly number[]): number | undefined => (values.length > 0 ? percentile(values, 0.5) : undefined);

function targetText(target: Target | undefined): string {
  if (!target) return '';
  if ('below' in target) return `below ${target.below}`;
  return 'ratioAtMost' in target ? `ratio ≤ ${number(target.ratioAtMost, 2).replace(/\.?0+$/, '')}` : `ratio ≥ ${target.ratioAtLeast}`;
}

function isMet(target: Target | undefined, ratio: number | undefined, majlis: number | undefined): boolean | undefined {
  if (!target) return undefined;
  if ('below' in target) return majlis === undefined ? undefined : majlis < target.below;
  if (ratio === undefined) return undefined;
  return 'ratioAtMost' in target ? ratio <= target.ratioAtMost : ratio >= target.ratioAtLeast;
}

const verdicts = new Map([
  [true, 'met'],
  [false, '**missed**'],
]);

/** The table of comparisons, in Markdown. */
export function comparisonTable(rows: ComparisonRow[]): string {
  return table(
    ['what', 'figure', 'bare', 'Majlis', 'ratio', 'of the rounds', 'target', ''],
    rows.map((row) => [row.scenario, row.label, row.bare, row.majlis, row.ratio, row.rounds, row.target, verdicts.get(row.met!) ?? '']),
  );
}

/** What was measured, in Markdown. */
export function rawTable(rows: RawRow[]): string {
  return table(
    [
      'what',
      'server',
      'messages/s',
      'deliveries/s',
      'µs/message',
      'µs/delivery',
      'bytes/delivery',
      'on the wire',
      'receipts/s',
      'p50 ms',
      'p99 ms',
      'server CPU',
      'generator CPU',
      'server MiB',
    ],
    rows.map(({ scenario, peer, measurement: m }) => {
      const perSecond = (count: number): string => number((count / m.elapsedMs) * 1000, 0);
      const busy = (cpu: number): string => `${number(cpu / m.elapsedMs / 10, 0)} %`;
      return [
        scenario,
        peer,
        perSecond(m.messages),
        perSecond(m.deliveries),
        number(m.serverCpu / m.messages, 1),
        number(m.serverCpu / m.deliveries, 2),
        number(m.deliveryBytes / m.deliveries, 0),
        number(m.wireBytes / m.deliveries, 0),
        perSecond(m.receipts),
        number(percentile(m.latencies, 0.5), 1),
        number(percentile(m.latencies, 0.99), 1),
        busy(m.serverCpu),
        busy(m.generatorCpu),
        number(m.residentBytes / 2 ** 20, 0),
      ];
    }),
  );
}

/** The page that a full run writes: how to read it, and its tables. */
export function page(comparisons: ComparisonRow[], raw: RawRow[], socketIoVersion: string): string {
  const processors = cpus();
  return `# Benchmarks

Written by \`npm run bench\`; do not edit. Majlis is measured side by side with a bare Socket.IO ${socketIoVersion} server
(\`bench/src/bare-server.ts\`: default options, nothing stored, checked or logged), in one run on one machine. Only the ratios
mean something elsewhere: what a machine's processor time is worth drifts by a third between minutes, so the two are
measured in turns, round by round. A figure is the median of its rounds, a ratio the median of the rounds' ratios; beside it stand the
lowest and the highest.

- Machine: ${processors[0]?.model.trim()}, ${processors.length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}.
- Date: ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC. Command: \`npm run bench\` (\`-- --quick\`, \`-- --only direct\`, \`-- --peers bare\` for a look in passing; these do not write this page).
- Majlis runs as in production: tokens checked, payloads validated, rate limits counted (only raised), every event logged to a
  file, every message stored durably before it is acknowledged. It sends the sender's own copy of each message and, in chats of up
  to 100 members, a delivered receipt for each recipient; the bare server sends neither receipt nor, one to one, the copy.
- CPU is user and system time of the server process, all threads, as the operating system counts it. The load generator is
  a process of its own for each server, speaking raw WebSocket.
- Compression is per message from 1 KiB at level 6 without a context per connection, in both; the generator asks for it as browsers do and
  inflates what it gets. The bare server compresses each message for each socket, Majlis once.
- The order feed is measured beside a bare ws server (\`bench/src/bare-feed-server.ts\`) that takes the same POST and sends each order to
  everybody with \`send\`; latency is from the POST to the screen.
- In a storm, users connect evenly over the time, in an order in which contacts are strangers' neighbours; the event loop's delay is what
  the server's own \`/metrics\` say of the time from the first connection to the last presence event. The bare server has no presence.
- Every run proves itself: each receiver must get each message once and in the order of \`seq\`, each message must be acknowledged
  and each receipt must come; in a storm each user must be told of everybody who came later, of nobody twice and not of itself. Anything missing, repeated or out of order ends the run with an error and no page.
- Messages and bytes are of the same shape for both. Latency is from sending to delivery; in a closed loop it mostly says how much was
  in flight. Where the generator's CPU is at 100 %, it is the generator that bounds the rate.

${comparisonTable(comparisons)}

## Raw figures

${rawTable(raw)}
`;
}

function number(value: number | undefined, digits: number): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
