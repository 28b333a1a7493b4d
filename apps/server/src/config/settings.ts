import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { keptSecret } from './jwt-secret.ts';
import { isLoopback } from './loopback.ts';
import * as kind from './setting-kinds.ts';

/** What a setting says of itself beside its schema. `.env.example` is generated from it. */
interface SettingText {
  description: string;
  /** A value that works, shown in `.env.example` and in the error line. */
  example: string;
  /** Its value is never printed. */
  secret?: true;
}

export const settingTexts = z.registry<SettingText>();

function setting<T extends z.ZodType>(schema: T, text: SettingText): T {
  settingTexts.add(schema, text);
  return schema;
}

const server = {
  NODE_ENV: setting(kind.oneOf('development', 'production', 'test').default('development'), {
    description: 'In production no demo data is made.',
    example: 'production',
  }),
  HOST: setting(kind.host().default('127.0.0.1'), {
    description:
      'Address to listen on. An address that is not a loopback address makes the server reachable from outside, and no demo data.',
    example: '0.0.0.0',
  }),
  PORT: setting(kind.integer(0, 65_535).default(3000), { description: 'TCP port to listen on; 0 takes a free one.', example: '8080' }),
  PUBLIC_URL: setting(kind.baseUrl().optional(), {
    description: 'Where clients reach the server, for the absolute URLs of uploads. Unset: the address that it listens on.',
    example: 'https://majlis.example.com',
  }),
  FRONTEND_URL: setting(kind.origins().default([]), {
    description:
      'Origins of web pages that may connect, comma-separated, together with those of CLIENT_URL. Neither set: any origin, without credentials.',
    example: 'https://app.example.com,https://admin.example.com',
  }),
  CLIENT_URL: setting(kind.origins().default([]), {
    description: 'The same as FRONTEND_URL; the two add up.',
    example: 'capacitor://localhost',
  }),
  TRUST_PROXY: setting(kind.trustedProxies().default(0), {
    description:
      'Whose X-Forwarded-For is believed: false for nobody, true for the one proxy in front, a number of proxies in a row, or the addresses or subnets of proxies.',
    example: '10.0.0.0/8',
  }),
};

const store = {
  DATA_DIR: setting(kind.text().default('./data'), {
    description: 'Directory of the embedded store, of uploads and of the generated secret; relative to the working directory.',
    example: '/var/lib/majlis',
  }),
  DATABASE_URL: setting(kind.databaseUrl().optional(), {
    description: 'Selects PostgreSQL. Unset: the embedded store in DATA_DIR.',
    example: 'postgres://majlis:password@127.0.0.1:5432/majlis',
    secret: true,
  }),
  REDIS_URL: setting(kind.redisUrl().optional(), {
    description: 'Redis through which the nodes on one PostgreSQL tell each other what happens. Unset, and REDIS_HOST too: one node.',
    example: 'redis://:password@127.0.0.1:6379',
    secret: true,
  }),
  REDIS_HOST: setting(kind.host().optional(), { description: 'Instead of REDIS_URL: where Redis listens.', example: '127.0.0.1' }),
  REDIS_PORT: setting(kind.integer(1, 65_535).default(6379), { description: 'Port of REDIS_HOST.', example: '6380' }),
  REDIS_PASSWORD: setting(kind.text().optional(), {
    description: 'Password of REDIS_HOST.',
    example: 'the output of: openssl rand -hex 32',
    secret: true,
  }),
  STREAM_RETENTION_DAYS: setting(kind.integer(1, 3650).default(7), {
    description: 'How long changes can be caught up with by sync; a client that was away for longer reloads by REST.',
    example: '30',
  }),
  DEMO_DATA: setting(kind.flag().default(true), {
    description:
      'Fills a store that has no users with demo data and prints its logins. Never with NODE_ENV=production or a HOST that is not a loopback address.',
    example: 'false',
  }),
};

const auth = {
  JWT_SECRET: setting(kind.secretText().optional(), {
    description:
      'Secret of HS256 tokens, 32 bytes or more. Unset: made at random on the first start and kept in DATA_DIR. Nodes of one cluster share it.',
    example: 'the output of: openssl rand -base64 48',
    secret: true,
  }),
  JWT_PUBLIC_KEY: setting(kind.publicKey().optional(), {
    description: 'PEM public key of your own identity provider, for RS256 or ES256 tokens; line breaks may be written as \\n.',
    example: 'the output of: openssl pkey -in private.pem -pubout',
    secret: true,
  }),
  JWT_JWKS_URL: setting(kind.httpUrl().optional(), {
    description: 'JWKS address of your own identity provider, for RS256 or ES256 tokens.',
    example: 'https://id.example.com/.well-known/jwks.json',
  }),
  JWT_ISSUER: setting(kind.text().optional(), {
    description: 'Where set, the iss claim of a token must be this.',
    example: 'https://id.example.com',
  }),
  JWT_AUDIENCE: setting(kind.text().optional(), { description: 'Where set, the aud claim of a token must hold this.', example: 'majlis' }),
  AUTH_PROVISION_USERS: setting(kind.flag().default(false), {
    description:
      'Creates or updates the user of a valid token from its claims name, avatar and role, instead of refusing one that is unknown.',
    example: 'true',
  }),
  AUTH_TRUST_ROLE_CLAIM: setting(kind.flag().default(false), {
    description: 'Lets AUTH_PROVISION_USERS give the role that the token claims; otherwise never one above user.',
    example: 'true',
  }),
  API_KEYS: setting(kind.parsed('a comma-separated list of keys', kind.items).default([]), {
    description: 'Keys of your own backends (header X-API-Key), comma-separated. Such a key may do anything for any user.',
    example: 'the output of: openssl rand -hex 32',
    secret: true,
  }),
  ADMIN_EMAIL: setting(z.email({ error: 'an e-mail address' }).optional(), {
    description: 'E-mail of the first administrator, made when the store has none.',
    example: 'admin@example.com',
  }),
  ADMIN_PASSWORD: setting(kind.text().optional(), {
    description: 'Password of the first administrator; set together with ADMIN_EMAIL.',
    example: 'the output of: openssl rand -base64 18',
    secret: true,
  }),
};

const limits = {
  RATE_LIMIT_MAX_EVENTS: setting(kind.integer(1, 1_000_000_000).default(100), {
    description: 'Writes of one user in a window, over all sockets and REST.',
    example: '200',
  }),
  RATE_LIMIT_MAX_LIGHT: setting(kind.integer(1, 1_000_000_000).default(600), {
    description: 'Typing, receipts, joins, syncs and reads of one user in a window.',
    example: '1200',
  }),
  RATE_LIMIT_WINDOW_MS: setting(kind.integer(1, 86_400_000).default(60_000), {
    description: 'Length of the sliding window of both, in milliseconds.',
    example: '10000',
  }),
  RATE_LIMIT_MAX_CONNECTS: setting(kind.integer(0, 1_000_000_000).default(60), {
    description: 'Failed authentications of one address in 60 seconds, after which its connections are refused; 0 = no limit.',
    example: '600',
  }),
  SOCKET_MAX_BUFFERED_BYTES: setting(kind.integer(1024, 1_073_741_824).default(1_048_576), {
    description: 'A socket that does not read is cut off when so many bytes wait for it.',
    example: '4194304',
  }),
};

const uploads = {
  UPLOAD_MAX_BYTES: setting(kind.integer(1, 5_368_709_120).default(52_428_800), {
    description: 'Size of the largest file that may be uploaded.',
    example: '104857600',
  }),
  UPLOAD_MAX_BYTES_PER_DAY: setting(kind.integer(1, 1_000_000_000_000_000).default(1_073_741_824), {
    description:
      'How much one user may upload in 24 hours; beyond it uploads are refused until some of it is older. API keys have no limit.',
    example: '10737418240',
  }),
  UPLOAD_TIMEOUT_S: setting(kind.integer(1, 300).default(300), {
    description: 'An upload that has not arrived after so many seconds is given up.',
    example: '60',
  }),
  S3_ENDPOINT: setting(kind.baseUrl().optional(), {
    description:
      'Keeps uploads in a bucket of S3, or of what speaks like it, and not in DATA_DIR; set together with the next three. Nodes of one cluster need it, or share the folder uploads of DATA_DIR.',
    example: 'https://s3.eu-central-1.amazonaws.com',
  }),
  S3_BUCKET: setting(kind.text().optional(), { description: 'The bucket; its objects are named uploads/<key>.', example: 'majlis' }),
  S3_ACCESS_KEY_ID: setting(kind.text().optional(), {
    description: 'Who may put, get and delete objects there.',
    example: 'AKIAIOSFODNN7EXAMPLE',
  }),
  S3_SECRET_ACCESS_KEY: setting(kind.text().optional(), {
    description: 'The secret of that key.',
    example: 'what your store gave you with the key',
    secret: true,
  }),
  S3_REGION: setting(kind.text().default('us-east-1'), { description: 'The region of the bucket.', example: 'eu-central-1' }),
};

const push = {
  PUSH_CONTACT: setting(
    kind
      .parsed('a mailto: or https URL', (value) => (/^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/.test(value) ? value : undefined))
      .optional(),
    {
      description: 'How push services reach you where your pushes cause trouble. Unset: ADMIN_EMAIL, or PUBLIC_URL where it is https.',
      example: 'mailto:admin@example.com',
    },
  ),
  PUSH_DELAY_MS: setting(kind.integer(0, 60_000).default(2_500), {
    description:
      'How long something waits before it is pushed, in milliseconds; longer than PRESENCE_GRACE_MS, so that it is known who is offline.',
    example: '5000',
  }),
  PUSH_ALLOW_PRIVATE: setting(kind.flag().default(false), {
    description:
      'Lets clients name push endpoints that are not https, or in your own network. For tests, and for a push service of your own: others could reach your network through it.',
    example: 'true',
  }),
};

const features = {
  PRESENCE_AUDIENCE: setting(kind.oneOf('auto', 'everyone', 'contacts').default('auto'), {
    description:
      'Who is told that a user comes online or goes offline: everyone, contacts (who shares a chat, a friendship or a follow), or auto: everyone up to 1,000 users online, contacts above.',
    example: 'contacts',
  }),
  PRESENCE_GRACE_MS: setting(kind.integer(0, 600_000).default(2_000), {
    description: 'How long after the last socket has gone a user goes offline, in milliseconds: who comes back sooner was never away.',
    example: '5000',
  }),
  // Longer than it takes a node to notice that it is cut off itself.
  PRESENCE_LEASE_MS: setting(kind.integer(3_500, 25_000).default(15_000), {
    description: 'How long after another node was last heard its users go offline, in milliseconds. The same on all nodes.',
    example: '10000',
  }),
  ORDER_ESCALATE_AFTER_S: setting(kind.integer(1, 604_800).default(120), {
    description: 'An order that nobody has acknowledged after so many seconds is brought to the managers.',
    example: '300',
  }),
};

const logging = {
  LOG_LEVEL: setting(kind.oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent').default('info'), {
    description: 'The least grave kind of log line that is written: fatal, error, warn, info, debug, trace, or silent for none.',
    example: 'debug',
  }),
  LOG_EVENTS: setting(kind.flag().default(true), {
    description: "One line 'WebSocket Event' for each inbound event, with user, event name and address, never content.",
    example: 'false',
  }),
  METRICS_TOKEN: setting(kind.text().optional(), {
    description: 'Bearer token of GET /metrics. Unset: /metrics answers loopback addresses only.',
    example: 'the output of: openssl rand -hex 32',
    secret: true,
  }),
};

/** The settings as `.env.example` shows them. A new setting is one entry in one of these. */
export const settingSections = {
  Server: server,
  Store: store,
  'Who may connect': auth,
  Limits: limits,
  Uploads: uploads,
  'Web Push': push,
  Features: features,
  'Logs and metrics': logging,
};

/** Settings of which there are all or none. */
const TOGETHER = [
  ['ADMIN_EMAIL', 'ADMIN_PASSWORD'],
  ['S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'],
] as const;

const settingsSchema = z
  .object({ ...server, ...store, ...auth, ...limits, ...uploads, ...push, ...features, ...logging })
  .superRefine((settings, context) => {
    for (const names of TOGETHER) {
      const given = names.find((name) => settings[name] !== undefined);
      const missing = names.find((name) => settings[name] === undefined);
      if (given && missing) context.addIssue({ code: 'custom', path: [missing], message: `set together with ${given}` });
    }
  });

/** Every setting by the name of its environment variable, checked and typed. `DATA_DIR` is absolute. */
export type GivenSettings = z.output<typeof settingsSchema>;
/** The same, with the secret that was given or kept. */
export type Settings = GivenSettings & { JWT_SECRET: string };

/** A setting that ends the start. `message` is one line: which variable, what is wrong with its value, what would be right. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** What ends the start where something cannot be kept in `DATA_DIR`. */
export function cannotKeep(what: string, dataDir: string, error: unknown, otherwise = ''): SettingsError {
  const problem = (error as Error).message;
  return new SettingsError(
    `DATA_DIR is ${JSON.stringify(dataDir)}, and ${what} cannot be kept there (${problem}); ` +
      `it must be a directory that the server may write to${otherwise}`,
    { cause: error },
  );
}

/**
 * Reads the settings from `env` and from `.env` in `cwd`; `env` wins, and an empty value counts as unset.
 *
 * @throws {SettingsError} for the first setting with a wrong value
 */
export function readSettings(env: NodeJS.ProcessEnv = process.env, cwd = process.cwd()): GivenSettings {
  const given = { ...withoutEmpty(readEnvFile(resolve(cwd, '.env'))), ...withoutEmpty(env) };
  const result = settingsSchema.safeParse(given);
  if (!result.success) throw new SettingsError(explain(result.error, given));

  const settings = result.data;
  return {
    ...settings,
    DATA_DIR: resolve(cwd, settings.DATA_DIR),
    DEMO_DATA: settings.DEMO_DATA && settings.NODE_ENV !== 'production' && isLoopback(settings.HOST),
  };
}

/**
 * The settings of a server. Where `JWT_SECRET` is unset, the one kept in `DATA_DIR` is used, made now if there is none.
 *
 * @throws {SettingsError} for the first setting with a wrong value
 */
export function loadSettings(env?: NodeJS.ProcessEnv, cwd?: string): Settings {
  const settings = readSettings(env, cwd);
  return { ...settings, JWT_SECRET: settings.JWT_SECRET ?? secretOf(settings.DATA_DIR) };
}

function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
}

function readEnvFile(file: string): NodeJS.ProcessEnv {
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return {};
    throw new SettingsError(`${file} cannot be read (${message}); it must be a readable file, or not there`, { cause: error });
  }
}

function secretOf(dataDir: string): string {
  try {
    return keptSecret(dataDir);
  } catch (error) {
    throw cannotKeep('the JWT secret', dataDir, error, ', or JWT_SECRET must be set');
  }
}

function explain(error: z.ZodError, given: NodeJS.ProcessEnv): string {
  const issue = error.issues[0]!;
  const name = String(issue.path[0]) as keyof typeof settingsSchema.shape;
  const { example, secret } = settingTexts.get(settingsSchema.shape[name])!;
  return `${name} is ${shown(given[name], secret)}; it must be ${issue.message}, for example ${example}`;
}

function shown(value: string | undefined, secret = false): string {
  if (value === undefined) return 'not set';
  if (secret) return `a value of ${Buffer.byteLength(value)} bytes (not shown)`;
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
