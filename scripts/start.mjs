#!/usr/bin/env node
// `npm start` and `majlis`: builds what is not built or older than its sources, then becomes the server, or with arguments the
// operators' command that they name. Plain JavaScript without a dependency, because it runs before anything is built, and under whatever Node the machine has.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 24;
const root = fileURLToPath(new URL('..', import.meta.url));
const at = (path) => join(root, path);

const builds = [
  {
    output: 'apps/server/dist/main.js',
    sources: [
      'apps/server/src',
      'apps/server/tsconfig.json',
      'packages/contract/src',
      'packages/contract/tsconfig.json',
      'tsconfig.base.json',
    ],
    command: [at('node_modules/typescript/bin/tsc'), '-b'],
    cwd: 'apps/server',
  },
  {
    output: 'apps/console/dist/index.html',
    sources: ['src', 'public', 'index.html', 'vite.config.ts', '../../packages/contract/src', '../../packages/client/src'].map(
      (path) => `apps/console/${path}`,
    ),
    command: [at('node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'error'],
    cwd: 'apps/console',
  },
];

/** The latest change in a file or folder, in milliseconds. Folders count, because what was deleted shows only in them. */
function changedAt(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => changedAt(join(path, name))));
}

/** Touched where a build succeeded; the tools leave their files behind where it did not. `npm ci` removes it. */
const stampOf = ({ cwd }) => at(join('node_modules/.cache/built', cwd));

function isStale(build) {
  if (![at(build.output), stampOf(build)].every((path) => existsSync(path))) return true;
  const builtAt = statSync(stampOf(build)).mtimeMs;
  return [...build.sources, 'package-lock.json'].some((path) => changedAt(at(path)) > builtAt);
}

function run(build) {
  const startedAt = new Date();
  const { status, stdout, stderr } = spawnSync(process.execPath, build.command, { cwd: at(build.cwd), encoding: 'utf8' });
  if (status !== 0) fail(`The build failed:\n${stdout}${stderr}`);
  mkdirSync(dirname(stampOf(build)), { recursive: true });
  writeFileSync(stampOf(build), '');
  // The time of the start, so that a change meanwhile counts.
  utimesSync(stampOf(build), startedAt, startedAt);
}

function fail(line) {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

/** Runs this script again under the Node that `npm ci` brought, as if it were this process. */
function rerun() {
  const folder = readdirSync(at('node_modules')).find((name) => /^node-(linux|darwin|win)-/.test(name)) ?? '';
  const node = ['bin/node', 'bin/node.exe'].map((file) => at(`node_modules/${folder}/${file}`)).find((file) => existsSync(file));
  if (!folder || !node) fail(`Node ${NODE_MAJOR} or newer is needed, and this is ${process.version}`);
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

if (!existsSync(at('node_modules'))) fail('Run `npm ci` first');
if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR) {
  rerun();
} else {
  const stale = builds.filter(isStale);
  if (stale.length > 0) process.stderr.write('Building…\n');
  stale.forEach(run);
  await import(process.argv.length > 2 ? '../apps/server/dist/cli.js' : '../apps/server/dist/main.js');
}
