import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { envExample } from '../../../../scripts/env-example.ts';
import { loadSettings, settingSections, settingTexts, SettingsError } from '../../src/config/settings.ts';

const SECRET = 'a secret of at least thirty-two bytes';
const pem = (key: ReturnType<typeof generateKeyPairSync>['publicKey' | 'privateKey'], type: 'spki' | 'pkcs8') =>
  key.export({ format: 'pem', type } as never) as unknown as string;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsaShort = generateKeyPairSync('rsa', { modulusLength: 1024 });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'majlis-settings-'));
});
afterEach(() => {
  rmSync(cwd, { recursive: true });
});

const load = (env: Record<string, string>) => loadSettings({ JWT_SECRET: SECRET, ...env }, cwd);

/** The line that ends the start with `env`. */
function refusal(env: Record<string, string>): string {
  try {
    load(env);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as Error).message;
  }
  throw new Error(`accepted ${JSON.stringify(env)}`);
}

test('without any setting the documented defaults hold', () => {
  expect(load({})).toEqual({
    NODE_ENV: 'development',
    HOST: '127.0.0.1',
    PORT: 3000,
    FRONTEND_URL: [],
    CLIENT_URL: [],
    TRUST_PROXY: 0,
    DATA_DIR: join(cwd, 'data'),
    REDIS_PORT: 6379,
    STREAM_RETENTION_DAYS: 7,
    DEMO_DATA: true,
    JWT_SECRET: SECRET,
    AUTH_PROVISION_USERS: false,
    AUTH_TRUST_ROLE_CLAIM: false,
    API_KEYS: [],
    RATE_LIMIT_MAX_EVENTS: 100,
    RATE_LIMIT_MAX_LIGHT: 600,
    RATE_LIMIT_WINDOW_MS: 60_000,
    RATE_LIMIT_MAX_CONNECTS: 60,
    SOCKET_MAX_BUFFERED_BYTES: 1_048_576,
    UPLOAD_MAX_BYTES: 52_428_800,
    UPLOAD_MAX_BYTES_PER_DAY: 1_073_741_824,
    UPLOAD_TIMEOUT_S: 300,
    S3_REGION: 'us-east-1',
    PRESENCE_AUDIENCE: 'auto',
    PRESENCE_GRACE_MS: 2000,
    PUSH_DELAY_MS: 2_500,
    PUSH_ALLOW_PRIVATE: false,
    PRESENCE_LEASE_MS: 15_000,
    ORDER_ESCALATE_AFTER_S: 120,
    LOG_LEVEL: 'info',
    LOG_EVENTS: true,
  });
});

test.each([
  ['PORT', '0', 0],
  ['PORT', '65535', 65_535],
  ['HOST', '::', '::'],
  ['HOST', 'localhost', 'localhost'],
  ['PUBLIC_URL', 'https://majlis.example.com/', 'https://majlis.example.com'],
  ['PUBLIC_URL', 'https://example.com/majlis/', 'https://example.com/majlis'],
  ['JWT_JWKS_URL', 'https://id.example.com/keys/', 'https://id.example.com/keys/'],
  ['FRONTEND_URL', 'https://a.example.com/, http://localhost:5173', ['https://a.example.com', 'http://localhost:5173']],
  ['CLIENT_URL', 'capacitor://localhost,https://A.example.com:443', ['capacitor://localhost', 'https://a.example.com']],
  ['TRUST_PROXY', 'false', 0],
  ['TRUST_PROXY', 'true', 1],
  ['TRUST_PROXY', '2', 2],
  ['TRUST_PROXY', '10.0.0.0/8, ::1', ['10.0.0.0/8', '::1']],
  ['DATA_DIR', '/var/lib/majlis', '/var/lib/majlis'],
  ['DATABASE_URL', 'postgresql://u:p@h/db', 'postgresql://u:p@h/db'],
  ['DATABASE_URL', 'postgres:///db?host=/run/postgresql', 'postgres:///db?host=/run/postgresql'],
  ['REDIS_URL', 'rediss://u:p@h:6380/2', 'rediss://u:p@h:6380/2'],
  ['REDIS_HOST', 'redis.internal', 'redis.internal'],
  ['JWT_SECRET', 'ش'.repeat(16), 'ش'.repeat(16)],
  ['API_KEYS', ' one , two,', ['one', 'two']],
  ['AUTH_PROVISION_USERS', 'true', true],
  ['LOG_EVENTS', '0', false],
  ['LOG_LEVEL', 'silent', 'silent'],
  ['RATE_LIMIT_MAX_CONNECTS', '0', 0],
])('%s=%s is %j', (name, value, expected) => {
  expect(load({ [name]: value })).toHaveProperty(name, expected);
});

describe('a wrong one ends the start with one line that names it, its value’s problem and what would be right', () => {
  test.each([
    ['PORT', 'x', 'PORT is "x"; it must be a whole number from 0 to 65535, for example 8080'],
    ['PORT', '65536', 'PORT is "65536"; it must be a whole number from 0 to 65535, for example 8080'],
    ['PORT', '-1', 'PORT is "-1"; it must be a whole number from 0 to 65535, for example 8080'],
    ['PORT', '0x10', 'PORT is "0x10"; it must be a whole number from 0 to 65535, for example 8080'],
    ['PORT', '30\n00', 'PORT is "30\\n00"; it must be a whole number from 0 to 65535, for example 8080'],
    ['HOST', 'http://a', 'HOST is "http://a"; it must be an IP address or a host name, for example 0.0.0.0'],
    ['NODE_ENV', 'prod', 'NODE_ENV is "prod"; it must be one of development, production, test, for example production'],
    ['LOG_EVENTS', 'maybe', 'LOG_EVENTS is "maybe"; it must be true or false, for example false'],
    [
      'PUBLIC_URL',
      'example.com',
      'PUBLIC_URL is "example.com"; it must be an http or https URL without query, for example https://majlis.example.com',
    ],
    [
      'PUBLIC_URL',
      'https://a/?b',
      'PUBLIC_URL is "https://a/?b"; it must be an http or https URL without query, for example https://majlis.example.com',
    ],
    [
      'FRONTEND_URL',
      '*',
      'FRONTEND_URL is "*"; it must be a comma-separated list of origins, or unset for any origin (without credentials), for example https://app.example.com,https://admin.example.com',
    ],
    [
      'JWT_JWKS_URL',
      'file:///keys',
      'JWT_JWKS_URL is "file:///keys"; it must be an http or https URL, for example https://id.example.com/.well-known/jwks.json',
    ],
    ['RATE_LIMIT_MAX_EVENTS', '0', 'RATE_LIMIT_MAX_EVENTS is "0"; it must be a whole number from 1 to 1000000000, for example 200'],
    ['ADMIN_EMAIL', 'root', 'ADMIN_EMAIL is "root"; it must be an e-mail address, for example admin@example.com'],
    [
      'ADMIN_EMAIL',
      'a@example.com',
      'ADMIN_PASSWORD is not set; it must be set together with ADMIN_EMAIL, for example the output of: openssl rand -base64 18',
    ],
    [
      'S3_BUCKET',
      'majlis',
      'S3_ENDPOINT is not set; it must be set together with S3_BUCKET, for example https://s3.eu-central-1.amazonaws.com',
    ],
    ['ADMIN_PASSWORD', 'hunter22', 'ADMIN_EMAIL is not set; it must be set together with ADMIN_PASSWORD, for example admin@example.com'],
  ])('%s=%j', (name, value, line) => {
    expect(refusal({ [name]: value })).toBe(line);
  });

  test.each(['constructor', '10.0.0.0/33', '::/129', 'proxy.example.com', ',', '-1'])('TRUST_PROXY=%s', (value) => {
    expect(refusal({ TRUST_PROXY: value })).toContain(`TRUST_PROXY is "${value}"; it must be true, false, a number of proxies`);
  });

  test('a long value is shown from its start only', () => {
    expect(refusal({ HOST: 'a/'.repeat(500) }).length).toBeLessThan(200);
  });
});

test('JWT_SECRET … refused under 32 bytes', () => {
  expect(refusal({ JWT_SECRET: 'x'.repeat(31) })).toBe(
    'JWT_SECRET is a value of 31 bytes (not shown); it must be at least 32 bytes, for example the output of: openssl rand -base64 48',
  );
  expect(load({ JWT_SECRET: 'x'.repeat(32) }).JWT_SECRET).toBe('x'.repeat(32));
});

test('the value of a secret is never printed', () => {
  const secrets = Object.values(settingSections)
    .flatMap((settings) => Object.entries(settings))
    .filter(([, schema]) => settingTexts.get(schema)?.secret)
    .map(([name]) => name);
  expect(secrets).toEqual([
    'DATABASE_URL',
    'REDIS_URL',
    'REDIS_PASSWORD',
    'JWT_SECRET',
    'JWT_PUBLIC_KEY',
    'API_KEYS',
    'ADMIN_PASSWORD',
    'S3_SECRET_ACCESS_KEY',
    'METRICS_TOKEN',
  ]);
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'JWT_SECRET', 'JWT_PUBLIC_KEY'])
    expect(refusal({ [name]: 'hunter2!' })).not.toContain('hunter2!');
});

test('JWT_PUBLIC_KEY takes the key of RS256 or ES256, and no other', () => {
  const kinds = (value: string) => load({ JWT_PUBLIC_KEY: value }).JWT_PUBLIC_KEY?.asymmetricKeyType;
  expect(kinds(pem(ec.publicKey, 'spki'))).toBe('ec');
  expect(kinds(pem(rsa.publicKey, 'spki'))).toBe('rsa');
  expect(kinds(pem(rsa.publicKey, 'spki').replaceAll('\n', '\\n'))).toBe('rsa');
  for (const key of [pem(rsaShort.publicKey, 'spki'), pem(p384.publicKey, 'spki'), pem(ec.privateKey, 'pkcs8')])
    expect(refusal({ JWT_PUBLIC_KEY: key })).toMatch(
      /^JWT_PUBLIC_KEY is a value of \d+ bytes \(not shown\); it must be a public key in PEM form/,
    );
});

test.each([
  [{}, true],
  [{ HOST: '127.0.0.2' }, true],
  [{ HOST: '::1' }, true],
  [{ HOST: 'localhost' }, true],
  [{ DEMO_DATA: 'false' }, false],
  [{ NODE_ENV: 'production' }, false],
  [{ NODE_ENV: 'production', DEMO_DATA: 'true' }, false],
  [{ HOST: '0.0.0.0' }, false],
  [{ HOST: '::' }, false],
  [{ HOST: 'majlis.example.com' }, false],
])(
  'demo data … unless DEMO_DATA=false, NODE_ENV=production, or HOST is not a loopback address: %j is %j',
  (env: Record<string, string>, expected) => {
    expect(load(env).DEMO_DATA).toBe(expected);
  },
);

describe('.env', () => {
  test('is read from the working directory; the environment wins, and an empty value counts as unset', () => {
    writeFileSync(join(cwd, '.env'), 'PORT=4000\nHOST=127.0.0.9\nLOG_LEVEL=debug # why\nMETRICS_TOKEN=\nJWT_ISSUER="a b"\n');
    expect(load({ PORT: '5000', HOST: '' })).toMatchObject({ PORT: 5000, HOST: '127.0.0.9', LOG_LEVEL: 'debug', JWT_ISSUER: 'a b' });
    expect(load({})).not.toHaveProperty('METRICS_TOKEN');
  });

  test('that cannot be read ends the start', () => {
    mkdirSync(join(cwd, '.env'));
    expect(refusal({})).toMatch(/\.env cannot be read \(EISDIR.*\); it must be a readable file, or not there$/);
  });
});

describe('JWT_SECRET unset: made at random on first start and kept in DATA_DIR', () => {
  const kept = () => loadSettings({}, cwd).JWT_SECRET;
  const file = () => join(cwd, 'data', 'jwt-secret');

  test('the same on the next start, another in another directory, readable by its owner only', () => {
    const secret = kept();
    expect(Buffer.byteLength(secret)).toBeGreaterThanOrEqual(32);
    expect(kept()).toBe(secret);
    expect(loadSettings({ DATA_DIR: 'other' }, cwd).JWT_SECRET).not.toBe(secret);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(cwd, 'data'))).toEqual(['jwt-secret']);
  });

  test('the same for servers that start at once', async () => {
    // Threads, because they can be let go at the same instant; the file system treats them as it does processes.
    const starter = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { keptSecret } = await import(workerData.module);
      parentPort.postMessage('ready');
      Atomics.wait(workerData.gate, 0, 0);
      parentPort.postMessage(workerData.directories.map(keptSecret));`;
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const directories = Array.from({ length: 20 }, (_, n) => join(cwd, `data-${n}`));
    const workerData = { module: new URL('../../src/config/jwt-secret.ts', import.meta.url).href, gate, directories };
    const workers = Array.from(
      { length: 4 },
      () => new Worker(new URL(`data:text/javascript,${encodeURIComponent(starter)}`), { workerData }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const secrets = Promise.all(workers.map((worker) => once(worker, 'message')));
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);

    const answers = await secrets;
    const kept = directories.map((directory) => readFileSync(join(directory, 'jwt-secret'), 'utf8'));
    expect(answers).toEqual(workers.map(() => [kept]));
    expect(directories.flatMap((directory) => readdirSync(directory))).toEqual(directories.map(() => 'jwt-secret'));
  });

  test('a kept secret that is too short, and a directory that cannot be written, end the start', () => {
    kept();
    writeFileSync(file(), 'short');
    const line =
      /^DATA_DIR is ".*", and the JWT secret cannot be kept there \(.*\); it must be a directory that the server may write to, or JWT_SECRET must be set$/;
    expect(() => kept()).toThrow(line);
    writeFileSync(join(cwd, 'a-file'), '');
    chmodSync(join(cwd, 'a-file'), 0o400);
    expect(() => loadSettings({ DATA_DIR: 'a-file' }, cwd)).toThrow(line);
  });
});

describe('.env.example', () => {
  test('lists them all, as the settings describe them (`npm run env-example` writes it)', () => {
    expect(readFileSync(new URL('../../../../.env.example', import.meta.url), 'utf8')).toBe(envExample());
  });

  test('changes nothing when it is used as it is', () => {
    const before = load({});
    writeFileSync(join(cwd, '.env'), envExample().replaceAll(/^#(?=[A-Z_]+=)/gm, ''));
    expect(load({})).toEqual(before);
  });

  const examples = Object.values(settingSections)
    .flatMap((settings) => Object.entries(settings))
    .map(([name, schema]) => [name, settingTexts.get(schema)!.example] as const)
    .filter(([, example]) => !example.startsWith('the output of: '));

  test.each(examples)('the example of %s works: %s', (name, example) => {
    const s3 = { S3_ENDPOINT: 'https://s3.test', S3_BUCKET: 'b', S3_ACCESS_KEY_ID: 'k', S3_SECRET_ACCESS_KEY: 's' };
    const twins: Record<string, string> = name === 'ADMIN_EMAIL' ? { ADMIN_PASSWORD: 'hunter22' } : name in s3 ? s3 : {};
    expect(load({ ...twins, [name]: example })).toHaveProperty(name, expect.anything());
  });
});
