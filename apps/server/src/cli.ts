/** The operators' commands: `majlis backup`, `majlis migrate-store`. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readSettings, SettingsError } from './config/settings.ts';
import { backup, migrateStore, Refused, storePlace, type StorePlace } from './storage/maintenance.ts';
import { isUnavailable } from './storage/unavailable.ts';

const USAGE = `Usage:
  majlis                                        starts the server
  majlis backup <file>                          writes the store that the settings name into a new file, while the server runs
  majlis migrate-store --from <store> --to <store>
                                                copies a store whose server is stopped into an empty database

A store is sqlite:<file> or postgres://<user>:<password>@<host>/<database>.
`;

class UsageError extends Error {}

const print = (line: string) => process.stdout.write(`${line}\n`);
const report = (table: string, rows: number) => print(`${table}: ${rows}`);

function placeOfSettings(): StorePlace {
  const { DATABASE_URL, DATA_DIR } = readSettings();
  return DATABASE_URL ? { engine: 'postgres', url: DATABASE_URL } : { engine: 'sqlite', file: join(DATA_DIR, 'majlis.sqlite') };
}

const commands: Readonly<Record<string, (values: { from?: string; to?: string }, operands: string[]) => Promise<void>>> = {
  async backup(_, [file, ...rest]) {
    if (file === undefined || rest.length > 0) throw new UsageError('backup takes one file');
    await backup(placeOfSettings(), file, report);
    print(`Wrote ${file}`);
  },
  async 'migrate-store'({ from, to }) {
    if (from === undefined || to === undefined) throw new UsageError('migrate-store takes --from and --to');
    await migrateStore(storePlace(from), storePlace(to), report);
    print('Copied. Start the server on the new store, and keep the old one until all is well.');
  },
};

async function run(): Promise<void> {
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options: { from: { type: 'string' }, to: { type: 'string' } } });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  const [name = '', ...operands] = parsed.positionals;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new UsageError(`There is no command ${JSON.stringify(name)}`);
  await command(parsed.values, operands);
}

/** What is said of an error: expected ones are one line, faults of ours bring their stack. */
function explain(error: Error): string {
  if (error instanceof UsageError) return `${error.message}\n${USAGE}`;
  if (error instanceof Refused || error instanceof SettingsError) return `${error.message}\n`;
  if (isUnavailable(error)) return `The store cannot be used: ${error.message || (error as NodeJS.ErrnoException).code}\n`;
  return `${error.stack}\n`;
}

run().catch((error: Error) => {
  process.stderr.write(explain(error));
  process.exitCode = 1;
});
