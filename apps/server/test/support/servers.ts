/** PostgreSQL, Redis and a browser for the tests: what the environment names, else what is installed here, started for the run. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromiumPath } from '../../../../scripts/chromium.ts';

/** A server process of the tests' own, on 127.0.0.1, with its data in a temporary folder. */
export interface StartedServer {
  url: string;
  readonly pid: number;
  /** Ends it at once, as a crash does; the data stays. */
  crash(): Promise<void>;
  /** Stops it and its children where they are (SIGSTOP): connections stay, and nothing is answered. */
  freeze(): void;
  /** Lets it go on after `freeze`. */
  thaw(): void;
  /** Starts it again after `crash`, on the same port and data. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

interface Program {
  command: string;
  args(port: number, folder: string): string[];
  /** What it writes once it takes connections. */
  ready: string;
  /** Who runs it, where it must not be root. */
  user?: { uid: number; gid: number };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Starts the program and waits until it is ready. @throws what it wrote, where it ends instead */
async function run({ command, args, ready, user }: Program, port: number, folder: string): Promise<ChildProcess> {
  const child = spawn(command, args(port, folder), { ...user, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  await new Promise<void>((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer) => {
      output += chunk;
      if (output.includes(ready)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`${command} ended:\n${output}`)));
  });
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(child, 'exit');
  child.kill(signal);
  if (child.exitCode === null && child.signalCode === null) await exited;
}

/** Signals a process and its children: each connection of PostgreSQL has a process of its own. */
function signalAll(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  process.kill(pid, signal);
  for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number)) {
    try {
      if (child) process.kill(child, signal);
    } catch (error) {
      // Gone by now.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function start(program: Program, folder: string, url: (port: number) => string): Promise<StartedServer> {
  const port = await freePort();
  let child = await run(program, port, folder);
  // A run that ends without its teardown leaves nothing behind. SIGQUIT is PostgreSQL's immediate shutdown, and ends Redis too.
  const leave = () => {
    child.kill('SIGQUIT');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  process.on('exit', leave);
  return {
    url: url(port),
    get pid() {
      return child.pid!;
    },
    crash: () => end(child, 'SIGQUIT'),
    freeze: () => signalAll(child.pid!, 'SIGSTOP'),
    thaw: () => signalAll(child.pid!, 'SIGCONT'),
    async restart() {
      child = await run(program, port, folder);
    },
    async stop() {
      process.off('exit', leave);
      await end(child, 'SIGQUIT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The first of these folders that holds the program. */
const folderWith = (program: string, folders: string[]) => folders.find((folder) => existsSync(join(folder, program)));

const pathFolders = () => (process.env['PATH'] ?? '').split(':');

/** Debian keeps PostgreSQL's programs out of PATH, a folder for each version. The newest first. */
function debianFolders(): string[] {
  const base = '/usr/lib/postgresql';
  const versions = existsSync(base) ? readdirSync(base).map(Number) : [];
  return versions.toSorted((a, b) => b - a).map((version) => `${base}/${version}/bin`);
}

/** PostgreSQL refuses to be root; Debian's package brings a user for it. */
function postgresUser(): Program['user'] {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** An empty PostgreSQL server; `undefined` where none is installed. Its data does not survive a power loss. */
export async function startPostgres(): Promise<StartedServer | undefined> {
  const programs = folderWith('initdb', [...debianFolders(), ...pathFolders()]);
  if (programs === undefined) return undefined;

  const user = postgresUser();
  const folder = await mkdtemp(join(tmpdir(), 'majlis-postgres-'));
  if (user) await chown(folder, user.uid, user.gid);
  // A collation that orders text otherwise than SQLite does, as most installations have, so that what relies on the order shows.
  const version = Number(/\d+/.exec(execFileSync(join(programs, 'postgres'), ['--version'], { encoding: 'utf8' }))?.[0]);
  const collation = version >= 15 ? ['--locale-provider=icu', '--icu-locale=en'] : [];
  const settings = [
    '--username=postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C.UTF-8',
    ...collation,
    '--no-sync',
    '--no-instructions',
  ];
  execFileSync(join(programs, 'initdb'), [...settings, join(folder, 'data')], {
    ...user,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });

  const program: Program = {
    command: join(programs, 'postgres'),
    args: (port) => {
      const settings = [
        'listen_addresses=127.0.0.1',
        'unix_socket_directories=',
        'max_connections=200',
        'fsync=off',
        'full_page_writes=off',
      ];
      return ['-D', join(folder, 'data'), '-p', `${port}`, ...settings.flatMap((setting) => ['-c', setting])];
    },
    ready: 'ready to accept connections',
    user,
  };
  return start(program, folder, (port) => `postgres://postgres@127.0.0.1:${port}/postgres`);
}

/** An empty Redis server without persistence; `undefined` where none is installed. */
export async function startRedis(): Promise<StartedServer | undefined> {
  const programs = folderWith('redis-server', pathFolders());
  if (programs === undefined) return undefined;

  const folder = await mkdtemp(join(tmpdir(), 'majlis-redis-'));
  const program: Program = {
    command: join(programs, 'redis-server'),
    args: (port) => ['--bind', '127.0.0.1', '--port', `${port}`, '--save', '', '--appendonly', 'no', '--dir', folder],
    ready: 'Ready to accept connections',
  };
  return start(program, folder, (port) => `redis://127.0.0.1:${port}`);
}

/** What tests find in their environment, what it is, and how to come by it. */
const needs = [
  { variable: 'TEST_PG_URL', name: 'PostgreSQL', remedy: 'install postgresql, or set TEST_PG_URL', provide: startPostgres },
  { variable: 'TEST_REDIS_URL', name: 'Redis', remedy: 'install redis-server, or set TEST_REDIS_URL', provide: startRedis },
  {
    variable: 'CHROMIUM_PATH',
    name: 'a browser',
    remedy: 'install chromium, or set CHROMIUM_PATH',
    provide: async () => {
      const url = await chromiumPath();
      return url === undefined ? undefined : { url, stop: async () => {} };
    },
  },
];

/**
 * vitest's global set-up: gives every test file the three variables, each once for the run. What cannot be had is named, and the
 * tests that need it are skipped; with `CI=true` that is an error.
 */
export default async function setUp(): Promise<() => Promise<void>> {
  const provided = await Promise.all(
    needs
      .filter(({ variable }) => !process.env[variable])
      .map(async ({ variable, name, remedy, provide }) => {
        const server = await provide();
        if (server) process.env[variable] = server.url;
        return { server, missing: server ? undefined : `the tests that need ${name} (${remedy})` };
      }),
  );
  const stop = async () => {
    for (const { server } of provided) await server?.stop();
  };
  const skipped = provided.flatMap(({ missing }) => missing ?? []);
  if (skipped.length > 0 && process.env['CI'] === 'true') {
    await stop();
    throw new Error(`With CI=true nothing may be skipped: ${skipped.join('; ')}`);
  }
  for (const what of skipped) process.stderr.write(`SKIPPED: ${what}\n`);
  return stop;
}
