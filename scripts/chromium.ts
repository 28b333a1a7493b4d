import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const systemBrowsers = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/**
 * The browser that tests drive: `CHROMIUM_PATH`, or a system browser, or the one in the npm package @sparticuz/chromium
 * (Linux on x64), which is unpacked on first use. `undefined` where there is none.
 */
export async function chromiumPath(): Promise<string | undefined> {
  const installed = process.env['CHROMIUM_PATH'] || systemBrowsers.find((path) => existsSync(path));
  if (installed) return installed;
  return process.platform === 'linux' && process.arch === 'x64' ? unpackedPath() : undefined;
}

// The browser's own libraries (nss, nspr, expat) and font come with the package; a bare Debian has neither.
const launcher = `#!/bin/sh
home=$(dirname "$0")
export LD_LIBRARY_PATH="$home/al2023/lib" FONTCONFIG_FILE="$home/fonts.conf"
exec "$home/chromium" "$@"
`;

const fontsOf = (home: string) => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${home}/fonts/fonts</dir>
  <cachedir>${home}/fonts-cache</cachedir>
</fontconfig>
`;

async function unpackedPath(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const { version } = createRequire(entry)('../package.json') as { version: string };
  // In node_modules and not in the temporary folder, where another user could have put a program of that name.
  const cache = join(import.meta.dirname, '../node_modules/.cache');
  const home = join(cache, `chromium-${version}`);
  if (existsSync(home)) return join(home, 'launch');

  const { default: chromium, inflate } = await import('@sparticuz/chromium');
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(`${home}-`);
  const before = process.env['TMPDIR'];
  try {
    // The package unpacks to the temporary folder. Here to a draft that is then renamed, so that two test runs can start at once.
    process.env['TMPDIR'] = draft;
    await chromium.executablePath();
    await inflate(join(dirname(entry), '../bin/al2023.tar.br'));
    writeFileSync(join(draft, 'fonts.conf'), fontsOf(home));
    writeFileSync(join(draft, 'launch'), launcher, { mode: 0o755 });
    renameSync(draft, home);
  } catch (error) {
    if (!existsSync(home)) throw error;
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    rmSync(draft, { recursive: true, force: true });
  }
  return join(home, 'launch');
}
