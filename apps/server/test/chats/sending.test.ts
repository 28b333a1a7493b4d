import { v2 } from '@majlis/contract';
import { expect, test } from 'vitest';
import { caughtUp, makeDirect, makeGroup, makeUsers, ok, onServers, say, TIME, UUID_V7, v2Client, v2Clients } from '../support/chats.ts';
import type { Client } from '../support/sockets.ts';

const PHOTO = 'https://storage.service.com/photos/123.jpg';
const characters = (count: number) => '😀'.repeat(count);

onServers('sending messages', (server) => {
  /** A direct chat of two new users, both connected. */
  async function pair() {
    const [anna, boris] = await makeUsers(server(), 'Anna', 'Boris');
    const chat = await makeDirect(server(), anna, boris);
    const [annas, boriss] = await v2Clients(server(), anna, boris);
    return { anna, boris, annas, boriss, chat };
  }

  test("`chat:message:send` is acknowledged `{status:'sent', message_id, created_at, seq}`, then `chat:message:new` Message to every member's sockets, the sender's too", async () => {
    const { anna, annas, boriss, chat } = await pair();
    const annasTablet = await v2Client(server(), anna);
    const ack = await annas.ask('chat:message:send', { chat_id: chat.id, type: 'text', content: 'Hello!', metadata: {} });
    expect(ack).toEqual({
      status: 'sent',
      message_id: expect.stringMatching(UUID_V7),
      created_at: expect.stringMatching(TIME),
      seq: 1,
    });
    const message = {
      id: ack.message_id,
      chat_id: chat.id,
      seq: 1,
      version: 1,
      sender_id: anna,
      sender_name: 'Anna',
      sender_avatar: 'https://avatars.test/Anna.jpg',
      type: 'text',
      content: 'Hello!',
      metadata: {},
      client_message_id: null,
      reply_to: null,
      reactions: [],
      created_at: ack.created_at,
      edited_at: null,
      deleted_at: null,
      status: 'sent',
    };
    for (const client of [annas, annasTablet, boriss]) expect(await client.next('chat:message:new')).toEqual(message);
    await caughtUp(annas, annasTablet, boriss);
    for (const client of [annas, annasTablet, boriss]) expect(client.of('chat:message:new')).toHaveLength(1);
  });

  test("the document's client, which gives no callback, is served as well", async () => {
    const { annas, boriss, chat } = await pair();
    annas.tell('chat:message:send', { chat_id: chat.id, type: 'text', content: 'no callback' });
    expect(await boriss.next('chat:message:new')).toMatchObject({ content: 'no callback', seq: 1 });
  });

  test('"Every event that the server sends has exactly one argument (`pong` included)"', async () => {
    const { annas, boriss, chat } = await pair();
    await say(annas, chat.id, 'one');
    await boriss.ask('chat:typing', { chat_id: chat.id, is_typing: true });
    await boriss.ask('chat:message:read', { chat_id: chat.id, message_id: (await boriss.next('chat:message:new')).id });
    await annas.next('chat:message:read');
    annas.tell('ping');
    await annas.next('pong');
    for (const { event, arguments: count } of annas.all.filter(({ event }) => event !== 'connect'))
      expect([event, count]).toEqual([event, 1]);
    expect(annas.all.map(({ event }) => event)).toEqual(
      expect.arrayContaining([
        'connected',
        'sync:required',
        'chat:message:new',
        'chat:message:delivered',
        'chat:typing',
        'chat:message:read',
        'pong',
      ]),
    );
  });

  test('"An event may arrive before `chat:join` of its chat, in the same burst as the connection: the token authorises it, never the joining"', async () => {
    const { boris, boriss, chat } = await pair();
    const again = await v2Client(server(), boris, { autoConnect: false });
    again.tell('chat:message:send', { chat_id: chat.id, type: 'text', content: 'before the join' });
    again.tell('chat:join', { chat_id: chat.id });
    expect(await boriss.next('chat:message:new')).toMatchObject({ content: 'before the join' });
  });

  // The eight payloads of the document, word for word.
  test.each<[v2.MessageTypeName, string, Record<string, unknown> | undefined]>([
    ['text', 'Hello, how are you?', undefined],
    ['photo', PHOTO, { width: 1080, height: 1920, thumbnail: 'https://storage.service.com/photos/123_thumb.jpg' }],
    [
      'video',
      'https://storage.service.com/videos/456.mp4',
      { duration: 30, thumbnail: 'https://storage.service.com/videos/456_thumb.jpg' },
    ],
    ['voice', 'https://storage.service.com/voice/789.m4a', { duration: 15 }],
    ['location', '55.7558,37.6173', { lat: 55.7558, lng: 37.6173, address: 'Красная площадь, Москва' }],
    ['profile_share', 'user-uuid', { name: 'Анна Иванова', avatar: 'https://storage.service.com/avatars/user.jpg', is_master: true }],
    ['post_share', 'post-uuid', { author_name: 'Мария', media_url: 'https://storage.service.com/posts/post.jpg' }],
    [
      'booking_proposal',
      'Хотите записаться на маникюр?',
      { service_id: 'service-uuid', service_name: 'Маникюр', price: 2000, duration: 60 },
    ],
  ])("the document's `%s` arrives as it was sent", async (type, content, metadata) => {
    const { annas, boriss, chat } = await pair();
    expect(await annas.ask('chat:message:send', { chat_id: chat.id, type, content, ...(metadata && { metadata }) })).toMatchObject({
      status: 'sent',
    });
    const message = await boriss.next('chat:message:new');
    expect(message).toMatchObject({ type, content, metadata: metadata ?? {} });
    const { data } = ok(await server().api('GET', `/api/v2/chats/${chat.id}/messages`, { as: chat.created_by }));
    expect(data).toEqual([{ ...message, status: 'delivered' }]);
  });

  test('"Metadata keys are optional; … other keys are kept"', async () => {
    const { annas, boriss, chat } = await pair();
    const metadata = { width: 10, own: { nested: [1, null, 'x'], 'a b': true }, null: null };
    for (const [type, content] of [
      ['photo', PHOTO],
      ['text', 'text'],
    ]) {
      await annas.ask('chat:message:send', { chat_id: chat.id, type, content, metadata });
      expect((await boriss.next('chat:message:new', (message) => message.type === type)).metadata).toEqual(metadata);
    }
  });

  test('a location\'s metadata is "filled from `content` where absent"', async () => {
    const { annas, boriss, chat } = await pair();
    const sent: [string, object | undefined, object][] = [
      ['55.7558,37.6173', undefined, { lat: 55.7558, lng: 37.6173 }],
      ['-90,180', {}, { lat: -90, lng: 180 }],
      ['1.50,2', { lat: 1.5, address: 'here', floor: 3 }, { lat: 1.5, lng: 2, address: 'here', floor: 3 }],
    ];
    for (const [content, metadata, filled] of sent) {
      expect(await annas.ask('chat:message:send', { chat_id: chat.id, type: 'location', content, metadata })).toMatchObject({
        status: 'sent',
      });
      expect((await boriss.next('chat:message:new', (message) => message.content === content)).metadata).toEqual(filled);
    }
  });

  /** What is refused, and the field that the answer names. */
  const REFUSED: [string, Record<string, unknown>, 'INVALID_DATA' | 'MESSAGE_TOO_LARGE', string][] = [
    ['an unknown type', { type: 'sticker', content: 'x' }, 'INVALID_DATA', 'type'],
    ['no type', { content: 'x' }, 'INVALID_DATA', 'type'],
    ['a type that is no string', { type: 1, content: 'x' }, 'INVALID_DATA', 'type'],
    ['a name that every object has', { type: 'constructor', content: 'x' }, 'INVALID_DATA', 'type'],
    ['no content', { type: 'text' }, 'INVALID_DATA', 'content'],
    ['content that is no string', { type: 'text', content: { a: 1 } }, 'INVALID_DATA', 'content'],
    ['empty text', { type: 'text', content: '' }, 'INVALID_DATA', 'content'],
    ['text with NUL', { type: 'text', content: 'a\0b' }, 'INVALID_DATA', 'content'],
    ['text of 4,097 characters', { type: 'text', content: 'x'.repeat(4097) }, 'MESSAGE_TOO_LARGE', 'content'],
    ['text of 4,097 characters beyond the BMP', { type: 'text', content: characters(4097) }, 'MESSAGE_TOO_LARGE', 'content'],
    ['a URL of over 4,096 characters', { type: 'photo', content: `${PHOTO}?${'x'.repeat(4096)}` }, 'MESSAGE_TOO_LARGE', 'content'],
    ['over 16 KiB of metadata', { type: 'text', content: 'x', metadata: { a: 'ж'.repeat(8192) } }, 'MESSAGE_TOO_LARGE', 'metadata'],
    ['metadata that is no object', { type: 'text', content: 'x', metadata: 'x' }, 'INVALID_DATA', 'metadata'],
    ['metadata that is a list', { type: 'text', content: 'x', metadata: [] }, 'INVALID_DATA', 'metadata'],
    ['a photo that is no URL', { type: 'photo', content: 'photo.jpg' }, 'INVALID_DATA', 'content'],
    ['a photo that is script', { type: 'photo', content: 'javascript:alert(1)' }, 'INVALID_DATA', 'content'],
    ['a video that is a file', { type: 'video', content: 'file:///etc/passwd' }, 'INVALID_DATA', 'content'],
    ['a voice that is empty', { type: 'voice', content: '' }, 'INVALID_DATA', 'content'],
    ['width that is text', { type: 'photo', content: PHOTO, metadata: { width: '1080' } }, 'INVALID_DATA', 'metadata.width'],
    ['height below zero', { type: 'photo', content: PHOTO, metadata: { height: -1 } }, 'INVALID_DATA', 'metadata.height'],
    ['a thumbnail that is no URL', { type: 'photo', content: PHOTO, metadata: { thumbnail: 'x' } }, 'INVALID_DATA', 'metadata.thumbnail'],
    ['a thumbnail that is null', { type: 'photo', content: PHOTO, metadata: { thumbnail: null } }, 'INVALID_DATA', 'metadata.thumbnail'],
    [
      "a video's duration that is text",
      { type: 'video', content: PHOTO, metadata: { duration: 'long' } },
      'INVALID_DATA',
      'metadata.duration',
    ],
    [
      "a video's thumbnail that is no URL",
      { type: 'video', content: PHOTO, metadata: { thumbnail: 1 } },
      'INVALID_DATA',
      'metadata.thumbnail',
    ],
    [
      "a voice's duration that is text",
      { type: 'voice', content: PHOTO, metadata: { duration: '15' } },
      'INVALID_DATA',
      'metadata.duration',
    ],
    ['a location that is no pair', { type: 'location', content: '55.7558' }, 'INVALID_DATA', 'content'],
    ['a location of words', { type: 'location', content: 'here,there' }, 'INVALID_DATA', 'content'],
    ['a latitude out of range', { type: 'location', content: '90.1,0' }, 'INVALID_DATA', 'content'],
    ['a longitude out of range', { type: 'location', content: '0,-180.5' }, 'INVALID_DATA', 'content'],
    ['a latitude that differs from content', { type: 'location', content: '55,37', metadata: { lat: 56 } }, 'INVALID_DATA', 'metadata.lat'],
    ['a longitude that differs from content', { type: 'location', content: '55,37', metadata: { lng: 3 } }, 'INVALID_DATA', 'metadata.lng'],
    ['a latitude that is text', { type: 'location', content: '55,37', metadata: { lat: '55' } }, 'INVALID_DATA', 'metadata.lat'],
    ['an address that is a number', { type: 'location', content: '55,37', metadata: { address: 5 } }, 'INVALID_DATA', 'metadata.address'],
    ['a shared profile without an id', { type: 'profile_share', content: '' }, 'INVALID_DATA', 'content'],
    ['a shared profile with an id of 65 characters', { type: 'profile_share', content: 'x'.repeat(65) }, 'INVALID_DATA', 'content'],
    [
      'is_master that is text',
      { type: 'profile_share', content: 'u', metadata: { is_master: 'yes' } },
      'INVALID_DATA',
      'metadata.is_master',
    ],
    ["a profile's name that is a number", { type: 'profile_share', content: 'u', metadata: { name: 1 } }, 'INVALID_DATA', 'metadata.name'],
    [
      "a profile's avatar that is a number",
      { type: 'profile_share', content: 'u', metadata: { avatar: 1 } },
      'INVALID_DATA',
      'metadata.avatar',
    ],
    ['a shared post with a line break in its id', { type: 'post_share', content: 'a\nb' }, 'INVALID_DATA', 'content'],
    [
      'an author that is a list',
      { type: 'post_share', content: 'p', metadata: { author_name: [] } },
      'INVALID_DATA',
      'metadata.author_name',
    ],
    [
      "a post's media that is no URL",
      { type: 'post_share', content: 'p', metadata: { media_url: 'x' } },
      'INVALID_DATA',
      'metadata.media_url',
    ],
    ['a proposal without words', { type: 'booking_proposal', content: '' }, 'INVALID_DATA', 'content'],
    ['a price that is text', { type: 'booking_proposal', content: 'x', metadata: { price: '2000' } }, 'INVALID_DATA', 'metadata.price'],
    ['a price below zero', { type: 'booking_proposal', content: 'x', metadata: { price: -1 } }, 'INVALID_DATA', 'metadata.price'],
    [
      "a proposal's duration that is text",
      { type: 'booking_proposal', content: 'x', metadata: { duration: '1h' } },
      'INVALID_DATA',
      'metadata.duration',
    ],
    [
      'a service id that is a number',
      { type: 'booking_proposal', content: 'x', metadata: { service_id: 1 } },
      'INVALID_DATA',
      'metadata.service_id',
    ],
    [
      'a service name that is a number',
      { type: 'booking_proposal', content: 'x', metadata: { service_name: 1 } },
      'INVALID_DATA',
      'metadata.service_name',
    ],
    ['an empty client_message_id', { type: 'text', content: 'x', client_message_id: '' }, 'INVALID_DATA', 'client_message_id'],
    [
      'a client_message_id of 65 characters',
      { type: 'text', content: 'x', client_message_id: 'x'.repeat(65) },
      'INVALID_DATA',
      'client_message_id',
    ],
    ['a client_message_id that is a number', { type: 'text', content: 'x', client_message_id: 1 }, 'INVALID_DATA', 'client_message_id'],
    ['a reply to no message id', { type: 'text', content: 'x', reply_to: 'that one' }, 'INVALID_DATA', 'reply_to'],
    ['a reply to a number', { type: 'text', content: 'x', reply_to: 7 }, 'INVALID_DATA', 'reply_to'],
  ];

  test('"A type outside the eight or a wrong kind: `INVALID_DATA` naming the field. Over 4,096 characters or 16 KiB of metadata: `MESSAGE_TOO_LARGE`"', async () => {
    const { anna, annas, boriss, chat } = await pair();
    for (const [what, draft, code, field] of REFUSED) {
      const ack = await annas.ask('chat:message:send', { chat_id: chat.id, ...draft });
      expect([what, ack.status, ack.error?.code, ack.error?.details?.field]).toEqual([what, 'error', code, field]);
      expect(ack.error).toMatchObject({ event: 'chat:message:send', timestamp: expect.stringMatching(TIME), message: expect.any(String) });
      const rest = await server().api('POST', `/api/v2/chats/${chat.id}/messages`, { as: anna, body: draft });
      expect([what, rest.body.code, rest.body.details?.field, rest.status]).toEqual([
        what,
        code,
        field,
        code === 'INVALID_DATA' ? 400 : 413,
      ]);
    }
    // The client that gives no callback hears of it as well.
    expect(annas.of('error').map(({ code }) => code)).toEqual(REFUSED.map(([, , code]) => code));
    await caughtUp(boriss);
    expect(boriss.of('chat:message:new')).toEqual([]);
    expect(await say(annas, chat.id, 'still here')).toMatchObject({ seq: 1 });
  });

  test('"`text`: 1 to 4,096 characters", as code points; 16 KiB of metadata and 64 characters of client_message_id are allowed', async () => {
    const { annas, boriss, chat } = await pair();
    const metadata = { a: 'x'.repeat(16_384 - '{"a":""}'.length) };
    const draft = { metadata, client_message_id: 'ж'.repeat(64) };
    await say(annas, chat.id, characters(4096), draft);
    expect(await boriss.next('chat:message:new')).toMatchObject({ content: characters(4096), ...draft });
  });

  test('"Unknown keys in a payload are ignored, never echoed"', async () => {
    const { annas, boriss, chat } = await pair();
    const ack = await annas.ask('chat:message:send', {
      chat_id: chat.id,
      type: 'text',
      content: 'x',
      id: 'mine',
      seq: 99,
      sender_id: 'somebody',
      constructor: 1,
    });
    expect(Object.keys(ack)).toEqual(['status', 'message_id', 'created_at', 'seq']);
    const message = await boriss.next('chat:message:new');
    expect(Object.keys(message).toSorted()).toEqual(Object.keys(v2.Message.shape).toSorted());
    expect(message).toMatchObject({ id: ack.message_id, seq: 1 });
  });

  test('"lone surrogates and NUL are `INVALID_DATA`", wherever they are', async () => {
    const { annas, chat } = await pair();
    for (const draft of [
      { content: '\ud800' },
      { content: 'x', metadata: { a: ['\udc00'] } },
      { content: 'x', metadata: { '\0': 1 } },
      { content: 'x', client_message_id: 'a\0' },
    ]) {
      const { error } = await annas.ask('chat:message:send', { chat_id: chat.id, type: 'text', ...draft });
      expect(error).toMatchObject({ code: 'INVALID_DATA' });
    }
  });

  test('"Ids inside messages are checked for form, not existence": a reply names any message', async () => {
    const { annas, boriss, chat } = await pair();
    const first = await say(annas, chat.id, 'first');
    await say(annas, chat.id, 'a reply', { reply_to: first.message_id });
    expect((await boriss.next('chat:message:new', ({ content }) => content === 'a reply')).reply_to).toBe(first.message_id);
    const unknown = '0190a0a0-0000-7000-8000-000000000000';
    await say(annas, chat.id, 'to nothing', { reply_to: unknown });
    expect((await boriss.next('chat:message:new', ({ content }) => content === 'to nothing')).reply_to).toBe(unknown);
  });

  test('"The acknowledgement is sent after the message is durably stored, never before"', async () => {
    const { anna, annas, chat } = await pair();
    for (let i = 1; i <= 20; i++) {
      const { message_id } = await say(annas, chat.id, `message ${i}`);
      const { data } = ok(await server().api('GET', `/api/v2/chats/${chat.id}/messages?after_seq=${i - 1}`, { as: anna }));
      expect(data.map(({ id }: v2.Message) => id)).toEqual([message_id]);
    }
  });

  test('"`seq` counts 1, 2, 3 … in each chat without gaps; every member sees a chat\'s messages in `seq` order", whoever sends at once', async () => {
    const users = await makeUsers(server(), 'A', 'B', 'C', 'D');
    const chat = await makeGroup(server(), ...users);
    const other = await makeGroup(server(), ...users);
    const clients: Client[] = [...(await v2Clients(server(), ...users)), await v2Client(server(), users[0])];
    const each = 40;
    const acks = await Promise.all(
      clients.flatMap((client, c) => Array.from({ length: each }, (_, i) => say(client, i % 4 === 3 ? other.id : chat.id, `${c}.${i}`))),
    );
    for (const [id, count] of [
      [chat.id, 150],
      [other.id, 50],
    ] as const) {
      const order = Array.from({ length: count }, (_, i) => i + 1);
      const seen = await Promise.all(
        clients.map((client) =>
          client.until(() => {
            const messages = client.of('chat:message:new').filter(({ chat_id }) => chat_id === id);
            return messages.length >= count ? messages : undefined;
          }),
        ),
      );
      for (const messages of seen) {
        expect(messages.map(({ seq }) => seq)).toEqual(order);
        expect(messages.map(({ version }) => version)).toEqual(order);
        expect(messages).toEqual(seen[0]);
      }
      const { data } = ok(await server().api('GET', `/api/v2/chats/${id}/messages?after_seq=0&limit=200`, { as: users[1] }));
      expect(data.map((message: v2.Message) => message.id)).toEqual(seen[0]!.map(({ id: messageId }) => messageId));
      // What one socket sent to a chat keeps its order.
      for (let c = 0; c < clients.length; c++) {
        const own = seen[0]!.flatMap(({ content }) => (content.startsWith(`${c}.`) ? [Number(content.split('.')[1])] : []));
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
    }
    expect(new Set(acks.map(({ message_id }) => message_id)).size).toBe(clients.length * each);
  });

  test('POST /chats/:id/messages "(as `chat:message:send`, answers the Message)" and reaches sockets', async () => {
    const { anna, annas, boriss, chat } = await pair();
    const { status, body } = await server().api('POST', `/api/v2/chats/${chat.id}/messages`, {
      as: anna,
      body: { type: 'location', content: '1,2', client_message_id: 'by-rest' },
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      type: 'location',
      content: '1,2',
      metadata: { lat: 1, lng: 2 },
      client_message_id: 'by-rest',
      seq: 1,
      status: 'delivered',
    });
    for (const client of [annas, boriss]) expect(await client.next('chat:message:new')).toEqual({ ...body, status: 'sent' });
  });
});
