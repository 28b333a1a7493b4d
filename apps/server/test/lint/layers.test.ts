import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../../..');

const NO_SQL = 'SQL belongs in';
const NO_STORAGE = 'What is not SQL may hold the storage';
const OTHERS = 'Another feature is reached through';
const THIN = 'A gateway or controller parses';
const APART = 'Gateways and controllers do not know each other';
const NO_SOCKETS = 'A service holds rules';
const NO_DIALECT = 'A service knows no dialect';
const NO_EMIT = 'A service writes the log';
const ONLY_SQL = 'A repository is SQL';
const PURE = 'A projection is a pure function';
const NO_FEATURE = 'realtime/ serves every feature';
const LOWEST = 'The log, the storage and what connects nodes know nothing above them';
const ALONE = 'The contract imports nothing of ours';
const CLIENTS = 'Clients share the contract';

/** The same message for each of these imports. */
const each = (message: string | null, ...specifiers: string[]) =>
  Object.fromEntries(specifiers.map((name) => [`import '${name}'`, message]));

const DATABASE = ['kysely', 'kysely/migration', 'pg', 'node:sqlite'];
const SOCKETS = [
  'socket.io',
  'socket.io/dist/socket.js',
  'engine.io',
  'ws',
  'node:http',
  'fastify',
  'fastify/types/hooks.js',
  '@fastify/static',
  '@nestjs/websockets',
  '@nestjs/websockets/internal.js',
  '@nestjs/platform-fastify',
  '@nestjs/platform-fastify/adapters/index.js',
];

/** What a file of each layer imports, and the start of the message that refuses it (`null`: allowed). */
const layers: Record<string, Record<string, string | null>> = {
  'packages/contract/src/v2/events.ts': {
    "import 'zod'": null,
    "import '../errors.ts'": null,
    "import '@majlis/server/main.ts'": ALONE,
    "import '@majlis/client'": ALONE,
    "import '../../../../apps/server/src/errors.ts'": ALONE,
    "import '../../../client/src/http.ts'": ALONE,
  },
  'packages/client/src/client.ts': {
    "import '@majlis/contract'": null,
    "import 'socket.io-client'": null,
    "import '@majlis/server/main.ts'": CLIENTS,
    "import type { A } from '@majlis/server/main.ts'": CLIENTS,
    "import '../../../apps/server/src/errors.ts'": CLIENTS,
  },
  'apps/console/src/features/chats/chats.tsx': {
    "import '@majlis/client'": null,
    "import '../people/avatar.tsx'": null,
    "import '@majlis/server/main.ts'": CLIENTS,
    "import '../../../../server/src/errors.ts'": CLIENTS,
  },
  'apps/server/src/app.ts': {
    "import './features/chats/chats.module.ts'": null,
    "import './storage/storage.module.ts'": null,
    "import type { A } from './storage/storage.ts'": null,
    "import './storage/unavailable.ts'": null,
    "import './storage/storage.ts'": NO_STORAGE,
    ...each(NO_SQL, ...DATABASE),
    "import type { A } from 'kysely'": NO_SQL,
    "await import('kysely')": NO_SQL,
    "export * from 'kysely'": NO_SQL,
  },
  'apps/server/src/features/chats/chats.module.ts': {
    "import './chats.repository.ts'": null,
    "import '../users/users.module.ts'": null,
    "import '../../storage/storage.ts'": null,
    "import '../../log/stream-log.repository.ts'": null,
    "import '../users/users.repository.ts'": OTHERS,
    ...each(NO_SQL, ...DATABASE),
  },
  'apps/server/src/features/chats/chat-directory.ts': {
    "import './chats.repository.ts'": null,
    "import '../../log/stream-log.repository.ts'": null,
    "import '../users/users.repository.ts'": OTHERS,
  },
  'apps/server/src/features/chats/v2-chats.gateway.ts': {
    "import './chats.service.ts'": null,
    "import './chats.projection.ts'": null,
    "import '../../realtime/gateway.ts'": null,
    "import './chats.repository.ts'": THIN,
    "import type { A } from './chats.repository.ts'": THIN,
    "import '../../log/stream-log.repository.ts'": THIN,
    "import '../../storage/storage.ts'": THIN,
    "import type { A } from '../../storage/storage.ts'": THIN,
    ...each(THIN, ...DATABASE),
    "import './depth-chats.gateway.ts'": APART,
    "import '../users/users.controller.ts'": APART,
  },
  'apps/server/src/features/chats/chats.controller.ts': {
    "import './chats.service.ts'": null,
    "import './chats.repository.ts'": THIN,
    "import '../../storage/storage.ts'": THIN,
    "import './v2-chats.gateway.ts'": APART,
  },
  'apps/server/src/features/chats/chats.service.ts': {
    "import './chats.repository.ts'": null,
    "import '../users/users.service.ts'": null,
    "import '../../log/write-queue.ts'": null,
    "import '../../log/stream-log.repository.ts'": null,
    "import '../../storage/storage.module.ts'": null,
    "import '../../storage/unavailable.ts'": null,
    "import type { A } from '../../storage/storage.ts'": null,
    "import '../../storage/storage.ts'": NO_STORAGE,
    ...each(NO_SQL, ...DATABASE),
    "import '../users/users.repository.ts'": OTHERS,
    "import '../../auth/devices.repository.ts'": OTHERS,
    ...each(NO_SOCKETS, ...SOCKETS),
    "import type { A } from 'socket.io'": NO_SOCKETS,
    "import './v2-chats.gateway.ts'": NO_DIALECT,
    "import './chats.controller.ts'": NO_DIALECT,
    "import './chats.projection.ts'": NO_DIALECT,
    "import './v2-shapes.ts'": NO_DIALECT,
    "import '../../realtime/publisher.ts'": NO_EMIT,
  },
  'apps/server/src/features/chats/chats.repository.ts': {
    "import 'kysely'": null,
    "import '../../storage/storage.ts'": null,
    "import '../../log/log-entry.ts'": null,
    "import '../../log/stream-log.repository.ts'": null,
    "import './chats.service.ts'": ONLY_SQL,
    "import './chats.projection.ts'": ONLY_SQL,
    "import '../../realtime/session.ts'": ONLY_SQL,
    "import 'socket.io'": ONLY_SQL,
    "import '../users/users.repository.ts'": OTHERS,
  },
  'apps/server/src/features/chats/chats.projection.ts': {
    "import '@majlis/contract'": null,
    "import './depth-chats.projection.ts'": null,
    "import '../users/users.projection.ts'": null,
    "import './v2-shapes.ts'": null,
    "import '../users/v2-shapes.ts'": null,
    "import '@majlis/contract/documents'": null,
    "import type { A } from '../../log/log-entry.ts'": null,
    "import { type A } from './chats.repository.ts'": null,
    "import './chats.service.ts'": PURE,
    "import '../../log/log-entry.ts'": PURE,
    "import '@nestjs/common'": PURE,
    "import 'node:fs'": PURE,
    "import './naming.ts'": PURE,
  },
  'apps/server/src/features/chats/v2-shapes.ts': {
    "import '@majlis/contract'": null,
    "import './chats.repository.ts'": PURE,
  },
  'apps/server/src/realtime/publisher.ts': {
    "import '../log/log-entry.ts'": null,
    "import '../storage/unavailable.ts'": null,
    "import 'socket.io'": null,
    "import '../features/chats/chats.service.ts'": NO_FEATURE,
    "import type { A } from '../features/chats/chats.service.ts'": NO_FEATURE,
    ...each(NO_SQL, ...DATABASE),
    "import '../storage/storage.module.ts'": null,
    "import '../log/stream-log.repository.ts'": null,
    "import '../storage/storage.ts'": NO_STORAGE,
    "import '../auth/devices.repository.ts'": OTHERS,
  },
  'apps/server/src/log/follower.ts': {
    "import '../storage/storage.ts'": null,
    "import 'kysely'": null,
    "import '../realtime/publisher.ts'": LOWEST,
    "import '../features/chats/chats.service.ts'": LOWEST,
  },
  'apps/server/src/storage/storage.ts': {
    "import 'kysely'": null,
    "import 'pg'": null,
    "import '../auth/devices.service.ts'": LOWEST,
    "import '../features/chats/chats.repository.ts'": LOWEST,
  },
};

interface Diagnostic {
  code: string;
  help: string;
  filename: string;
  labels: { span: { line: number } }[];
}

let directory: string;
let diagnostics: Diagnostic[];

// The project's own configuration is run over files that stand where those of the layers do.
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'majlis-layers-'));
  copyFileSync(join(root, '.oxlintrc.json'), join(directory, '.oxlintrc.json'));
  for (const [file, imports] of Object.entries(layers)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    const lines = Object.keys(imports).map((statement, index) => statement.replace(/\bA\b/, `A${index}`));
    writeFileSync(join(directory, file), lines.join('\n'));
  }
  const { stdout, stderr } = spawnSync(process.execPath, [join(root, 'node_modules/oxlint/bin/oxlint'), '--format=json'], {
    cwd: directory,
    encoding: 'utf8',
  });
  if (!stdout.startsWith('{')) throw new Error(`oxlint did not run: ${stdout}${stderr}`);
  diagnostics = (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics;
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

test.each(Object.entries(layers))('imports point downwards only; a tool in the lint step refuses any other: %s', (file, imports) => {
  const refusals = diagnostics.filter(({ code, filename }) => code === 'eslint(no-restricted-imports)' && filename === file);
  const found = Object.keys(imports).map((statement, index) => {
    const helps = refusals.filter(({ labels }) => labels[0]?.span.line === index + 1).map(({ help }) => help);
    return [statement, helps];
  });
  const expected = Object.entries(imports).map(([statement, message]) => [
    statement,
    message === null ? [] : [expect.stringMatching(`^${message}`)],
  ]);
  expect(found).toEqual(expected);
});
