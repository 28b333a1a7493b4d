/** The console in a real browser, in front of a started server. */
import { AxeBuilder } from '@axe-core/playwright';
import { chromium, type Browser, type Locator, type Page } from 'playwright';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { freshId, startServer, type TestServer } from '../../../server/test/support/server.ts';
import { startTcpProxy, type TcpProxy } from '../../../server/test/support/tcp-proxy.ts';

/** The browser; undefined where there is none. */
export const executablePath = process.env['CHROMIUM_PATH'];

/** A server, a proxy before it that can cut the line, and a browser; from the first test of a file to its last. */
export class Console {
  server!: TestServer;
  proxy!: TcpProxy;
  browser!: Browser;

  /** Where the console is, by way of the proxy. */
  get url(): string {
    return `http://127.0.0.1:${this.proxy.port}`;
  }

  /** Two people and a direct chat with one message in it. */
  async people(): Promise<{ anna: string; omar: string }> {
    const { server } = this;
    const [anna, omar] = [freshId('anna'), freshId('omar')];
    await server.createUser(anna, { name: 'Анна Иванова', email: `${anna}@example.org`, password: 'correct horse' });
    await server.createUser(omar, { name: 'عمر الخوام', email: `${omar}@example.org`, password: 'correct horse' });
    const { body: chat } = await server.api('POST', '/api/v2/chats', { as: anna, body: { type: 'direct', member_ids: [omar] } });
    await server.api('POST', `/api/v2/chats/${chat.id}/messages`, { as: omar, body: { type: 'text', content: 'السلام عليكم' } });
    return { anna, omar };
  }

  /** A browser of its own, signed in; fails on anything that the page reports as an error. */
  async signedIn(user: string, locale: string, look: { colorScheme?: 'light' | 'dark'; width?: number } = {}): Promise<Page> {
    const { colorScheme = 'light', width = 1280 } = look;
    const context = await this.browser.newContext({ locale, colorScheme, viewport: { width, height: 800 } });
    const page = await context.newPage();
    page.on('pageerror', (error) => {
      throw error;
    });
    await page.goto(this.url);
    await page.locator('input[name=email]').fill(`${user}@example.org`);
    await page.locator('input[name=password]').fill('correct horse');
    await page.keyboard.press('Enter');
    return page;
  }
}

/** Starts a console before the tests of the present `describe`, and ends it after them; every test has fresh browsers. */
export function startConsole(): Console {
  const site = new Console();
  beforeAll(async () => {
    site.server = await startServer();
    site.proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(site.server.url).port) });
    site.browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });
  afterEach(async () => {
    site.proxy.accept();
    for (const context of site.browser.contexts()) await context.close();
  });
  afterAll(async () => {
    await site.browser.close();
    await site.proxy.close();
    await site.server.stop();
  });
  return site;
}

export const log = (page: Page): Locator => page.getByRole('log');
export const composer = (page: Page): Locator => page.locator('#composer');

/** Goes to the chat of this name, and answers the page. */
export async function opened(page: Page, name: string): Promise<Page> {
  await page.getByRole('link', { name }).click();
  await log(page).waitFor();
  return page;
}

/** What axe finds serious or critical on the page as it is. */
export async function violations(page: Page): Promise<string[]> {
  // What fades in has no contrast yet.
  await page.waitForFunction(() =>
    document.getAnimations().every((animation) => animation.effect?.getComputedTiming().iterations === Infinity),
  );
  const { violations: found } = await new AxeBuilder({ page }).analyze();
  return found
    .filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(' | ')}`);
}
