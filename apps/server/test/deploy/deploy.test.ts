import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '@majlis/contract';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadSettings, settingSections } from '../../src/config/settings.ts';
import { temporaryFolder } from '../support/engines.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
// oxlint-disable-next-line typescript/no-explicit-any -- what a file holds is what the test says
const readYaml = (path: string): any => parse(read(path), { merge: true });

const SETTINGS = new Set(Object.values(settingSections).flatMap((section) => Object.keys(section)));
const manifest = JSON.parse(read('package.json')) as { workspaces: string[]; optionalDependencies: Record<string, string> };
const workspaces = manifest.workspaces.flatMap((pattern) =>
  pattern.endsWith('/*') ? readdirSync(join(ROOT, pattern.slice(0, -2))).map((name) => `${pattern.slice(0, -2)}/${name}`) : [pattern],
);

/** Words that look like environment variables, without those that are somebody else's. */
const variablesIn = (text: string) =>
  [...text.matchAll(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g)]
    .map(([name]) => name)
    .filter((name) => !/^(POSTGRES|PROXY)_/.test(name) && !(name in ERRORS));

describe('Dockerfile', () => {
  const dockerfile = read('Dockerfile');

  test('runs the Node that the project is tested with', () => {
    const [version] = new Set(Object.values(manifest.optionalDependencies));
    const images = [...dockerfile.matchAll(/^FROM node:(\S+)/gm)].map(([, image]) => image);
    expect(new Set(images)).toEqual(new Set([`${version!}-bookworm-slim`]));
  });

  test('takes the manifest of every workspace into the install', () => {
    const copied = [...dockerfile.matchAll(/^COPY (\S+)\/package\.json /gm)].map(([, folder]) => folder!);
    expect(copied.toSorted()).toEqual(workspaces.toSorted());
  });

  test('is not root, and its settings are settings', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    const [, environment] = /^ENV (.+)$/m.exec(dockerfile)!;
    for (const pair of environment!.split(' ')) expect(SETTINGS).toContain(pair.split('=')[0]);
  });

  test('neither secrets nor what was built outside come into the image', () => {
    const ignored = read('.dockerignore').split('\n');
    for (const pattern of ['**/node_modules', '**/dist', '**/.env', 'data', '.git']) expect(ignored).toContain(pattern);
  });
});

describe('compose.yaml', () => {
  const { services, volumes } = readYaml('compose.yaml');

  /** Fills in `${NAME}`, `${NAME:-default}` and `${NAME:?message}`. */
  const fill = (text: string, given: Record<string, string> = {}) =>
    text.replaceAll(
      /\$\{(?<name>\w+)(?::[-?](?<rest>[^}]*))?\}/g,
      (whole, name: string, rest: string | undefined) => given[name] ?? (whole.includes(':-') ? rest! : 'x'.repeat(32)),
    );

  test('two nodes start with settings that the server knows and takes', async ({ onTestFinished }) => {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    expect(services.node1).toEqual(services.node2);
    const environment: Record<string, string> = services.node1.environment;
    for (const name of Object.keys(environment)) expect(SETTINGS).toContain(name);
    const filled = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, fill(value)]));
    const settings = loadSettings({ ...filled, DATA_DIR: folder.path }, folder.path);
    expect(settings).toMatchObject({ DATABASE_URL: expect.stringContaining('@postgres:5432/majlis'), TRUST_PROXY: 1 });
  });

  test('what it mounts and waits for is there', () => {
    for (const service of Object.values<{ depends_on?: object; volumes?: string[] }>(services)) {
      for (const name of Object.keys(service.depends_on ?? {})) expect(services[name].healthcheck ?? services[name].build).toBeDefined();
      for (const mount of service.volumes ?? []) {
        if (mount.startsWith('./')) for (const PROXY of ['sticky', 'websocket']) read(fill(mount, { PROXY }).split(':')[0]!);
        else expect(Object.keys(volumes)).toContain(mount.split(':')[0]);
      }
    }
    expect(Number.parseInt(services.node1.stop_grace_period, 10)).toBeGreaterThan(10);
  });

  test.for(['sticky', 'websocket'])('the %s proxy knows the nodes, and asks whether they are ready', (name) => {
    const config = read(`deploy/haproxy/${name}.cfg`);
    const servers = [...config.matchAll(/^ {2}server (\S+) (\S+?):3000/gm)].map(([, , host]) => host!);
    expect(servers).toEqual(Object.keys(services).filter((service) => service.startsWith('node')));
    expect(config).toContain('option httpchk GET /health/ready');
    expect(config).toContain('bind :8080');
    expect(config.includes('cookie')).toBe(name === 'sticky');
  });
});

describe('deploy/kubernetes', () => {
  const kustomization = readYaml('deploy/kubernetes/kustomization.yaml');
  const deployment = readYaml('deploy/kubernetes/deployment.yaml');
  const [container] = deployment.spec.template.spec.containers;

  test('every file is a resource, and its settings are settings', () => {
    const files = readdirSync(join(ROOT, 'deploy/kubernetes')).filter((file) => file !== 'kustomization.yaml');
    expect(files.toSorted()).toEqual(kustomization.resources.toSorted());
    for (const file of files) expect(readYaml(`deploy/kubernetes/${file}`)).toHaveProperty('kind');
    for (const literal of kustomization.configMapGenerator[0].literals) expect(SETTINGS).toContain(literal.split('=')[0]);
  });

  test('asks the right questions, and leaves a node the time to drain', () => {
    expect(container.readinessProbe.httpGet.path).toBe('/health/ready');
    for (const probe of ['livenessProbe', 'startupProbe']) expect(container[probe].httpGet.path).toBe('/health/live');
    const [, before] = container.lifecycle.preStop.exec.command;
    expect(deployment.spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(Number(before) + 10);
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
  });
});

test.for([
  'compose.yaml',
  'Dockerfile',
  'deploy/kubernetes/kustomization.yaml',
  'deploy/kubernetes/deployment.yaml',
  'docs/operations.md',
  'docs/scaling.md',
])('every setting that %s names exists', (path) => {
  for (const name of variablesIn(read(path))) expect(SETTINGS, name).toContain(name);
});

test('every metric of ours that docs/operations.md names exists', () => {
  const metrics = read('apps/server/src/realtime/metrics.ts');
  for (const [name] of read('docs/operations.md').matchAll(/\bwebsocket_\w+/g))
    expect(metrics).toContain(`'${name.replace(/_bucket$/, '')}'`);
});
