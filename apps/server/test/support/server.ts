/** Starts real servers for tests: in this process, or as a process of their own that can be killed. */
import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp, type App } from '../../src/app.ts';
import { loadSettings, type Settings } from '../../src/config/settings.ts';
import { POSTGRES_SERVER, temporaryDatabase } from './engines.ts';

export const JWT_SECRET = 'a secret that only the tests know, 32 bytes and more';
const API_KEY = 'an-api-key-of-the-tests';

/** A line of the server's log. */
export type LogLine = Record<string, unknown> & { level: string; msg?: string };

export interface ApiOptions {
  /** Signed in as this user, with a token of `token()`. */
  as?: string;
  /** With this token instead. */
  bearer?: string;
  /** With the API key: true for the right one. */
  key?: true | string;
  /** The user that the key acts for. */
  onBehalfOf?: string;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
}

export interface ApiAnswer {
  status: number;
  headers: Headers;
  /** Parsed where it is JSON, else the text; undefined where there is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of it is what the test says
  body: any;
}

export interface UserFields {
  name?: string;
  avatar?: string | null;
  role?: string;
  email?: string | null;
  password?: string;
  locale?: string | null;
  is_master?: boolean;
  disabled?: boolean;
}

/** A client of a server's REST surface. */
export interface Api {
  url: string;
  /** A token of `userId` that is good for an hour; `claims` replace or add (undefined removes). */
  token(userId: string, claims?: Record<string, unknown>): string;
  api(method: string, path: string, options?: ApiOptions): Promise<ApiAnswer>;
  /** Makes or changes a user with the API key. @throws where the server refuses */
  createUser(id: string, fields?: UserFields): Promise<void>;
}

export interface TestServer extends Api {
  settings: Settings;
  app: App['app'];
  /** Everything logged so far. */
  logs(): LogLine[];
  /** Drains, closes, and deletes the data directory where the test did not name it. */
  stop(): Promise<void>;
}

export interface SpawnedServer extends Api {
  dataDir: string;
  readonly pid: number;
  /** All that it wrote so far. */
  output(): string;
  /** Sends a signal. @returns the exit code, or the signal that ended it */
  kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  /** Kills it where it runs, and deletes the data directory where the test did not name it. */
  stop(): Promise<void>;
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JWT as a customer's backend makes it. */
export function signToken(
  claims: Record<string, unknown>,
  { secret = JWT_SECRET, header = {} }: { secret?: string; header?: Record<string, unknown> } = {},
): string {
  const content = `${base64url({ alg: 'HS256', typ: 'JWT', ...header })}.${base64url(claims)}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

/** A client of whatever listens at `url`, signing as the started servers expect it. */
export function apiOf(url: string): Api {
  const token: Api['token'] = (userId, claims = {}) => {
    const now = Math.floor(Date.now() / 1000);
    return signToken({ sub: userId, iat: now, exp: now + 3600, ...claims });
  };
  const api: Api['api'] = async (
    method,
    path,
    { as, bearer = as === undefined ? undefined : token(as), key, onBehalfOf, body, headers } = {},
  ) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(key === undefined ? {} : { 'x-api-key': key === true ? API_KEY : key }),
        ...(onBehalfOf === undefined ? {} : { 'x-on-behalf-of': encodeURIComponent(onBehalfOf) }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text || undefined };
  };
  return {
    url,
    token,
    api,
    async createUser(id, fields = {}) {
      const { status, body } = await api('PUT', `/api/v2/users/${encodeURIComponent(id)}`, { key: true, body: { name: id, ...fields } });
      if (status !== 200) throw new Error(`user ${id} was not made: ${status} ${JSON.stringify(body)}`);
    },
  };
}

type Environment = Partial<Record<string, string>>;

function environmentOf(overrides: Environment, level: string) {
  const own = overrides['DATA_DIR'] === undefined;
  const dataDir = overrides['DATA_DIR'] ?? mkdtempSync(join(tmpdir(), 'majlis-test-'));
  const env: Environment = {
    HOST: '127.0.0.1',
    PORT: '0',
    DEMO_DATA: 'false',
    LOG_LEVEL: level,
    JWT_SECRET,
    API_KEYS: API_KEY,
    ...overrides,
    DATA_DIR: dataDir,
  };
  return { env, dataDir, clean: () => own && rmSync(dataDir, { recursive: true, force: true }) };
}

/**
 * Starts a server in this process on a free port, with a data directory of its own.
 * @param overrides settings by the name of their variable; with `DATABASE_URL` it runs on PostgreSQL
 */
export async function startServer(overrides: Environment = {}): Promise<TestServer> {
  const { env, dataDir, clean } = environmentOf(overrides, 'info');
  const settings = loadSettings(env, dataDir);
  const lines: string[] = [];
  const { app, listen, close } = await createApp(settings, { write: (line) => void lines.push(line) });
  const url = await listen();
  return {
    ...apiOf(url),
    settings,
    app,
    // The event log writes a turn's lines at once.
    logs: () => lines.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line) as LogLine),
    async stop() {
      await close();
      clean();
    },
  };
}

/** The engines that a server runs on; what behaves alike on all of them is tested on all of them. */
export const SERVER_ENGINES = [
  { name: 'SQLite', missing: false, start: startServer },
  { name: 'PostgreSQL', missing: POSTGRES_SERVER === undefined, start: startOnPostgres },
] as const;

async function startOnPostgres(overrides: Environment = {}): Promise<TestServer> {
  const database = await temporaryDatabase(POSTGRES_SERVER!);
  const server = await startServer({ ...overrides, DATABASE_URL: database.url });
  return {
    ...server,
    async stop() {
      await server.stop();
      await database.drop();
    },
  };
}

const MAIN = join(import.meta.dirname, '../../dist/main.js');
const LISTENING = /^Majlis listens on (\S+)$/m;

/** Starts the built server as a process of its own. @throws what it wrote, where it does not come up */
export async function spawnServer(overrides: Environment = {}): Promise<SpawnedServer> {
  const { env, dataDir, clean } = environmentOf(overrides, 'info');
  const child = spawn(process.execPath, [MAIN], {
    // Where no .env is, the server's folder or not.
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk;
      const listening = LISTENING.exec(output);
      if (listening) resolve(listening[1]!);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    void exited.then((code) => reject(new Error(`the server ended with ${code}:\n${output}`)));
  });
  return {
    ...apiOf(url),
    dataDir,
    pid: child.pid!,
    output: () => output,
    kill(signal) {
      child.kill(signal);
      return exited;
    },
    async stop() {
      child.kill('SIGKILL');
      await exited;
      clean();
    },
  };
}

/** A user id that no other test has. */
export const freshId = (name = 'user') => `${name}-${randomUUID().slice(0, 8)}`;
