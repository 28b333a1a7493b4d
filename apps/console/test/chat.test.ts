import { AxeBuilder } from '@axe-core/playwright';
import { chromium, type Browser, type Page } from 'playwright';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freshId, startServer, type TestServer } from '../../server/test/support/server.ts';
import { startTcpProxy, type TcpProxy } from '../../server/test/support/tcp-proxy.ts';

const executablePath = process.env['CHROMIUM_PATH'];

describe.skipIf(!executablePath)('console: chats', () => {
  let server: TestServer;
  let proxy: TcpProxy;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer();
    proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
  });
  afterAll(async () => {
    await browser.close();
    await proxy.close();
    await server.stop();
  });

  /** Two people and a direct chat with one message in it. */
  async function people(): Promise<{ anna: string; omar: string }> {
    const [anna, omar] = [freshId('anna'), freshId('omar')];
    await server.createUser(anna, { name: 'Анна Иванова', email: `${anna}@example.org`, password: 'correct horse' });
    await server.createUser(omar, { name: 'عمر الخوام', email: `${omar}@example.org`, password: 'correct horse' });
    const { body: chat } = await server.api('POST', '/api/v2/chats', { as: anna, body: { type: 'direct', member_ids: [omar] } });
    await server.api('POST', `/api/v2/chats/${chat.id}/messages`, { as: omar, body: { type: 'text', content: 'السلام عليكم' } });
    return { anna, omar };
  }

  /** A browser of its own, signed in; fails on anything that the page reports as an error. */
  async function signedIn(user: string, locale: string, look: { colorScheme?: 'light' | 'dark'; width?: number } = {}): Promise<Page> {
    const { colorScheme = 'light', width = 1280 } = look;
    const context = await browser.newContext({ locale, colorScheme, viewport: { width, height: 800 } });
    const page = await context.newPage();
    page.on('pageerror', (error) => {
      throw error;
    });
    await page.goto(`http://127.0.0.1:${proxy.port}/`);
    await page.locator('input[name=email]').fill(`${user}@example.org`);
    await page.locator('input[name=password]').fill('correct horse');
    await page.keyboard.press('Enter');
    return page;
  }

  const log = (page: Page) => page.getByRole('log');
  const composer = (page: Page) => page.locator('#composer');

  async function opened(page: Page, name: string): Promise<Page> {
    await page.getByRole('link', { name }).click();
    await log(page).waitFor();
    return page;
  }

  async function violations(page: Page): Promise<string[]> {
    // What fades in has no contrast yet.
    await page.waitForFunction(() =>
      document.getAnimations().every((animation) => animation.effect?.getComputedTiming().iterations === Infinity),
    );
    const { violations: found } = await new AxeBuilder({ page }).analyze();
    return found
      .filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
      .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(' | ')}`);
  }

  it('two people talk: typing, messages, reading, reaction, reply, edit, delete', async () => {
    const { anna, omar } = await people();
    const a = await opened(await signedIn(anna, 'en'), 'عمر الخوام');
    const o = await opened(await signedIn(omar, 'en'), 'Анна Иванова');
    await log(a).getByText('السلام عليكم').waitFor();

    await composer(a).pressSequentially('Hello');
    await o.getByText('Анна Иванова is typing…').waitFor();
    await composer(a).press('Shift+Enter');
    await composer(a).pressSequentially('Omar');
    await composer(a).press('Enter');
    await log(o).getByText('Hello\nOmar').waitFor();
    await o.getByText('Анна Иванова is typing…').waitFor({ state: 'detached' });
    await log(a).getByRole('img', { name: 'Read' }).waitFor();
    expect(await composer(a).inputValue()).toBe('');

    const received = log(o).locator('[data-message]').last();
    await received.hover();
    await received.getByRole('button', { name: 'Message actions' }).click();
    await o.getByRole('menuitemcheckbox', { name: 'React with 👍' }).click();
    await log(a).getByRole('button', { name: '👍, 1 person' }).waitFor();
    await received.getByRole('button', { name: 'Message actions' }).click();
    await o.getByRole('menuitem', { name: 'Reply' }).click();
    await o.keyboard.type('Yes?');
    await o.keyboard.press('Enter');
    await log(a).locator('[data-message]', { hasText: 'Yes?' }).getByText('Hello Omar').waitFor();

    await composer(a).press('ArrowUp');
    await composer(a).fill('Good morning');
    await composer(a).press('Enter');
    const edited = log(o)
      .locator('[data-message]', { has: o.locator('time') })
      .filter({ hasText: 'edited' });
    await edited.getByText('Good morning').waitFor();

    const own = log(a).locator('[data-message]').filter({ hasText: 'edited' });
    await own.hover();
    await own.getByRole('button', { name: 'Message actions' }).click();
    await a.getByRole('menuitem', { name: 'Delete' }).click();
    await a.getByRole('dialog', { name: 'Delete this message for everybody?' }).getByRole('button', { name: 'Delete' }).click();
    await log(o).getByText('Message deleted').first().waitFor();
    expect(await log(o).getByText('Good morning').count()).toBe(0);
  });

  it('unread messages are counted in the list, and no longer once they were seen', async () => {
    const { anna, omar } = await people();
    const o = await signedIn(omar, 'ru');
    const a = await opened(await signedIn(anna, 'ru'), 'عمر الخوام');
    for (const text of ['раз', 'два']) {
      await composer(a).fill(text);
      await composer(a).press('Enter');
    }
    await o.getByText('2 непрочитанных сообщения').waitFor();
    await opened(o, 'Анна Иванова');
    await o.getByText('2 непрочитанных сообщения').waitFor({ state: 'detached' });
    await o.getByText('2 новых сообщения').waitFor();
  });

  it('what was read on another device while the connection was away is not counted any more', async () => {
    const { anna, omar } = await people();
    const o = await signedIn(omar, 'ru');
    const { body } = await server.api('GET', '/api/v2/chats', { as: anna });
    const chatId = body.data[0].id;
    const send = async (content: string) =>
      (await server.api('POST', `/api/v2/chats/${chatId}/messages`, { as: anna, body: { type: 'text', content } })).body;
    await send('раз');
    const last = await send('два');
    await o.getByText('2 непрочитанных сообщения').waitFor();
    proxy.refuse();
    await o.getByText('Переподключение…').waitFor();
    await server.api('POST', `/api/v2/chats/${chatId}/read`, { as: omar, body: { message_id: last.id } });
    proxy.accept();
    await o.getByText('2 непрочитанных сообщения').waitFor({ state: 'detached' });
    await send('три');
    await o.getByText('1 непрочитанное сообщение').waitFor();
  });

  it('a chat from further down than the list was read stays open over a reconnection, until one is removed from it', async () => {
    const { anna, omar } = await people();
    const as = { key: true, onBehalfOf: omar } as const;
    const body = { type: 'group', member_ids: [anna], title: 'Archive' };
    const { body: group } = await server.api('POST', '/api/v2/chats', { as: anna, body: { ...body, member_ids: [omar] } });
    for (let count = 1; count <= 100; count++) await server.api('POST', '/api/v2/chats', { ...as, body: { ...body, title: `${count}` } });
    const o = await signedIn(omar, 'en');
    await o.getByRole('button', { name: 'Show more chats' }).waitFor();
    await o.goto(`http://127.0.0.1:${proxy.port}/app/chats/${group.id}`);
    await composer(o).fill('unfinished');
    proxy.refuse();
    await o.getByText('Reconnecting…').waitFor();
    const read = o.waitForResponse((response) => response.url().includes('cursor='));
    proxy.accept();
    await read;
    expect(await composer(o).inputValue()).toBe('unfinished');
    await server.api('DELETE', `/api/v2/chats/${group.id}/members/${omar}`, { as: anna });
    await o.getByText('You have no access to this.').waitFor();
  });

  it('the list counts as the server does, also after a message of one’s own from another device', async () => {
    const { anna, omar } = await people();
    const o = await signedIn(omar, 'en');
    const { body } = await server.api('GET', '/api/v2/chats', { as: anna });
    const path = `/api/v2/chats/${body.data[0].id}/messages`;
    await server.api('POST', path, { as: anna, body: { type: 'text', content: 'Are you there?' } });
    await o.getByText('1 unread message').waitFor();
    await server.api('POST', path, { as: omar, body: { type: 'text', content: 'from the phone' } });
    await o.getByText('from the phone').waitFor();
    const { body: list } = await server.api('GET', '/api/v2/chats', { as: omar });
    expect(list.data[0].unread_count).toBe(1);
    expect(await o.getByText('1 unread message').count()).toBe(1);
  });

  it('nothing moves where somebody comes near a message with the pointer', async () => {
    const { anna } = await people();
    const page = await opened(await signedIn(anna, 'en', { width: 360 }), 'عمر الخوام');
    await composer(page).fill('a message that is as wide as there is room on the screen of a telephone');
    await composer(page).press('Enter');
    const own = log(page).locator('[data-own]');
    await own
      .getByRole('img', { name: 'Sent' })
      .or(own.getByRole('img', { name: 'Delivered' }))
      .waitFor();
    const bubble = own.getByText('a message that');
    const before = await bubble.boundingBox();
    await own.hover();
    await own.getByRole('button', { name: 'Message actions' }).waitFor();
    expect(await bubble.boundingBox()).toEqual(before);
  });

  it('many messages that are read on another device at once cost few requests', async () => {
    const { anna, omar } = await people();
    const o = await signedIn(omar, 'en');
    const { body } = await server.api('GET', '/api/v2/chats', { as: anna });
    const chatId = body.data[0].id;
    let last = { id: '' };
    for (let count = 1; count <= 30; count++) {
      const text = { type: 'text', content: `${count}` };
      last = (await server.api('POST', `/api/v2/chats/${chatId}/messages`, { as: anna, body: text })).body;
    }
    await o.getByText('30 unread messages').waitFor();
    const requests: string[] = [];
    o.on('request', (request) => request.method() === 'GET' && requests.push(request.url()));
    await server.api('POST', `/api/v2/chats/${chatId}/read`, { as: omar, body: { message_id: last.id } });
    await o.getByText('30 unread messages').waitFor({ state: 'detached' });
    await server.api('POST', `/api/v2/chats/${chatId}/messages`, { as: anna, body: { type: 'text', content: 'barrier' } });
    await o.getByText('barrier').waitFor();
    expect(requests.filter((url) => url.endsWith(chatId)).length).toBeLessThan(5);
  });

  it('what is written while the connection is away is sent when it is back, once', async () => {
    const { anna, omar } = await people();
    const a = await opened(await signedIn(anna, 'en'), 'عمر الخوام');
    proxy.refuse();
    await a.getByText('Reconnecting…').waitFor();
    for (const text of ['first', 'second']) {
      await composer(a).fill(text);
      await composer(a).press('Enter');
    }
    expect(await log(a).getByRole('img', { name: 'Waiting to be sent' }).count()).toBe(2);
    proxy.accept();
    await a.getByText('Reconnecting…').waitFor({ state: 'detached' });
    await log(a).getByRole('img', { name: 'Waiting to be sent' }).first().waitFor({ state: 'detached' });
    const o = await opened(await signedIn(omar, 'en'), 'Анна Иванова');
    await log(o).getByText('second').waitFor();
    expect(await log(o).locator('[data-message] [dir=auto]').allInnerTexts()).toEqual(['السلام عليكم', 'first', 'second']);
  });

  it('what the server refuses says why, with its code', async () => {
    const { anna, omar } = await people();
    const a = await opened(await signedIn(anna, 'en'), 'عمر الخوام');
    await server.createUser(omar, { disabled: true });
    await a.goto(`http://127.0.0.1:${proxy.port}/app/chats/no-such-chat`);
    await a.getByText('This chat does not exist.').waitFor();
    await a.getByText('CHAT_NOT_FOUND').waitFor();
  });

  it('a wrong password is told in the language of the page', async () => {
    const { anna } = await people();
    const context = await browser.newContext({ locale: 'ar' });
    const page = await context.newPage();
    await page.goto(server.url);
    await page.locator('input[name=email]').fill(`${anna}@example.org`);
    await page.locator('input[name=password]').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('البريد الإلكتروني أو كلمة المرور غير صحيحة.').waitFor();
  });

  it('a group is made of several people and is on their screens at once', async () => {
    const { anna, omar } = await people();
    const third = freshId('sara');
    await server.createUser(third, { name: 'Sara', email: `${third}@example.org`, password: 'correct horse' });
    const a = await signedIn(anna, 'en');
    const o = await signedIn(omar, 'en');
    await o.getByRole('link', { name: 'Анна Иванова' }).waitFor();
    await a.getByRole('button', { name: 'New chat' }).click();
    for (const user of [omar, third]) {
      await a.getByLabel('Find people').fill(user);
      await a
        .getByRole('dialog', { name: 'Delete this message for everybody?' })
        .getByRole('listitem')
        .filter({ hasText: user })
        .getByRole('button')
        .click();
    }
    await a.getByLabel('Name of the group').fill('Evening shift');
    await a.getByRole('button', { name: 'Create group' }).click();
    await log(a).getByText('No messages yet').waitFor();
    await o.getByRole('link', { name: 'Evening shift' }).waitFor();
  });

  it('switching to Arabic turns the page around, and it stays so', async () => {
    const { anna } = await people();
    const page = await opened(await signedIn(anna, 'en'), 'عمر الخوام');
    const left = async (selector: string) => (await page.locator(selector).boundingBox())?.x ?? Number.NaN;
    expect(await left('nav')).toBeLessThan(await left('#composer'));
    await page.getByRole('button', { name: 'Account and settings' }).click();
    await page.getByRole('menuitemradio', { name: 'العربية' }).click();
    await page.waitForFunction(() => document.documentElement.dir === 'rtl' && document.documentElement.lang === 'ar');
    expect(await left('nav')).toBeGreaterThan(await left('#composer'));
    await page.reload();
    await page.getByRole('heading', { name: 'المحادثات' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.dir)).toBe('rtl');
  });

  it('can be used by keyboard alone', async () => {
    const { anna } = await people();
    const page = await opened(await signedIn(anna, 'en'), 'عمر الخوام');
    await composer(page).fill('mine');
    await page.keyboard.press('Enter');
    await log(page).getByText('mine').waitFor();
    await log(page).focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.getByRole('menu').waitFor();
    await page.getByRole('menuitem', { name: 'Reply' }).press('Enter');
    await page.getByText('Reply to عمر الخوام').waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('composer');
    await page.keyboard.press('Escape');
    await page.getByText('Reply to عمر الخوام').waitFor({ state: 'detached' });
  });

  it.each([
    ['en', 'Reply', 'Reply to yourself'],
    ['ar', 'رد', 'رد على رسالتك'],
    ['ru', 'Ответить', 'Ответ на своё сообщение'],
  ])('a reply to oneself is called so (%s)', async (locale, reply, title) => {
    const { anna } = await people();
    const page = await opened(await signedIn(anna, locale), 'عمر الخوام');
    await composer(page).fill('mine');
    await page.keyboard.press('Enter');
    await log(page).getByText('mine').click({ button: 'right' });
    await page.getByRole('menuitem', { name: reply, exact: true }).click();
    await page.getByText(title, { exact: true }).waitFor();
  });

  it.each([
    ['en', 'light', 1280],
    ['ar', 'dark', 1280],
    ['ru', 'light', 390],
    ['ar', 'light', 390],
  ] as const)('axe finds nothing serious (%s, %s, %i px)', async (locale, colorScheme, width) => {
    const { anna } = await people();
    const page = await browser.newContext({ locale, colorScheme, viewport: { width, height: 800 } }).then((context) => context.newPage());
    await page.goto(server.url);
    await page.locator('input[name=email]').waitFor();
    expect(await violations(page)).toEqual([]);
    const signed = await signedIn(anna, locale, { colorScheme, width });
    await signed.getByRole('link', { name: 'عمر الخوام' }).waitFor();
    expect(await violations(signed)).toEqual([]);
    await opened(signed, 'عمر الخوام');
    await composer(signed).fill('?');
    await signed.keyboard.press('Enter');
    await log(signed).locator('[data-own]').waitFor();
    expect(await violations(signed)).toEqual([]);
  });

  it.each([
    ['ar', 'light', 360],
    ['ru', 'dark', 1280],
  ] as const)('axe finds nothing serious where something is wrong or asked (%s, %s, %i px)', async (locale, colorScheme, width) => {
    const { anna } = await people();
    const page = await opened(await signedIn(anna, locale, { colorScheme, width }), 'عمر الخوام');
    await composer(page).fill('ш'.repeat(4097));
    await page.locator('#composer-error').waitFor();
    expect(await violations(page)).toEqual([]);
    await composer(page).fill('mine');
    await page.keyboard.press('Enter');
    await log(page).getByText('mine').click({ button: 'right' });
    await page.getByRole('menuitem').last().click();
    await page.getByRole('dialog').getByRole('button').last().waitFor();
    expect(await violations(page)).toEqual([]);
  });

  it('the focus stays at a message that is deleted by keyboard', async () => {
    const { anna } = await people();
    const page = await opened(await signedIn(anna, 'en'), 'عمر الخوام');
    await composer(page).fill('mine');
    await page.keyboard.press('Enter');
    await log(page).locator('[data-message][data-own]').waitFor();
    await log(page).focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Delete' }).press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).press('Enter');
    await log(page).getByText('Message deleted').waitFor();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.waitForFunction(() => document.activeElement?.matches('[data-message]'), undefined, { timeout: 5000 });
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('Message deleted');
  });

  it('a reaction can be seen whole', async () => {
    const { anna } = await people();
    const page = await opened(await signedIn(anna, 'en'), 'عمر الخوام');
    await log(page).getByText('السلام عليكم').click({ button: 'right' });
    await page.getByRole('menuitemcheckbox', { name: 'React with 👍' }).click();
    const reaction = log(page).getByRole('button', { name: '👍, 1 person' });
    await reaction.waitFor();
    const atTop = await reaction.evaluate((element) => {
      const { left, top, width } = element.getBoundingClientRect();
      return element.contains(document.elementFromPoint(left + width / 2, top + 2));
    });
    expect(atTop).toBe(true);
  });

  it('signing out forgets the session', async () => {
    const { anna } = await people();
    const page = await signedIn(anna, 'en');
    await page.getByRole('button', { name: 'Account and settings' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.evaluate(() => localStorage.getItem('majlis:session'))).toBeNull();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });
});
