import { AxeBuilder } from '@axe-core/playwright';
import { ERRORS } from '@majlis/contract';
import { asyncApiDocument, namespaces, openApiDocument, routes } from '@majlis/contract/documents';
import { chromium, type Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.ts';

const BROWSER_ACCEPT = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ PUBLIC_URL: 'https://chat.example' });
});
afterAll(() => server.stop());

const get = (path: string, accept?: string) => server.api('GET', path, { headers: accept === undefined ? {} : { accept } });

/** `GET /path` of every route that the server has, HEAD and the like apart. */
function registeredRoutes(): string[] {
  const fastify = server.app.getHttpAdapter().getInstance();
  const path: string[] = [];
  return fastify
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const { indent, part, methods } = /^(?<indent>[│ ]*)[├└]── (?<part>.*) \((?<methods>[A-Z, ]+)\)$/u.exec(line)?.groups ?? {};
      if (part === undefined) return [];
      const depth = indent!.length / 4;
      path.length = depth;
      path[depth] = part;
      return methods!.split(', ').map((method) => `${method} ${path.join('').replace(/^\/\//, '/')}`);
    });
}

describe('the routes of the server', () => {
  test('are those of the contract: none is missing, none is undeclared', () => {
    const registered = registeredRoutes().filter((route) => / \/api\//.test(route) && !/^(HEAD|OPTIONS) /.test(route));
    expect(registered.toSorted()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).toSorted());
  });
});

describe('"GET /docs (OpenAPI), GET /docs/events (AsyncAPI)"', () => {
  test('programs get the documents, of the server as it is reached', async () => {
    for (const accept of [undefined, 'application/json', '*/*']) {
      const { status, headers, body } = await get('/docs', accept);
      expect([status, headers.get('content-type'), headers.get('vary')]).toEqual([
        200,
        'application/json; charset=utf-8',
        expect.stringContaining('Accept'),
      ]);
      expect(body).toEqual(JSON.parse(JSON.stringify(openApiDocument({ serverUrl: 'https://chat.example' }))));
    }
    expect((await get('/docs/events')).body).toEqual(JSON.parse(JSON.stringify(asyncApiDocument({ serverUrl: 'https://chat.example' }))));
    expect((await get('/docs/openapi.json', BROWSER_ACCEPT)).body).toEqual((await get('/docs')).body);
    expect((await get('/docs/asyncapi.json', BROWSER_ACCEPT)).body).toEqual((await get('/docs/events')).body);
  });

  test('people get a page with every route, every event and every error code', async () => {
    const pages = await Promise.all(['/docs', '/docs/events', '/docs/errors'].map((path) => get(path, BROWSER_ACCEPT)));
    for (const { headers } of pages) expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    const [rest, events, errors] = pages.map(({ body }) => body as string);
    for (const { method, path } of routes) expect(rest).toContain(`<b class="method">${method}</b> <code>${path}</code>`);
    for (const { receives, sends } of namespaces) {
      for (const { name } of [...Object.values(receives), ...Object.values(sends)])
        expect(events).toContain(`<h3><code>${name}</code></h3>`);
    }
    for (const code of Object.keys(ERRORS)) expect(errors).toContain(`<article id="${code}">`);
  });

  test('the type of a problem document leads to what it means and what to do', async () => {
    const { body: problem } = await get('/api/v2/me');
    const [path, code] = problem.type.split('#');
    const { body: page } = await get(path, BROWSER_ACCEPT);
    expect(page).toContain(`<article id="${code}">`);
    expect((await get(path)).body).toContainEqual(expect.objectContaining({ code, remedy: expect.any(String) }));
  });

  test('every link within the pages leads somewhere, and no id comes twice', async () => {
    for (const path of ['/docs', '/docs/events', '/docs/errors']) {
      const { body: page } = await get(path, BROWSER_ACCEPT);
      const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
      expect(ids).toEqual([...new Set(ids)]);
      for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
      for (const [, address] of page.matchAll(/(?:href|src)="(\/[^"#]+)/g)) expect((await get(address)).status, address).toBe(200);
    }
  });
});

describe.skipIf(!process.env['CHROMIUM_PATH'])('the pages in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: process.env['CHROMIUM_PATH']!, args: ['--no-sandbox'] });
  });
  afterAll(() => browser.close());

  test.each(['light', 'dark'] as const)('break no security rule, and no rule of accessibility, in %s', async (colorScheme) => {
    const context = await browser.newContext({ colorScheme });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    for (const [path, words] of [
      ['/docs', 'search messages'],
      ['/docs/events', 'chat:message'],
      ['/docs/errors', ''],
    ] as const) {
      await page.goto(server.url + path);
      // Of the many entries of one form, a few: the whole page takes the checker half a minute.
      await page.getByRole('searchbox').fill(words);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
    }
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('the search shows what has the words, and a link shows its target whatever is searched for', async () => {
    const page = await browser.newPage();
    await page.goto(`${server.url}/docs`);
    const shown = () => page.locator('article:visible').count();
    const all = await shown();
    await page.getByRole('searchbox').fill('search messages folded');
    const target = page.locator('#get-api-v2-search-messages');
    await target.waitFor();
    expect(await shown()).toBe(1);
    expect(await page.getByRole('status').textContent()).toBe(`1 of ${all}`);
    await target.getByRole('link', { name: 'Message' }).first().click();
    await page.locator('#object-Message').waitFor();
    expect(await shown()).toBe(all);
    await page.close();
  });
});
