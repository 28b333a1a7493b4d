import { describe, expect, it } from 'vitest';
import { freshId } from '../../server/test/support/server.ts';
import { composer, executablePath, log, opened, startConsole, violations } from './support/console.ts';

describe.skipIf(!executablePath)('console: chats', () => {
  const site = startConsole();

  it('two people talk: typing, messages, reading, reaction, reply, edit, delete', async () => {
    const { anna, omar } = await site.people();
    const a = await opened(await site.signedIn(anna, 'en'), 'عمر الخوام');
    const o = await opened(await site.signedIn(omar, 'en'), 'Анна Иванова');
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
    const { anna, omar } = await site.people();
    const o = await site.signedIn(omar, 'ru');
    const a = await opened(await site.signedIn(anna, 'ru'), 'عمر الخوام');
    for (const text of ['раз', 'два']) {
      await composer(a).fill(text);
      await composer(a).press('Enter');
    }
    await o.getByText('2 непрочитанных сообщения').waitFor();
    await opened(o, 'Анна Иванова');
    await o.getByText('2 непрочитанных сообщения').waitFor({ state: 'detached' });
    await o.getByText('2 новых сообщения').waitFor();
  });

  it('the list counts as the server does, also after a message of one’s own from another device', async () => {
    const { anna, omar } = await site.people();
    const o = await site.signedIn(omar, 'en');
    const { body } = await site.server.api('GET', '/api/v2/chats', { as: anna });
    const path = `/api/v2/chats/${body.data[0].id}/messages`;
    await site.server.api('POST', path, { as: anna, body: { type: 'text', content: 'Are you there?' } });
    await o.getByText('1 unread message').waitFor();
    await site.server.api('POST', path, { as: omar, body: { type: 'text', content: 'from the phone' } });
    await o.getByText('from the phone').waitFor();
    const { body: list } = await site.server.api('GET', '/api/v2/chats', { as: omar });
    expect(list.data[0].unread_count).toBe(1);
    expect(await o.getByText('1 unread message').count()).toBe(1);
  });

  it('nothing moves where somebody comes near a message with the pointer', async () => {
    const { anna } = await site.people();
    const page = await opened(await site.signedIn(anna, 'en', { width: 360 }), 'عمر الخوام');
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

  it('what the server refuses says why, with its code', async () => {
    const { anna, omar } = await site.people();
    const a = await opened(await site.signedIn(anna, 'en'), 'عمر الخوام');
    await site.server.createUser(omar, { disabled: true });
    await a.goto(`${site.url}/app/chats/no-such-chat`);
    await a.getByText('This chat does not exist.').waitFor();
    await a.getByText('CHAT_NOT_FOUND').waitFor();
  });

  it('a wrong password is told in the language of the page', async () => {
    const { anna } = await site.people();
    const context = await site.browser.newContext({ locale: 'ar' });
    const page = await context.newPage();
    await page.goto(site.server.url);
    await page.locator('input[name=email]').fill(`${anna}@example.org`);
    await page.locator('input[name=password]').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('البريد الإلكتروني أو كلمة المرور غير صحيحة.').waitFor();
  });

  it('a group is made of several people and is on their screens at once', async () => {
    const { anna, omar } = await site.people();
    const third = freshId('sara');
    await site.server.createUser(third, { name: 'Sara', email: `${third}@example.org`, password: 'correct horse' });
    const a = await site.signedIn(anna, 'en');
    const o = await site.signedIn(omar, 'en');
    await o.getByRole('link', { name: 'Анна Иванова' }).waitFor();
    await a.getByRole('button', { name: 'New chat' }).click();
    for (const user of [omar, third]) {
      await a.getByLabel('Find people').fill(user);
      await a.getByRole('dialog').getByRole('listitem').filter({ hasText: user }).getByRole('button').click();
    }
    await a.getByLabel('Name of the group').fill('Evening shift');
    await a.getByRole('button', { name: 'Create group' }).click();
    await log(a).getByText('No messages yet').waitFor();
    await o.getByRole('link', { name: 'Evening shift' }).waitFor();
  });

  it('switching to Arabic turns the page around, and it stays so', async () => {
    const { anna } = await site.people();
    const page = await opened(await site.signedIn(anna, 'en'), 'عمر الخوام');
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
    const { anna } = await site.people();
    const page = await opened(await site.signedIn(anna, 'en'), 'عمر الخوام');
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
    const { anna } = await site.people();
    const page = await opened(await site.signedIn(anna, locale), 'عمر الخوام');
    await composer(page).fill('mine');
    await page.keyboard.press('Enter');
    await log(page).locator('[data-message]').getByText('mine').click({ button: 'right' });
    await page.getByRole('menuitem', { name: reply, exact: true }).click();
    await page.getByText(title, { exact: true }).waitFor();
  });

  it.each([
    ['en', 'light', 1280],
    ['ar', 'dark', 1280],
    ['ru', 'light', 390],
    ['ar', 'light', 390],
  ] as const)('axe finds nothing serious (%s, %s, %i px)', async (locale, colorScheme, width) => {
    const { anna } = await site.people();
    const page = await site.browser
      .newContext({ locale, colorScheme, viewport: { width, height: 800 } })
      .then((context) => context.newPage());
    await page.goto(site.server.url);
    await page.locator('input[name=email]').waitFor();
    expect(await violations(page)).toEqual([]);
    const signed = await site.signedIn(anna, locale, { colorScheme, width });
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
    const { anna } = await site.people();
    const page = await opened(await site.signedIn(anna, locale, { colorScheme, width }), 'عمر الخوام');
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

  it('a screen reader hears who wrote each message, and what failed', async () => {
    const { anna, omar } = await site.people();
    const page = await opened(await site.signedIn(anna, 'en'), 'عمر الخوام');
    await composer(page).fill('mine');
    await page.keyboard.press('Enter');
    await log(page).locator('[data-message][data-own]').waitFor();
    expect(await log(page).locator('[data-message]').first().innerText()).toContain('عمر الخوام');
    expect(await log(page).locator('[data-message]').last().innerText()).toContain('You');
    await site.server.api('PUT', `/api/v2/users/${anna}/block`, { as: omar });
    await composer(page).fill('refused');
    await page.keyboard.press('Enter');
    await log(page).getByRole('alert').getByText('You have no access to this.').waitFor();
    await log(page).getByText('السلام عليكم').click({ button: 'right' });
    await page.getByRole('menuitemcheckbox', { name: 'React with 👍' }).click();
    await page.getByRole('alert').getByRole('button', { name: 'Close' }).waitFor();
    expect(await violations(page)).toEqual([]);
  });

  it('the focus stays at a message that is deleted by keyboard', async () => {
    const { anna } = await site.people();
    const page = await opened(await site.signedIn(anna, 'en'), 'عمر الخوام');
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
    const { anna } = await site.people();
    const page = await opened(await site.signedIn(anna, 'en'), 'عمر الخوام');
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
    const { anna } = await site.people();
    const page = await site.signedIn(anna, 'en');
    await page.getByRole('button', { name: 'Account and settings' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.evaluate(() => localStorage.getItem('majlis:session'))).toBeNull();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });
});
