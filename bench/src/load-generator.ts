/** The load generator's process: carries out what `LoadProcess` asks, and ends with it. */
import { FeedTraffic } from './feed-traffic.ts';
import type { Command, Reply } from './load-process.ts';
import { Storm } from './storm-traffic.ts';
import { Traffic } from './traffic.ts';

/** One of them, from its first connections on. */
let traffic: Traffic | undefined;
let feed: FeedTraffic | undefined;
let storm: Storm | undefined;

async function carryOut(command: Command): Promise<Reply> {
  switch (command.command) {
    case 'connect':
      traffic ??= new Traffic(command.expectations, command.form);
      await traffic.connect(command.port, command.seats);
      return {};
    case 'connect-feed':
      feed ??= new FeedTraffic();
      await feed.connect(command.port, command.seats);
      return {};
    case 'run':
      return { measurement: await connected(traffic).run(command.phase) };
    case 'run-feed':
      return { measurement: await connected(feed).run(command.phase) };
    case 'storm':
      storm ??= new Storm();
      return { storm: await storm.run(command.port, command.seats, command.phase) };
    case 'check':
      connected(traffic ?? feed ?? storm).check();
      return {};
  }
}

function connected<One>(one: One | undefined): One {
  if (!one) throw new Error('nothing is connected');
  return one;
}

process.on('message', (command: Command) => {
  void carryOut(command)
    .catch((error: unknown): Reply => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((reply) => process.send?.(reply));
});
process.on('disconnect', () => {
  traffic?.close();
  feed?.close();
  storm?.close();
  process.exit(0);
});
