import { Problem, type v2 } from '@majlis/contract';
import { readdirSync } from 'node:fs';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { STORAGE } from '../../src/storage/storage.module.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { makeUsers, ok, onServer, onServers, makeGroup, v2Client } from '../support/chats.ts';
import type { TestServer } from '../support/server.ts';
import { connected } from '../support/sockets.ts';
import { answerOf, bomb, bytes, download, HEADS, image, metadataOf, openUpload, upload } from './forms.ts';

const MAX = 200_000;
const DAY = 1_000_000;

/** The files that a server keeps, and those that are just coming in. */
const filesOf = ({ settings }: TestServer) => {
  const all = readdirSync(join(settings.DATA_DIR, 'uploads'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return { incoming: all.filter((file) => file.parentPath.endsWith('incoming')).length, kept: all.map(({ name }) => name) };
};

const tooLarge = { status: 413, code: 'MESSAGE_TOO_LARGE', details: { field: 'file', max_bytes: MAX } };

onServers(
  'uploads',
  (server) => {
    const sent = async (content: Parameters<typeof upload>[1], options: Parameters<typeof upload>[2]): Promise<v2.Upload> =>
      ok(await upload(server(), content, options));

    test('`POST /uploads` (multipart): a photo comes with its size and a thumbnail, `GET /uploads/:key` "is readable without a header"', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const content = await image('jpeg', 900, 600);
      const { status, body } = await upload(server(), content, { as: amal, name: 'غروب.jpg' });
      expect(status).toBe(201);
      expect(body).toEqual({
        key: expect.stringMatching(/^[0-9a-f]{32}$/),
        url: `${server().url}/api/v2/uploads/${body.key}`,
        kind: 'photo',
        content_type: 'image/jpeg',
        size: content.length,
        name: 'غروب.jpg',
        width: 900,
        height: 600,
        thumbnail: expect.stringContaining(`${server().url}/api/v2/uploads/`),
        created_at: expect.stringMatching(/Z$/),
      });
      const got = await download(body.url);
      expect([got.status, Buffer.compare(got.bytes, content)]).toEqual([200, 0]);
      expect(await metadataOf((await download(body.thumbnail)).bytes)).toMatchObject({ format: 'webp', width: 320, height: 213 });
      expect(filesOf(server()).incoming).toBe(0);
    });

    test('"photo: `content` an http(s) URL (uploads are delivered as absolute URLs); `metadata` {width, height, thumbnail}": an answer is what a message takes', async () => {
      const [amal, boris] = await makeUsers(server(), 'Amal', 'Boris');
      const { url, width, height, thumbnail } = await sent(await image('png'), { as: amal });
      const chat = await makeGroup(server(), amal, boris);
      const reader = await v2Client(server(), boris);
      const body = { type: 'photo', content: url, metadata: { width, height, thumbnail } };
      ok(await server().api('POST', `/api/v2/chats/${chat.id}/messages`, { as: amal, body }));
      const message = await reader.next('chat:message:new');
      expect(message).toMatchObject(body);
      expect((await download(message.content)).status).toBe(200);
    });

    test('"type sniffed": the content decides what it is, neither its name nor what the client calls it', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      for (const format of ['jpeg', 'png', 'gif', 'webp', 'avif'] as const) {
        const made = await sent(await image(format), { as: amal, name: 'letter.txt', type: 'text/html' });
        expect(made, format).toMatchObject({ kind: 'photo', content_type: `image/${format}`, width: 64, height: 48 });
      }
      const cases: [keyof typeof HEADS, string | undefined, v2.UploadKind, string][] = [
        ['mp4', undefined, 'video', 'video/mp4'],
        ['webm', 'video', 'video', 'video/webm'],
        ['m4a', undefined, 'voice', 'audio/mp4'],
        ['webm', 'voice', 'voice', 'audio/webm'],
        ['mp4', 'voice', 'voice', 'audio/mp4'],
        ['mp4', 'file', 'file', 'video/mp4'],
      ];
      for (const [head, declared, kind, content_type] of cases)
        expect(await sent(HEADS[head], { as: amal, ...(declared && { kind: declared }) }), `${head} ${declared}`).toMatchObject({
          kind,
          content_type,
        });
      expect(await sent(bytes('Dear all'), { as: amal, type: 'image/png' })).toMatchObject({
        kind: 'file',
        content_type: 'application/octet-stream',
      });
      const refused = await upload(server(), HEADS.m4a, { as: amal, kind: 'video' });
      expect(refused.body).toMatchObject({ code: 'INVALID_DATA', details: { field: 'file', problem: 'is not a video' } });
      expect((await upload(server(), HEADS.m4a, { as: amal, kind: 'film' })).body.details.field).toBe('kind');
    });

    test('hostile files as photos: SVG, HTML, scripts, truncated images, bombs are refused; undeclared, they are only ever downloaded', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const photo = await image('png', 200, 200);
      const hostile = {
        svg: bytes('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        svgWithProlog: bytes('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        html: bytes('<!doctype html><script>alert(document.cookie)</script>'),
        gifInName: bytes('GIF89a=1;alert(1)//'),
        truncated: photo.slice(0, photo.length - 20),
        headOnly: (await image('jpeg', 400, 400)).slice(0, 30),
        bomb: bomb(),
      };
      for (const [name, content] of Object.entries(hostile)) {
        const refused = await upload(server(), content, { as: amal, kind: 'photo', type: 'image/png', name: 'photo.png' });
        expect(refused.body, name).toMatchObject({ status: 400, code: 'INVALID_DATA', details: { field: 'file' } });
        const { url, kind, thumbnail } = await sent(content, { as: amal, type: 'image/png', name: 'photo.png' });
        expect([kind, thumbnail], name).toEqual(['file', null]);
        expect((await download(url)).headers.get('content-disposition'), name).toBe('attachment; filename=photo.png');
      }
      expect(filesOf(server()).incoming).toBe(0);
    });

    test('"safe headers": nothing that was uploaded runs in a page, a polyglot neither, and what is shown is shown as what it is', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const polyglot = new Uint8Array([...(await image('gif')), ...bytes('<script>alert(1)</script>PK\u0003\u0004')]);
      const { url } = await sent(polyglot, { as: amal, name: 'a"\r\nSet-Cookie: x=1.html' });
      const { headers } = await download(url);
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-type': 'image/gif',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; sandbox",
        'cross-origin-resource-policy': 'cross-origin',
        'cache-control': 'private, max-age=31536000, immutable',
      });
      expect(headers.get('content-disposition')).toMatch(/^inline; filename=/);
      expect(headers.get('set-cookie')).toBeNull();
    });

    test('Range, for video and voice; conditional requests; HEAD', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const content = new Uint8Array([...HEADS.mp4, ...Array.from({ length: 1_000 }, (_, i) => i % 256)]);
      const { url, size } = await sent(content, { as: amal });
      const part = async (range: string, more = {}) => {
        const { status, headers, bytes: got } = await download(url, { range, ...more });
        return [status, headers.get('content-range'), got.length];
      };
      expect(await part('bytes=10-19')).toEqual([206, `bytes 10-19/${size}`, 10]);
      expect(Buffer.from((await download(url, { range: 'bytes=10-19' })).bytes)).toEqual(Buffer.from(content.slice(10, 20)));
      expect(await part('bytes=1000-')).toEqual([206, `bytes 1000-${size - 1}/${size}`, size - 1000]);
      expect(await part('bytes=-5')).toEqual([206, `bytes ${size - 5}-${size - 1}/${size}`, 5]);
      expect(await part('bytes=99999-')).toEqual([416, `bytes */${size}`, 0]);
      expect(await part('bytes=0-0,5-6')).toEqual([200, null, size]);
      expect(await part('apples=1-2')).toEqual([200, null, size]);
      const whole = await download(url);
      const etag = whole.headers.get('etag')!;
      expect([whole.headers.get('accept-ranges'), whole.headers.get('content-length')]).toEqual(['bytes', String(size)]);
      expect(await part('bytes=10-19', { 'if-range': etag })).toEqual([206, `bytes 10-19/${size}`, 10]);
      expect(await part('bytes=10-19', { 'if-range': '"other"' })).toEqual([200, null, size]);
      const again = await download(url, { 'if-none-match': `"other", W/${etag}` });
      expect([again.status, again.bytes.length]).toEqual([304, 0]);
      const head = await fetch(url, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length'), (await head.text()).length]).toEqual([200, String(size), 0]);
    });

    test('"size limited": one byte more is a 413 in problem+json that says how much is allowed, whether or not the client said how much comes', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      expect(await sent(new Uint8Array(MAX), { as: amal })).toMatchObject({ size: MAX, kind: 'file' });
      const { headers, body } = await upload(server(), new Uint8Array(MAX + 1), { as: amal });
      expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(Problem.parse(body)).toMatchObject(tooLarge);
      // Far more than is read of it, of unknown length.
      const chunk = new Uint8Array(65_536);
      const endless = new ReadableStream({
        start: (controller) => controller.enqueue(bytes('--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n')),
        async pull(controller) {
          await setImmediate();
          controller.enqueue(chunk);
        },
      });
      const request = { method: 'POST', body: endless, duplex: 'half' } as RequestInit;
      const type = { authorization: `Bearer ${server().token(amal)}`, 'content-type': 'multipart/form-data; boundary=b' };
      const ended = new AbortController();
      const response = await fetch(`${server().url}/api/v2/uploads`, { ...request, headers: type, signal: ended.signal });
      expect((await answerOf(response)).body).toMatchObject(tooLarge);
      ended.abort();
      // Said beforehand, nothing of it is read.
      const { socket, answer } = openUpload(server(), amal, 10 ** 12);
      expect(await answer).toContain('"max_bytes":200000');
      socket.destroy();
      expect(filesOf(server()).incoming).toBe(0);
    });

    test('what is no form with one file is INVALID_DATA; nobody uploads without a token', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const post = async (type: string, body: string) => {
        const headers = { authorization: `Bearer ${server().token(amal)}`, 'content-type': type };
        return (await answerOf(await fetch(`${server().url}/api/v2/uploads`, { method: 'POST', headers, body }))).body;
      };
      const part = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\ncontent\r\n';
      const cases: [type: string, body: string, field: string][] = [
        ['application/json', '{"file":"x"}', 'Content-Type'],
        ['text/plain', 'x', 'Content-Type'],
        ['multipart/form-data', `${part}--b--`, 'Content-Type'],
        ['multipart/form-data; boundary=b', part, 'payload'],
        ['multipart/form-data; boundary=b', 'no part at all', 'payload'],
        ['multipart/form-data; boundary=b', '--b\r\nContent-Disposition: form-data; name="kind"\r\n\r\nfile\r\n--b--', 'file'],
        ['multipart/form-data; boundary=b', `${part}${part}--b--`, 'file'],
        ['multipart/form-data; boundary=b', `${part.replace('content', '')}--b--`, 'file'],
      ];
      for (const [type, body, field] of cases)
        expect(await post(type, body), body).toMatchObject({ code: 'INVALID_DATA', details: { field } });
      expect((await upload(server(), bytes('x'), {})).status).toBe(401);
      expect(filesOf(server()).incoming).toBe(0);
    });

    test('a key that was never given out is NOT_FOUND, a path into the disk too', async () => {
      for (const key of [
        '0'.repeat(32),
        'incoming',
        '..%2f..%2fmajlis.sqlite',
        '%2e%2e',
        '../../majlis.sqlite',
        '0',
        'A'.repeat(32),
        '%00'.repeat(32),
      ]) {
        const { status, headers } = await download(`${server().url}/api/v2/uploads/${key}`);
        expect([key, status === 404 || status === 400, headers.get('content-type')]).toEqual([
          key,
          true,
          expect.stringMatching(/problem\+json/),
        ]);
      }
    });

    test('EXIF: a photo lies on its side no more, and its thumbnail does not say where it was taken', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const content = await image('jpeg', 400, 200, 6);
      expect(Buffer.from(content).includes('the-place')).toBe(true);
      const { width, height, thumbnail } = await sent(content, { as: amal });
      expect([width, height]).toEqual([200, 400]);
      const small = (await download(thumbnail!)).bytes;
      const meta = await metadataOf(small);
      expect([meta.width, meta.height, meta.exif, meta.orientation]).toEqual([160, 320, undefined, undefined]);
      expect(Buffer.from(small).includes('the-place')).toBe(false);
    });

    test('"rate limited": over what one may upload in a day it is RATE_LIMIT, before it is sent; an API key is not limited', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      for (let size = 0; size <= DAY; size += MAX) await sent(new Uint8Array(MAX), { as: amal });
      const { status, headers, body } = await upload(server(), new Uint8Array(MAX), { as: amal });
      expect([status, body.code]).toEqual([429, 'RATE_LIMIT']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(86_000);
      const key = { 'x-api-key': 'an-api-key-of-the-tests', 'x-on-behalf-of': amal };
      expect((await upload(server(), bytes('x'), { headers: key })).status).toBe(201);
    });

    test("Depth's and Allawzi's attachments take the same URLs", async () => {
      const [amal, boris] = await makeUsers(server(), 'Amal', 'Boris');
      const { url, name } = await sent(bytes('a letter'), { as: amal, name: 'letter.txt' });
      const made = async (path: string, body: object) => ok(await server().api('POST', path, { as: amal, body }));
      const ticket = await made('/api/v1/support/tickets', { subject: 'Help', message: 'see the file' });
      const message = await made(`/api/v1/support/tickets/${ticket.id}/messages`, { message: 'here', attachments: [url] });
      expect(JSON.stringify(message.attachments)).toContain(url);
      const project = await made('/api/v2/projects', { name: 'Site', member_ids: [boris] });
      const comment = await made(`/api/v2/projects/${project.id}/comments`, { comment: 'here', attachments: [url] });
      expect(JSON.stringify(comment)).toContain(url);
      // Depth's client names the file in `metadata.file`.
      const chat = await makeGroup(server(), amal, boris);
      const depth = await connected(server().url, '/chat', { token: server().token(amal) });
      const file = { conversationId: chat.id, type: 'file', content: url, metadata: { name } };
      expect((await depth.ask('chat:message', file)).data).toMatchObject({ type: 'file', content: url, metadata: { name } });
    });

    test('what an erased person uploaded is gone, its thumbnails too', async () => {
      const [amal, boris] = await makeUsers(server(), 'Amal', 'Boris');
      const gone = await sent(await image('png'), { as: amal });
      const stays = await sent(await image('png'), { as: boris });
      ok(await server().api('DELETE', `/api/v2/users/${amal}`, { key: true }));
      const statuses = await Promise.all(
        [gone.url, gone.thumbnail!, stays.url, stays.thumbnail!].map(async (url) => (await download(url)).status),
      );
      expect(statuses).toEqual([404, 404, 200, 200]);
      const { db } = server().app.get<Storage>(STORAGE, { strict: false });
      expect(await db.selectFrom('uploads').select('key').where('user_id', '=', amal).execute()).toEqual([]);
      expect(filesOf(server()).kept).not.toContain(gone.key);
      expect(filesOf(server()).kept).toContain(stays.key);
    });
  },
  { UPLOAD_MAX_BYTES: String(MAX), UPLOAD_MAX_BYTES_PER_DAY: String(DAY) },
);

onServer(
  'uploads that take their time',
  (server) => {
    test('a body that stops coming is given up, one whose sender goes away leaves nothing behind', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const before = filesOf(server()).kept.length;
      const slow = openUpload(server(), amal, 1_000);
      slow.socket.write('some of it');
      expect(await slow.answer).toContain('did not arrive within 1 s');
      slow.socket.destroy();
      const gone = openUpload(server(), amal, 1_000);
      gone.socket.write('some of it');
      while (filesOf(server()).incoming === 0) await delay(5);
      gone.socket.destroy();
      while (filesOf(server()).incoming > 0) await delay(5);
      expect(filesOf(server()).kept.length).toBe(before);
    });
  },
  { UPLOAD_TIMEOUT_S: '1' },
);

onServer(
  'uploads with PUBLIC_URL',
  (server) => {
    test('"URLs are delivered absolute (`PUBLIC_URL`)"', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const { url, key, thumbnail } = ok(await upload(server(), await image('png'), { as: amal }));
      expect(url).toBe(`https://chat.example.com/majlis/api/v2/uploads/${key}`);
      expect(thumbnail).toMatch(/^https:\/\/chat\.example\.com\/majlis\/api\/v2\/uploads\/[0-9a-f]{32}$/);
    });

    test('"rate limited": more than five at once are RATE_LIMIT; when one is over there is room again', async () => {
      const [amal] = await makeUsers(server(), 'Amal');
      const open = Array.from({ length: 5 }, () => openUpload(server(), amal, 1_000));
      while (filesOf(server()).incoming < 5) {
        open.forEach(({ socket }) => socket.write('x'));
        await delay(5);
      }
      const { status, headers, body } = await upload(server(), bytes('x'), { as: amal });
      expect([status, headers.get('retry-after'), body.details.problem]).toEqual([429, '1', 'more than 5 uploads at once']);
      for (const { socket } of open) socket.destroy();
      while (filesOf(server()).incoming > 0) await delay(5);
      expect((await upload(server(), bytes('x'), { as: amal })).status).toBe(201);
    });
  },
  { PUBLIC_URL: 'https://chat.example.com/majlis' },
);
