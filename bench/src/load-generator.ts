/** The load generator's process: carries out what `LoadProcess` asks, and ends with it. */
import type { Command, Reply } from './load-process.ts';
import { Traffic } from './traffic.ts';

let traffic: Traffic | undefined;

async function carryOut(command: Command): Promise<Reply> {
  if (command.command === 'connect') {
    traffic ??= new Traffic(command.expectations);
    await traffic.connect(command.port, command.seats);
    return {};
  }
  if (!traffic) throw new Error(`${command.command} before connect`);
  if (command.command === 'run') return { measurement: await traffic.run(command.phase) };
  traffic.check();
  return {};
}

process.on('message', (command: Command) => {
  void carryOut(command)
    .catch((error: unknown): Reply => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((reply) => process.send?.(reply));
});
process.on('disconnect', () => {
  traffic?.close();
  process.exit(0);
});
