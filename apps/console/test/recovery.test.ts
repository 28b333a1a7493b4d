import { describe, expect, it } from 'vitest';
import { composer, executablePath, log, opened, startConsole } from './support/console.ts';

describe.skipIf(!executablePath)('console: after an absence', () => {
  const site = startConsole();

  it('what was read on another device while the connection was away is not counted any more', async () => {
    const { anna, omar } = await site.people();
    const o = await site.signedIn(omar, 'ru');
    const { body } = await site.server.api('GET', '/api/v2/chats', { as: anna });
    const chatId = body.data[0].id;
    const send = async (content: string) =>
      (await site.server.api('POST', `/api/v2/chats/${chatId}/messages`, { as: anna, body: { type: 'text', content } })).body;
    await send('раз');
    const last = await send('два');
    await o.getByText('2 непрочитанных сообщения').waitFor();
    site.proxy.refuse();
    await o.getByText('Переподключение…').waitFor();
    await site.server.api('POST', `/api/v2/chats/${chatId}/read`, { as: omar, body: { message_id: last.id } });
    site.proxy.accept();
    await o.getByText('2 непрочитанных сообщения').waitFor({ state: 'detached' });
    await send('три');
    await o.getByText('1 непрочитанное сообщение').waitFor();
  });

  it('a chat from further down than the list was read stays open over a reconnection, until one is removed from it', async () => {
    const { anna, omar } = await site.people();
    const as = { key: true, onBehalfOf: omar } as const;
    const body = { type: 'group', member_ids: [anna], title: 'Archive' };
    const { body: group } = await site.server.api('POST', '/api/v2/chats', { as: anna, body: { ...body, member_ids: [omar] } });
    for (let count = 1; count <= 100; count++)
      await site.server.api('POST', '/api/v2/chats', { ...as, body: { ...body, title: `${count}` } });
    const o = await site.signedIn(omar, 'en');
    await o.getByRole('button', { name: 'Show more chats' }).waitFor();
    await o.goto(`${site.url}/app/chats/${group.id}`);
    await composer(o).fill('unfinished');
    site.proxy.refuse();
    await o.getByText('Reconnecting…').waitFor();
    const read = o.waitForResponse((response) => response.url().includes('cursor='));
    site.proxy.accept();
    await read;
    expect(await composer(o).inputValue()).toBe('unfinished');
    await site.server.api('DELETE', `/api/v2/chats/${group.id}/members/${omar}`, { as: anna });
    await o.getByText('You have no access to this.').waitFor();
  });

  it('many messages that are read on another device at once cost few requests', async () => {
    const { anna, omar } = await site.people();
    const o = await site.signedIn(omar, 'en');
    const { body } = await site.server.api('GET', '/api/v2/chats', { as: anna });
    const chatId = body.data[0].id;
    let last = { id: '' };
    for (let count = 1; count <= 30; count++) {
      const text = { type: 'text', content: `${count}` };
      last = (await site.server.api('POST', `/api/v2/chats/${chatId}/messages`, { as: anna, body: text })).body;
    }
    await o.getByText('30 unread messages').waitFor();
    const requests: string[] = [];
    o.on('request', (request) => request.method() === 'GET' && requests.push(request.url()));
    await site.server.api('POST', `/api/v2/chats/${chatId}/read`, { as: omar, body: { message_id: last.id } });
    await o.getByText('30 unread messages').waitFor({ state: 'detached' });
    await site.server.api('POST', `/api/v2/chats/${chatId}/messages`, { as: anna, body: { type: 'text', content: 'barrier' } });
    await o.getByText('barrier').waitFor();
    expect(requests.filter((url) => url.endsWith(chatId)).length).toBeLessThan(5);
  });

  it('what is written while the connection is away is sent when it is back, once', async () => {
    const { anna, omar } = await site.people();
    const a = await opened(await site.signedIn(anna, 'en'), 'عمر الخوام');
    site.proxy.refuse();
    await a.getByText('Reconnecting…').waitFor();
    for (const text of ['first', 'second']) {
      await composer(a).fill(text);
      await composer(a).press('Enter');
    }
    expect(await log(a).getByRole('img', { name: 'Waiting to be sent' }).count()).toBe(2);
    site.proxy.accept();
    await a.getByText('Reconnecting…').waitFor({ state: 'detached' });
    await log(a).getByRole('img', { name: 'Waiting to be sent' }).first().waitFor({ state: 'detached' });
    const o = await opened(await site.signedIn(omar, 'en'), 'Анна Иванова');
    await log(o).getByText('second').waitFor();
    expect(await log(o).locator('[data-message] [dir=auto]').allInnerTexts()).toEqual(['السلام عليكم', 'first', 'second']);
  });

  it('a chat that could not be read while the connection was away is read once it is back', async () => {
    const { anna } = await site.people();
    const a = await site.signedIn(anna, 'en');
    await a.getByRole('link', { name: 'عمر الخوام' }).waitFor();
    site.proxy.refuse();
    await a.getByText('Reconnecting…').waitFor();
    await a.getByRole('link', { name: 'عمر الخوام' }).click();
    await a.getByText('The server cannot be reached.').waitFor();
    site.proxy.accept();
    await log(a).getByText('السلام عليكم').waitFor();
  });

  it.each([
    ['en', 'Your session has ended. Please sign in again.'],
    ['ar', 'انتهت جلستك. يرجى تسجيل الدخول من جديد.'],
    ['ru', 'Сеанс завершён. Войдите снова.'],
  ])('who is signed out by the server is told so (%s)', async (locale, text) => {
    const { anna } = await site.people();
    const page = await site.signedIn(anna, locale);
    await page.getByRole('link', { name: 'عمر الخوام' }).waitFor();
    await page.evaluate(() => {
      const session = JSON.parse(localStorage.getItem('majlis:session') ?? '');
      localStorage.setItem('majlis:session', JSON.stringify({ ...session, access_token: 'ended', refresh_token: 'ended' }));
    });
    await page.reload();
    await page.getByRole('alert').getByText(text).waitFor();
    await page.locator('input[name=email]').fill(`${anna}@example.org`);
    await page.locator('input[name=password]').fill('correct horse');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'عمر الخوام' }).waitFor();
    await page.locator('button[aria-haspopup=menu]').last().click();
    await page.getByRole('menuitem').last().click();
    await page.locator('input[name=email]').waitFor();
    expect(await page.getByText(text).count(), 'who signs out knows').toBe(0);
  });
});
